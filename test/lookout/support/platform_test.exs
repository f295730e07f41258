defmodule Lookout.Support.PlatformTest do
  # Not async: the operating system is replaced for the whole VM.
  use Lookout.Case, async: false

  alias Lookout.{Command, Error, Runner}
  alias Lookout.Support.Platform

  @elsewhere [{:unix, :darwin}, {:unix, :freebsd}, {:win32, :nt}]

  setup do
    on_exit(fn -> Application.delete_env(:lookout, :os_type) end)
  end

  defp pretend(os_type), do: Application.put_env(:lookout, :os_type, os_type)

  # Defines a module for this test only.
  defp define(module, body) do
    Module.create(module, body, Macro.Env.location(__ENV__))

    on_exit(fn ->
      :code.purge(module)
      :code.delete(module)
    end)
  end

  test "the operating system is that of the VM unless a test says otherwise" do
    assert Platform.os_type() == :os.type()
    assert Lookout.supported?() == (:os.type() == {:unix, :linux})
  end

  describe "on another operating system" do
    for os_type <- @elsewhere do
      test "every start_link returns an error that says what to do (#{inspect(os_type)})", %{dir: dir} do
        pretend(unquote(os_type))
        refute Lookout.supported?()

        starts = [
          fn -> Lookout.start_link(dir) end,
          fn -> Lookout.start_link(dirs: dir, missing: :wait) end,
          fn -> Lookout.start_link(dirs: dir, ready: :async) end,
          fn -> Lookout.FileSystem.start_link(dirs: [dir]) end,
          fn -> Lookout.FileSystem.start_backend(dirs: [dir], worker_pid: self()) end,
          fn -> Command.start_link(["true"]) end,
          fn -> Command.run(["true"]) end,
          fn -> Runner.start_link(dirs: dir, run: fn _paths -> :ok end) end,
          fn -> Runner.start_link(dirs: dir, command: ["true"]) end,
          fn -> Runner.start_link(watcher: MyApp.Watcher, command: ["true"]) end,
          fn -> Runner.start_link(watcher: MyApp.Watcher, run: fn _paths -> :ok end) end
        ]

        for start <- starts do
          assert {:error, %Error{reason: :unsupported_system, detail: detail}} = start.()
          assert detail =~ "Lookout needs Linux, and this system is #{Platform.name()}; run this in Linux"
        end
      end
    end

    test "the names of processes that could not start are free again", %{dir: dir} do
      pretend({:unix, :darwin})
      assert {:error, %Error{}} = Lookout.start_link(dirs: dir, name: __MODULE__.Watcher)
      assert {:error, %Error{}} = Command.start_link(["true"], name: __MODULE__.Command)
      assert Process.whereis(__MODULE__.Watcher) == nil
      assert Process.whereis(__MODULE__.Command) == nil
    end

    test "streams and run! raise the error", %{dir: dir} do
      pretend({:unix, :darwin})

      for fun <- [
            fn -> Enum.take(Lookout.stream(dir), 1) end,
            fn -> Enum.to_list(Command.stream(["true"])) end,
            fn -> Command.run!(["true"]) end
          ] do
        assert %Error{reason: :unsupported_system} = assert_raise(Error, fun)
      end
    end

    test "a supervised child fails with the error, and a mistake in its options still raises", %{dir: dir} do
      pretend({:win32, :nt})
      assert {:error, {%Error{reason: :unsupported_system}, _child}} = start_supervised({Lookout, dirs: [dir]})
      assert_raise ArgumentError, fn -> Lookout.start_link(dirs: dir, settel: 5) end
      assert_raise ArgumentError, fn -> Command.start_link(["true"], stdn: :pipe) end
    end

    test "an error of a command points at ports, one of a watcher at the package file_system", %{dir: dir} do
      pretend({:unix, :darwin})
      assert {:error, %Error{operation: :run, detail: run}} = Command.run(["true"])
      assert {:error, %Error{operation: :watch, detail: watch}} = Lookout.start_link(dir)
      assert run =~ "System.cmd/3"
      assert watch =~ "Lookout.supported?/0"
      assert watch =~ "file_system"
    end
  end

  describe "Lookout.FileSystem on another operating system" do
    setup do
      define(
        FileSystem,
        quote do
          def start_link(options), do: {:ok, spawn_link(fn -> Process.exit(self(), {:started, options}) end)}
          def subscribe({owner, watcher}), do: send(owner, {:subscribed, watcher}) && :ok
        end
      )

      Process.flag(:trap_exit, true)
      :ok
    end

    test "start_link calls that of file_system with the options that file_system has", %{dir: dir} do
      pretend({:unix, :darwin})
      options = [dirs: [dir], name: MyApp.Files, latency: 5, backend: :fs_mac]
      assert {:ok, pid} = Lookout.FileSystem.start_link(options)
      assert_receive {:EXIT, ^pid, {:started, ^options}}

      assert {:ok, pid} = Lookout.FileSystem.start_link(dirs: [dir], settle: 5, backend: :inotify)
      assert_receive {:EXIT, ^pid, {:started, [dirs: [^dir]]}}

      assert {:ok, pid} = Lookout.FileSystem.start_link(dirs: [dir], backend: :poll, poll_interval: 100)
      assert_receive {:EXIT, ^pid, {:started, [dirs: [^dir], backend: :fs_poll, interval: 100]}}
    end

    test "subscribe calls that of file_system" do
      pretend({:unix, :darwin})
      assert Lookout.FileSystem.subscribe({self(), MyApp.Files}) == :ok
      assert_receive {:subscribed, MyApp.Files}
    end

    test "on Linux Lookout is used, whether file_system is loaded or not", %{dir: dir} do
      assert {:ok, pid} = Lookout.FileSystem.start_link(dirs: [dir])
      assert {:ok, _info} = Lookout.info(pid)
      :ok = Lookout.stop(pid)
    end
  end

  describe "the build on another operating system" do
    setup do
      shell = Mix.shell()
      path = System.get_env("PATH")
      note = Path.join(Mix.Project.manifest_path(), "compile.lookout_native.skipped")
      Mix.shell(Mix.Shell.Process)
      File.rm(note)

      on_exit(fn ->
        Mix.shell(shell)
        System.put_env("PATH", path)
        File.rm(note)
      end)
    end

    test "mix compile looks for no tool, builds nothing, and warns once", %{dir: dir} do
      pretend({:unix, :darwin})
      System.put_env("PATH", dir)
      program = Lookout.port_path()
      before = File.stat!(program)

      assert {:ok, []} = Mix.Tasks.Compile.LookoutNative.run([])
      assert_received {:mix_shell, :error, ["warning: Lookout needs Linux, and this system is macOS" <> _more]}
      assert {:noop, []} = Mix.Tasks.Compile.LookoutNative.run([])
      refute_received {:mix_shell, _kind, _text}
      assert {:ok, []} = Mix.Tasks.Compile.LookoutNative.run(["--force"])
      assert_received {:mix_shell, :error, _text}
      assert File.stat!(program) == before
    end

    test "a build for a Linux machine is not skipped" do
      pretend({:unix, :darwin})
      refute Platform.target_supported?(%{})
      refute Platform.target_supported?(%{"MIX_TARGET" => "host"})
      assert Platform.target_supported?(%{"MIX_TARGET" => "rpi4"})
      assert Platform.target_supported?(%{"CMAKE_TOOLCHAIN_FILE" => "/opt/arm/toolchain.cmake"})
    end

    test "rebar3 builds the Elixir modules alone, without cmake, and warns once", %{dir: dir} do
      assert {"lookout: warning: Lookout needs Linux, and this system is Darwin" <> _more, 0} = rebar3_build(dir, ".")
      assert {"", 0} = rebar3_build(dir, ".")
      refute File.exists?(Path.join(dir, "cmake"))
      assert File.exists?(Path.join(dir, "checkouts/lookout/native/elixir_built"))
    end

    test "rebar3 builds the modules again if a file has changed that they are compiled from", %{dir: dir} do
      source = Path.join(dir, "source")
      for folder <- ~w(bin lib), do: File.mkdir_p!(Path.join(source, folder))
      write = fn file, text -> File.write!(Path.join(source, file), text) end
      for file <- ~w(VERSION lib/a.ex lib/b.ex lib/usage.txt), do: write.(file, "1")
      File.cp!("bin/rebar3-build", Path.join(source, "bin/rebar3-build"))

      builds = fn ->
        {_output, 0} = rebar3_build(dir, source)
        dir |> Path.join("elixirc") |> File.read!() |> String.split("\n", trim: true) |> length()
      end

      assert builds.() == 1
      assert builds.() == 1

      for {file, times} <- Enum.with_index(~w(VERSION lib/usage.txt lib/a.ex), 2) do
        write.(file, "2")
        assert {file, builds.()} == {file, times}
      end

      File.rm!(Path.join(source, "lib/b.ex"))
      assert builds.() == 5
      assert builds.() == 5
    end

    # With tools that only note that they were called, on a system that is not Linux.
    defp rebar3_build(dir, source) do
      tools = Path.join(dir, "tools")
      File.mkdir_p!(tools)

      for {name, body} <- [uname: "echo Darwin", elixirc: note(dir, "elixirc"), cmake: note(dir, "cmake")] do
        File.write!(Path.join(tools, "#{name}"), "#!/bin/sh\n#{body}\n")
        File.chmod!(Path.join(tools, "#{name}"), 0o755)
      end

      environment = [
        {"PATH", tools <> ":" <> System.get_env("PATH")},
        {"REBAR_DEPS_DIR", Path.join(dir, "lib")},
        {"REBAR_ROOT_DIR", dir},
        {"REBAR_BUILD_DIR", dir},
        {"REBAR_CHECKOUTS_OUT_DIR", Path.join(dir, "checkouts")},
        {"CMAKE_TOOLCHAIN_FILE", nil}
      ]

      System.cmd("sh", ["bin/rebar3-build"], cd: source, env: environment, stderr_to_stdout: true)
    end

    defp note(dir, tool), do: "echo called >>#{Path.join(dir, tool)}"
  end
end
