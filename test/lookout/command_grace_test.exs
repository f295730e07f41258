defmodule Lookout.CommandGraceTest do
  use Lookout.Case, async: true

  import Lookout.LogCapture, only: [logged: 1]
  alias Lookout.{Command, Error, FakeProgram}

  # A shell that needs a moment to end when it gets TERM, and then makes the file `clean`. It prints "up".
  defp server(dir),
    do: "exec 2>/dev/null; trap 'sleep 0.2; : >#{dir}/clean; exit 0' TERM; echo up; while :; do sleep 0.01; done"

  # Ignores TERM.
  @deaf "trap '' TERM; echo up; while :; do sleep 0.01; done"

  defp start(line, options) do
    {:ok, pid} = Command.start_link(line, [shell: true] ++ options)
    assert_receive {:lookout_command, ^pid, {:stdout, "up\n"}}, 10_000
    pid
  end

  defp clean?(dir), do: File.exists?(Path.join(dir, "clean"))

  describe "P10: the command has its grace" do
    test "whole, when its group leader ends early", %{dir: dir} do
      pid = start("(#{server(dir)}) & wait", linger: 1)
      assert Command.stop(pid, 60_000) == :ok
      assert_received {:lookout_command, ^pid, {:exit, {:signal, :term}}}
      assert clean?(dir)
    end

    test "when run/2 has no time left", %{dir: dir} do
      # With a time in which it is up.
      assert Enum.any?([500, 2_000, 8_000, 32_000], fn timeout ->
               result = Command.run(server(dir), shell: true, timeout: timeout, grace: 60_000)
               assert {:ok, _output, :timeout} = result
               clean?(dir)
             end)
    end

    test "when a stream is halted", %{dir: dir} do
      assert Command.stream(server(dir), shell: true, grace: 60_000) |> Enum.take(1) == ["up\n"]
      assert clean?(dir)
    end

    test "when the collectable raises", %{dir: dir} do
      gone = IO.stream(spawn(fn -> :ok end), :line)
      assert catch_error(Command.run(server(dir), shell: true, grace: 60_000, into: gone))
      assert clean?(dir)
    end

    test "when the input raises", %{dir: dir} do
      input =
        Stream.map(["x\n"], fn _line -> if eventually(fn -> File.exists?("#{dir}/up") end), do: raise("input") end)

      line = ": >#{dir}/up; " <> server(dir)
      assert_raise RuntimeError, "input", fn -> Command.run(line, shell: true, grace: 60_000, input: input) end
      assert clean?(dir)
    end

    test "when its owner ends, in whatever way", %{dir: dir} do
      for reason <- [:normal, :shutdown, :kill, :crash] do
        me = self()

        owner =
          spawn(fn ->
            start(server(dir), grace: 60_000)
            send(me, :up)
            receive do: ({:end, reason} -> exit(reason))
          end)

        assert_receive :up, 10_000
        if reason == :kill, do: Process.exit(owner, :kill), else: send(owner, {:end, reason})
        assert eventually(fn -> clean?(dir) end)
        File.rm!(Path.join(dir, "clean"))
      end
    end

    test "when the VM is killed", %{dir: dir} do
      script = """
      {:ok, pid} = Lookout.Command.start_link(#{inspect(server(dir))}, shell: true, grace: 60_000)
      receive do: ({_, ^pid, {:stdout, up}} -> IO.write([System.pid(), " ", up]))
      Process.sleep(:infinity)
      """

      elixir = System.find_executable("elixir")
      arguments = ["-pa", Application.app_dir(:lookout, "ebin"), "-e", script]
      port = Port.open({:spawn_executable, elixir}, [:binary, line: 100, args: arguments])
      assert_receive {^port, {:data, {:eol, line}}}, 60_000
      [vm, "up"] = String.split(line)
      signal(vm, "KILL")
      eventually(fn -> clean?(dir) end)
    end

    test "when lookout_port is killed", %{dir: dir} do
      pid = start("trap '' HUP PIPE; " <> server(dir), grace: 60_000)
      {:os_pid, lookout_port} = Port.info(:sys.get_state(pid).program.bridge.port, :os_pid)
      signal(lookout_port, "KILL")
      assert_receive {:lookout_command, ^pid, {:error, %Error{reason: :port_exited}}}, 10_000
      assert eventually(fn -> clean?(dir) end)
    end
  end

  test "P10: stop/2 does not say that nothing is left when lookout_port has ended meanwhile" do
    # A command that ends within its grace would end lookout_port before it is killed.
    pid = start(@deaf, [])
    {:os_pid, lookout_port} = Port.info(:sys.get_state(pid).program.bridge.port, :os_pid)
    stop = Task.async(fn -> Command.stop(pid, 60_000) end)
    assert eventually(fn -> :sys.get_state(pid).grace == 60_000 end)
    signal(lookout_port, "KILL")
    assert {:error, %Error{reason: :port_exited}} = Task.await(stop, 10_000)
  end

  # As systemd (KillMode=control-group) and `docker stop` with an init do.
  test "P10: SIGTERM to every process of a service lets the clean-up of a command run", %{dir: dir} do
    # Longer than the grace that a command has where `lookout_port` ends.
    slow = String.replace(server(dir), "sleep 0.2", "sleep 1")

    script = """
    defmodule Service do
      use Application

      def start(_type, _arguments) do
        Supervisor.start_link([{Lookout.Command, {#{inspect(slow)}, shell: true, stdout: :inherit}}], strategy: :one_for_one)
      end
    end

    :ok = :application.load({:application, :service, mod: {Service, []}, applications: [:kernel, :stdlib, :elixir]})
    :ok = :application.start(:service, :permanent)
    IO.puts(System.pid())
    """

    elixir = System.find_executable("elixir")
    ebin = Application.app_dir(:lookout, "ebin")
    arguments = ["-pa", ebin, "--no-halt", "-e", script]

    port =
      Port.open({:spawn_executable, elixir}, [:binary, :stderr_to_stdout, :exit_status, line: 100, args: arguments])

    lines = for _ <- 1..2, do: assert_line(port)
    [vm] = lines -- ["up"]
    System.cmd("kill", ["-TERM", vm | below(vm)], stderr_to_stdout: true)
    assert_receive {^port, {:exit_status, 0}}, 60_000
    assert clean?(dir)
  end

  defp assert_line(port) do
    assert_receive {^port, {:data, {:eol, line}}}, 60_000
    line
  end

  # The process ids of all that a process has started.
  defp below(os_pid) do
    {children, _status} = System.cmd("pgrep", ["-P", os_pid])
    Enum.flat_map(String.split(children), &[&1 | below(&1)])
  end

  @not_root System.cmd("id", ["-u"]) != {"0\n", 0}

  @tag skip: @not_root && "only root makes a set-user-ID program of root"
  test "stop/2 fails with :eperm where a process may not be signalled, and the exit comes with its end", %{dir: dir} do
    setpriv = Path.join(dir, "setpriv")
    File.cp!(System.find_executable("setpriv"), setpriv)
    File.chmod!(setpriv, 0o4755)
    # The working directory may be one that only root can enter.
    {:ok, options} = Command.Options.parse(:start_link, [setpriv, "--reuid", "0", "sleep", "1000"], cd: "/")
    options = put_in(options.limits.port_path, FakeProgram.unprivileged!(dir))
    {:ok, pid} = Command.Server.start_link(options)
    {:ok, os_pid} = Command.os_pid(pid)
    assert eventually(fn -> File.read!("/proc/#{os_pid}/comm") == "sleep\n" end)

    assert {:error, %Error{reason: :eperm, operation: :stop, detail: detail}} = Command.stop(pid, 10)
    assert detail =~ "process #{os_pid} (sleep) runs as another user and may not be signalled"
    refute_received {:lookout_command, ^pid, {:exit, _status}}
    signal(os_pid, "KILL")
    assert_receive {:lookout_command, ^pid, {:exit, {:signal, :kill}}}, 10_000
  end

  describe "P8: a process that may not be signalled and goes on is a warning in the log, without arguments," do
    setup %{dir: dir} do
      error = {:eperm, :stop, nil, "process 4242 (sudo) runs as another user and may not be signalled"}
      launched = [:frame, {:say, {:hello, 1, "0.1.0"}}, {:say, {:reply, 1, {:ok, 4242}}}]
      fake = FakeProgram.write!(dir, launched ++ [:frame, {:say, {:reply, 2, {:error, error}}}, :listen])
      warning = ~s|Lookout.Command "sudo" was not ended, and may still run: process 4242 (sudo) runs as another user|
      %{fake: fake, warning: warning}
    end

    defp sudo(function, options, fake) do
      {:ok, options} = Command.Options.parse(function, ["sudo", "secret"], options)
      put_in(options.limits.port_path, fake)
    end

    test "where run/2 has no time left", %{fake: fake, warning: warning} do
      options = sudo(:run, [timeout: 100, stderr: :null], fake)
      log = logged(fn -> assert Command.Pull.run(options) == {:ok, "", :timeout} end)
      assert log =~ warning
      refute log =~ "secret"
    end

    test "where a supervisor stops it, and the owner gets the error", %{fake: fake, warning: warning} do
      me = self()
      options = sudo(:start_link, [owner: me, grace: 0], fake)
      child = %{id: :sudo, start: {Command.Server, :start_link, [options]}, shutdown: 60_000}
      pid = start_supervised!(child)
      log = logged(fn -> :ok = stop_supervised(:sudo) end)
      assert log =~ warning
      refute log =~ "secret"
      assert_received {:lookout_command, ^pid, {:error, %Error{reason: :eperm, operation: :stop}}}
    end
  end

  test "a stop waits until the port is not busy, and then reaches the command" do
    {:ok, pid} = Command.start_link(["cat"], stdin: :pipe, stdout: :null)
    %{os_pid: lookout_port} = :sys.get_state(pid).program.bridge
    signal(lookout_port, "STOP")
    # More than the pipe and the queue of the port hold.
    write = Task.async(fn -> Command.write(pid, :binary.copy("x", 400_000), 60_000) end)
    signals = for _ <- 1..2_000, do: Task.async(fn -> Command.signal(pid, :cont) end)
    eventually(fn -> not :queue.is_empty(:sys.get_state(pid).program.bridge.outbox) end)
    stop = Task.async(fn -> Command.stop(pid, 60_000) end)
    eventually(fn -> match?(%{awaiting: [{:stop, _from}]}, :sys.get_state(pid)) end)
    signal(lookout_port, "CONT")
    assert Task.await(stop, 60_000) == :ok
    assert_received {:lookout_command, ^pid, {:exit, {:signal, :term}}}
    Task.await_many([write | signals], 60_000)
  end

  test "the stop signal is the one that was asked for", %{dir: dir} do
    pid = start("trap '' TERM; " <> String.replace(server(dir), "TERM", "USR1"), stop_signal: :usr1)
    assert Command.stop(pid, 60_000) == :ok
    assert clean?(dir)
  end

  test "exit_details: true reports whether KILL was needed" do
    pid = start(@deaf, exit_details: true)
    assert Command.stop(pid, 1) == :ok
    assert_received {:lookout_command, ^pid, {:exit, {:signal, :kill}, %{killed: true}}}

    pid = start("echo up; exec sleep 1000", exit_details: true)
    assert Command.stop(pid, 60_000) == :ok
    assert_received {:lookout_command, ^pid, {:exit, {:signal, :term}, %{killed: false}}}
  end

  test "await/2 has the status also with exit_details: true" do
    {:ok, pid} = Command.start_link(["true"], exit_details: true)
    assert Command.await(pid) == {:ok, 0}
  end

  test "KILL after a grace is logged, unless it is reported or there was no grace" do
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{config: %{pid: self()}})
    on_exit(fn -> :logger.remove_handler(__MODULE__) end)
    stop = fn grace, options -> @deaf |> start(options) |> Command.stop(grace) end

    assert stop.(0, name: :killed_at_once) == :ok
    assert stop.(1, name: :killed_and_reported, exit_details: true) == :ok
    assert stop.(1, name: :killed_and_logged) == :ok
    assert_receive {:logged, text}
    assert text =~ "Lookout.Command :killed_and_logged had processes that did not end by themselves; they were killed"
  end

  # A handler of :logger.
  def log(%{msg: {:string, text}}, %{config: %{pid: pid}}) do
    text = IO.chardata_to_string(text)
    if text =~ "Lookout.Command :killed", do: send(pid, {:logged, text})
  end

  def log(_event, _config), do: :ok

  test "options that make no sense raise" do
    for {option, value} <- [grace: -1, grace: 3_600_001, stop_signal: :terminate, stop_signal: 65, exit_details: 1] do
      assert_raise ArgumentError, ~r/option #{inspect(option)}/, fn ->
        Command.start_link(["true"], [{option, value}])
      end
    end
  end
end
