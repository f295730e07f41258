defmodule Mix.Tasks.Compile.LookoutNative do
  @shortdoc "Builds lookout_port with CMake"

  @moduledoc """
  Builds the port program `lookout_port` with CMake into the application's `priv`.

  All that is built stands below `Mix.Project.app_path/0`: objects in `native`, the program in
  `priv`. Nothing is written into the source tree. A build that has nothing to do says nothing.

  The environment is honoured as CMake and Nerves know it: `CC`, `CXX`, `CFLAGS`, `CXXFLAGS`,
  `LDFLAGS`, `CMAKE_TOOLCHAIN_FILE`, `CMAKE_GENERATOR`, `CMAKE_PREFIX_PATH`, `BOOST_ROOT`,
  `ERL_EI_INCLUDE_DIR`, `ERL_EI_LIBDIR` and `MIX_TARGET`. When one of them changes, the old program
  is removed before the new one is built, so that none for another machine is left.

  On macOS, BSD and Windows, where Lookout does not work, nothing is built, no tool is looked for, and one warning is printed. A build for another machine
  (`CMAKE_TOOLCHAIN_FILE`, or a `MIX_TARGET` other than `host`) is done there, too.

  Options: `--force` builds anew, `--verbose` shows what CMake says.
  """

  use Mix.Task.Compiler

  alias Lookout.Platform

  @manifest "compile.lookout_native"
  @program "lookout_port"
  @sources ["CMakeLists.txt", "VERSION", "cmake/*.cmake", "c_src/**/*.{h,cpp,sh}"]
  @environment ~w(CC CXX CFLAGS CXXFLAGS LDFLAGS CMAKE_TOOLCHAIN_FILE CMAKE_GENERATOR
                  CMAKE_PREFIX_PATH BOOST_ROOT ERL_EI_INCLUDE_DIR ERL_EI_LIBDIR MIX_TARGET)

  @impl true
  def run(args) do
    {opts, _, _} = OptionParser.parse(args, switches: [force: :boolean, verbose: :boolean])
    if Platform.target_supported?(System.get_env()), do: build_if_stale(opts), else: skip(opts)
  end

  # A file remembers that the warning was printed. What a build for Linux has left, as in a folder that a container
  # shares, stays.
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
    {built_settings, built_sources} = if opts[:force], do: {nil, nil}, else: read_manifest()
    sources = sources()

    cond do
      built_settings != settings ->
        clean()
        build(settings, sources, opts)

      built_sources != sources or not File.exists?(program()) or not File.exists?(inotifywait()) ->
        build(settings, sources, opts)

      true ->
        {:noop, []}
    end
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
    stage = Path.join(build_dir(), "stage")

    cmake!("configure", ["-S", File.cwd!(), "-B", build_dir()] ++ configure_args(), opts)
    cmake!("build", ["--build", build_dir(), "--parallel"] ++ jobs(), opts)
    cmake!("install", ["--install", build_dir(), "--prefix", stage, "--strip"], opts)

    # By rename: a program that runs keeps its file, and one that starts finds a whole one.
    File.mkdir_p!(Path.dirname(program()))
    File.rename!(Path.join(stage, @program), program())
    File.rename!(Path.join(stage, "inotifywait"), inotifywait())
    write_manifest({settings, sources})
    {:ok, []}
  end

  defp configure_args do
    {include, lib} = ei_dirs()

    ["-DERL_EI_INCLUDE_DIR=#{include}", "-DERL_EI_LIBDIR=#{lib}"] ++
      if(System.get_env("CMAKE_GENERATOR") || !System.find_executable("ninja"),
        do: [],
        else: ["-G", "Ninja"]
      )
  end

  # The Erlang that compiles knows where its own ei stands, whatever `erl` is in the path.
  defp ei_dirs do
    own =
      case :code.lib_dir(:erl_interface) do
        {:error, :bad_name} -> Path.join(to_string(:code.root_dir()), "usr")
        dir -> to_string(dir)
      end

    {System.get_env("ERL_EI_INCLUDE_DIR") || Path.join(own, "include"),
     System.get_env("ERL_EI_LIBDIR") || Path.join(own, "lib")}
  end

  defp jobs do
    if System.get_env("CMAKE_BUILD_PARALLEL_LEVEL"),
      do: [],
      else: [to_string(System.schedulers_online())]
  end

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

  defp cmake!(step, args, opts) do
    cmake = System.find_executable("cmake") || Mix.raise(missing("cmake", "CMake 3.25 or newer"))

    case System.cmd("/bin/sh", ["-c", @tied_to_vm, "sh", cmake | args], stderr_to_stdout: true) do
      {output, 0} ->
        if opts[:verbose], do: Mix.shell().info(output)

      {output, status} ->
        Mix.raise("""
        #{@program} could not be built: cmake ended with status #{status} (#{step}).
        #{hint(output)}
        #{String.trim_trailing(output)}
        """)
    end
  end

  # What CMake says before our own checks can say it better.
  defp hint(output) do
    if output =~ "CMAKE_MAKE_PROGRAM is not set",
      do: missing("ninja or make", "A build program", "ninja-build", "samurai", "ninja"),
      else: ""
  end

  defp missing(what, title, debian \\ "cmake", alpine \\ "cmake", brew \\ "cmake") do
    "#{title} is needed to build lookout_port and #{what} was not found. Install it: " <>
      "apt-get install #{debian} (Debian), apk add #{alpine} (Alpine), " <>
      "brew install #{brew} (macOS)."
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
