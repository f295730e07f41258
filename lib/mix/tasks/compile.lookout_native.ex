defmodule Mix.Tasks.Compile.LookoutNative do
  @shortdoc "Builds lookout_port with CMake"

  @moduledoc """
  Builds the port program `lookout_port` with CMake into the application's `priv`, or takes it from a cache.

  All that is built is below `Mix.Project.app_path/0`: objects in `native`, the program in `priv`. Nothing is written into the source tree. A build that has
  nothing to do prints nothing. A build that was interrupted goes on with the objects that it has.

  A program that was built from the same sources, by the same compiler with the same flags, Boost, ei and C library, is kept in `$XDG_CACHE_HOME/lookout`
  (`~/.cache/lookout`), so it is built once for all environments and projects, those of rebar3 included. The cache keeps ten programs; one that belongs to
  another user, or that others may write to, is not used. `LOOKOUT_CACHE=0` turns it off; a build for another machine does not use it.

  `LOOKOUT_PORT=/path` uses a copy of that program, which must be of this version, and builds nothing. `LOOKOUT_PRECOMPILED` is a folder or an
  address with archives of built programs: one for this version and machine is verified and used, else the task says why not, and builds
  (docs/releasing.md).

  The build uses the environment variables of CMake and Nerves: `CC`, `CXX`, `CFLAGS`, `CXXFLAGS`, `LDFLAGS`, `CMAKE_TOOLCHAIN_FILE`, `BOOST_ROOT`,
  `ERL_EI_INCLUDE_DIR`, `ERL_EI_LIBDIR`, `MIX_TARGET` and others (`bin/build-native`). When one of them changes, the old program is removed
  before the new one is built, so that no program for another machine remains.

  On macOS, BSD and Windows, where Lookout does not work, the task builds nothing, needs no tools, and prints one warning. A build for
  another machine (`CMAKE_TOOLCHAIN_FILE`, or a `MIX_TARGET` other than `host`) also works there.

  Options: `--force` builds anew, without the cache; `--verbose` shows the output of CMake.
  """

  use Mix.Task.Compiler

  alias Lookout.Support.Platform

  @manifest "compile.lookout_native"
  @program "lookout_port"
  @script "bin/build-native"

  # A build must not outlive the VM: the next build would run in the same folder at the same time. A port program is the
  # leader of its process group, and its standard input ends when the VM ends. So the script then kills the group.
  @tied_to_vm """
  exec 3<&0 </dev/null
  { cat <&3; kill -TERM 0; } >/dev/null 2>&1 &
  exec 3<&-
  "$@"
  status=$?
  kill $!
  exit $status
  """

  @impl true
  def run(args) do
    {opts, _, _} = OptionParser.parse(args, switches: [force: :boolean, verbose: :boolean])
    if Platform.target_supported?(System.get_env()), do: build_if_stale(opts), else: skip(opts)
  end

  # A file records that the warning was printed. The results of a build for Linux, for example in a directory that is
  # shared with a container, are kept.
  defp skip(opts) do
    if File.exists?(skipped()) and not Keyword.get(opts, :force, false) do
      {:noop, []}
    else
      Mix.shell().error(
        "warning: Lookout needs Linux, and this system is #{Platform.name()}: #{@program} is not built, and each " <>
          "start_link of Lookout returns the error :unsupported_system"
      )

      File.mkdir_p!(Path.dirname(skipped()))
      File.write!(skipped(), Platform.name())
      {:ok, []}
    end
  end

  # The script decides: it compares the sources, the settings and the environment with those of the last build. A new
  # compiler of the same name is not noticed.
  defp build_if_stale(opts) do
    if opts[:force], do: clean()
    if up_to_date?(opts), do: {:noop, []}, else: build(opts)
  end

  defp up_to_date?(opts) do
    match?({_output, 0}, System.cmd("/bin/sh", [@script, "--check" | places()], env: environment(opts)))
  end

  @impl true
  def manifests, do: [Path.join(build_dir(), "built"), skipped()]

  @impl true
  def clean do
    File.rm_rf!(build_dir())
    for name <- [@program, "inotifywait"], do: File.rm(Path.join(priv(), name))
    File.rm(skipped())
    :ok
  end

  defp build(opts) do
    Mix.shell().info("Compiling #{@program} (CMake)")
    command = ["-c", @tied_to_vm, "sh", "/bin/sh", @script | places()]

    case System.cmd("/bin/sh", command, stderr_to_stdout: true, into: output(), env: environment(opts)) do
      {_output, 0} -> if opts[:verbose], do: show_log()
      {output, _status} -> Mix.raise("#{@program} could not be built: " <> reason(output))
    end

    {:ok, []}
  end

  # A quiet shell has not shown the output.
  defp reason(output) when is_binary(output), do: "\n" <> output
  defp reason(_shown), do: "see the output above"

  # Streams the output of the script.
  defp output, do: if(Mix.shell() == Mix.Shell.Quiet, do: "", else: IO.stream())

  # There is no log if the program came from the cache.
  defp show_log do
    with {:ok, log} <- File.read(Path.join(build_dir(), "log")), do: Mix.shell().info(log)
  end

  defp environment(opts) do
    {include, lib} = ei_dirs()
    cache = if opts[:force], do: [{"LOOKOUT_CACHE", "0"}], else: []
    [{"ERL_EI_INCLUDE_DIR", include}, {"ERL_EI_LIBDIR", lib} | cache]
  end

  # Uses the ei library of the running Erlang/OTP, which may be another one than that of the `erl` in PATH.
  defp ei_dirs do
    own =
      case :code.lib_dir(:erl_interface) do
        {:error, :bad_name} -> Path.join(to_string(:code.root_dir()), "usr")
        dir -> to_string(dir)
      end

    {System.get_env("ERL_EI_INCLUDE_DIR") || Path.join(own, "include"),
     System.get_env("ERL_EI_LIBDIR") || Path.join(own, "lib")}
  end

  defp places, do: [build_dir(), priv()]
  defp skipped, do: Path.join(Mix.Project.manifest_path(), @manifest <> ".skipped")
  defp build_dir, do: Path.join(Mix.Project.app_path(), "native")
  defp priv, do: Path.join(Mix.Project.app_path(), "priv")
end
