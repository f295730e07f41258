defmodule Mix.Tasks.Compile.LookoutNative do
  @shortdoc "Builds lookout_port with CMake"

  @moduledoc """
  Builds the port program `lookout_port` with CMake into the application's `priv`, or takes it from a cache.

  All that is built is below `Mix.Project.app_path/0`: objects in `native`, the program in `priv`. Nothing is written into the source tree. A build that has
  nothing to do prints nothing. A build that was interrupted goes on with the objects that it has.

  A program that was built from the same sources, by the same compiler with the same flags, Boost, ei and C library, is kept in `$XDG_CACHE_HOME/lookout`
  (`~/.cache/lookout`), so it is built once for all environments and projects, those of rebar3 included. The cache keeps ten programs; one that belongs to
  another user, or that others may write to, is not used. `LOOKOUT_CACHE=0` turns it off; a build for another machine does not use it.

  The build uses these environment variables, as CMake and Nerves define them: `CC`, `CXX`, `CFLAGS`, `CXXFLAGS`, `LDFLAGS`,
  `CMAKE_TOOLCHAIN_FILE`, `CMAKE_GENERATOR`, `CMAKE_PREFIX_PATH`, `BOOST_ROOT`, `ERL_EI_INCLUDE_DIR`, `ERL_EI_LIBDIR` and `MIX_TARGET`.
  When one of them changes, the old program is removed before the new one is built, so that no program for another machine remains.

  On macOS, BSD and Windows, where Lookout does not work, the task builds nothing, needs no tools, and prints one warning. A build for
  another machine (`CMAKE_TOOLCHAIN_FILE`, or a `MIX_TARGET` other than `host`) also works there.

  Options: `--force` builds anew, without the cache; `--verbose` shows the output of CMake.
  """

  use Mix.Task.Compiler

  alias Lookout.Platform

  @manifest "compile.lookout_native"
  @program "lookout_port"
  @sources ["CMakeLists.txt", "VERSION", "bin/build-native", "cmake/*.cmake", "c_src/**/*.{h,cpp,sh}"]
  @environment ~w(CC CXX CFLAGS CXXFLAGS LDFLAGS CMAKE_TOOLCHAIN_FILE CMAKE_GENERATOR
                  CMAKE_PREFIX_PATH BOOST_ROOT ERL_EI_INCLUDE_DIR ERL_EI_LIBDIR MIX_TARGET)

  # A build must not outlive the VM: the next one would meet it in the same folder. A port program
  # leads its process group and sees the end of its standard input when the VM is gone.
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

  defp build_if_stale(opts) do
    settings = settings()
    sources = sources()
    if opts[:force], do: clean()
    built? = read_manifest() == {settings, sources} and File.exists?(program()) and File.exists?(inotifywait())
    if built?, do: {:noop, []}, else: build(settings, sources, opts)
  end

  @impl true
  def manifests, do: [manifest(), skipped()]

  @impl true
  def clean do
    File.rm_rf!(build_dir())
    File.rm(program())
    File.rm(inotifywait())
    File.rm(manifest())
    File.rm(skipped())
    :ok
  end

  defp build(settings, sources, opts) do
    Mix.shell().info("Compiling #{@program} (CMake)")
    File.rm(manifest())
    script = ["/bin/sh", "bin/build-native", build_dir(), Path.dirname(program())]
    command = ["-c", @tied_to_vm, "sh" | script]

    case System.cmd("/bin/sh", command, stderr_to_stdout: true, into: output(), env: environment(opts)) do
      {_output, 0} -> if opts[:verbose], do: show_log()
      {_output, _status} -> Mix.raise("#{@program} could not be built, for the reason above.")
    end

    write_manifest({settings, sources})
    {:ok, []}
  end

  # Progress is shown while it is made.
  defp output, do: if(Mix.shell() == Mix.Shell.Quiet, do: "", else: IO.stream())

  # A program that was taken from the cache has none.
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

  # All that decides what a build comes out as, beside the sources.
  defp settings do
    %{
      environment: Map.new(@environment, &{&1, System.get_env(&1)}),
      toolchain: toolchain_text(System.get_env("CMAKE_TOOLCHAIN_FILE")),
      ei: ei_dirs(),
      architecture: :erlang.system_info(:system_architecture),
      source: File.cwd!(),
      build: build_dir()
    }
  end

  defp toolchain_text(nil), do: nil

  defp toolchain_text(path) do
    case File.read(path) do
      {:ok, text} -> text
      {:error, reason} -> reason
    end
  end

  defp sources do
    for pattern <- @sources, path <- Enum.sort(Path.wildcard(pattern)) do
      %File.Stat{mtime: mtime, size: size} = File.stat!(path)
      {path, mtime, size}
    end
  end

  defp read_manifest do
    with {:ok, bytes} <- File.read(manifest()),
         {_settings, _sources} = built <- :erlang.binary_to_term(bytes) do
      built
    else
      _ -> {nil, nil}
    end
  rescue
    ArgumentError -> {nil, nil}
  end

  defp write_manifest(built) do
    File.mkdir_p!(Path.dirname(manifest()))
    File.write!(manifest(), :erlang.term_to_binary(built))
  end

  defp skipped, do: Path.join(Mix.Project.manifest_path(), @manifest <> ".skipped")
  defp manifest, do: Path.join(Mix.Project.manifest_path(), @manifest)
  defp build_dir, do: Path.join(Mix.Project.app_path(), "native")
  defp program, do: Path.join([Mix.Project.app_path(), "priv", @program])
  defp inotifywait, do: Path.join([Mix.Project.app_path(), "priv", "inotifywait"])
end
