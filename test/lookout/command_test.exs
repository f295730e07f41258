defmodule Lookout.CommandTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  defp start!(command, options \\ []) do
    {:ok, pid} = Command.start_link(command, options)
    pid
  end

  defp exit_of(pid) do
    assert_receive {:lookout_command, ^pid, {:exit, status}}, 10_000
    status
  end

  # All that came of a stream before the exit.
  defp output(pid, stream \\ :stdout) do
    receive do
      {:lookout_command, ^pid, {^stream, bytes}} -> bytes <> output(pid, stream)
    after
      0 -> ""
    end
  end

  defp reason({:error, %Error{reason: reason, detail: detail} = error}) do
    assert String.printable?(detail)
    assert Exception.message(error) =~ inspect(reason) |> String.trim_leading(":")
    reason
  end

  describe "run/2" do
    test "returns output and status" do
      assert Command.run(["echo", "hello"]) == {:ok, "hello\n", 0}
      assert Command.run(["sh", "-c", "printf x; exit 255"]) == {:ok, "x", 255}
      assert Command.run(["sh", "-c", "kill -KILL $$"]) == {:ok, "", {:signal, :kill}}
    end

    test "run!/2 returns what System.cmd/3 returns" do
      for command <- [["echo", "hello"], ["sh", "-c", "exit 3"], ["sh", "-c", "kill -TERM $$"]] do
        assert Command.run!(command) == System.cmd(hd(command), tl(command))
      end

      assert_raise Error, ~r/no-such-program/, fn -> Command.run!(["no-such-program"]) end
    end

    test "no shell reads the words unless it is asked for" do
      assert Command.run(["echo", "$HOME; *", "a b"]) == {:ok, "$HOME; * a b\n", 0}
      assert Command.run("echo $((1 + 2)) | cat", shell: true) == {:ok, "3\n", 0}
    end

    test "passes on input, environment and directory", %{dir: dir} do
      assert Command.run(["cat"], input: ["a", "b"]) == {:ok, "ab", 0}

      assert Command.run("echo $A $B; pwd -P", shell: true, env: %{"A" => "1", "B" => nil}, cd: dir) ==
               {:ok, "1\n#{dir}\n", 0}
    end

    test "standard input is empty unless there is input" do
      assert Command.run(["cat"]) == {:ok, "", 0}
    end

    test "large input and output cross each other" do
      input = :binary.copy("0123456789abcdef", 500_000)
      assert {:ok, output, 0} = Command.run(["cat"], input: input)
      assert output == input
    end

    test "standard error is merged when it is asked for" do
      assert Command.run("echo a; echo b >&2; echo c", shell: true, stderr: :stdout) == {:ok, "a\nb\nc\n", 0}
    end

    test "collects into anything" do
      assert {:ok, ["a\n"], 0} = Command.run(["echo", "a"], into: [])
    end

    test "a time that is up ends the command and all of its tree", %{dir: dir} do
      pids = Path.join(dir, "pids")
      command = "echo $$ >#{pids}; setsid sleep 1000 & echo $! >>#{pids}; : >#{dir}/ready; wait"
      assert reason(Command.run(command, shell: true, timeout: 2_000)) == :timeout
      assert File.exists?(Path.join(dir, "ready"))
      for pid <- pids |> File.read!() |> String.split(), do: assert(eventually(fn -> gone?(pid) end))
    end

    test "leaves no message, no port and no process behind" do
      {:ok, "x\n", 0} = Command.run(["echo", "x"])
      {:error, _error} = Command.run(["sleep", "1000"], timeout: 10)
      {:error, _error} = Command.run(["no-such-program"])
      assert Process.info(self(), :messages) == {:messages, []}
      assert Process.info(self(), :links) == {:links, []}
      assert Process.info(self(), :monitors) == {:monitors, []}
    end

    test "an error of the collectable ends the command" do
      full = File.stream!("/dev/full")
      assert catch_error(Command.run(["yes"], into: full))
      assert Process.info(self(), :monitors) == {:monitors, []}
    end

    test "each thing that is wrong has a reason of its own" do
      assert reason(Command.run(["no-such-program"])) == :enoent
      assert reason(Command.run(["/etc/passwd"])) == :eacces
      assert reason(Command.run(["true"], cd: "/no/such/directory")) == :bad_directory
      assert reason(Command.run(["echo", "a\0b"])) == :nul_byte
      assert reason(Command.run([])) == :empty_argv
      assert reason(Command.run(["echo", String.duplicate("x", 200_000)])) == :e2big
      assert reason(Command.run(["echo", String.duplicate("x", 5_000_000)])) == :e2big
      assert reason(Command.run(["true"], rlimits: [nofile: {2, 1}])) == :bad_limit
    end
  end

  describe "start_link/2" do
    test "sends the owner both streams apart, and the exit last" do
      pid = start!(["sh", "-c", "echo out; echo err >&2; exit 7"])
      assert exit_of(pid) == 7
      assert output(pid) == "out\n"
      assert output(pid, :stderr) == "err\n"
      refute_received {:lookout_command, ^pid, _message}
    end

    test "a caller that does not trap exits lives on, whatever the command ends with" do
      pid = start!(["false"])
      ref = Process.monitor(pid)
      assert exit_of(pid) == 1
      assert_receive {:DOWN, ^ref, :process, ^pid, reason} when reason in [:normal, :noproc]
    end

    test "a command that cannot be started is an error, and its name is free" do
      assert reason(Command.start_link(["no-such-program"], name: __MODULE__.Missing)) == :enoent
      assert Process.whereis(__MODULE__.Missing) == nil
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "input is written and closed" do
      pid = start!(["cat"], stdin: :pipe)
      assert Command.write(pid, ["one ", "two"]) == :ok
      assert_receive {:lookout_command, ^pid, {:stdout, "one two"}}, 10_000
      assert Command.close_stdin(pid) == :ok
      assert reason(Command.write(pid, "late")) in [:closed, :not_running]
      assert exit_of(pid) == 0
    end

    test "P3: a write to a command that does not read ends with its timeout, and the VM goes on" do
      pid = start!(["sleep", "1000"], stdin: :pipe)
      assert reason(Command.write(pid, :binary.copy("x", 4_000_000), 100)) == :timeout
      assert {:ok, _os_pid} = Command.os_pid(pid)
      assert Command.stop(pid, 0) == :ok
    end

    test "a write to a command that has closed its input" do
      pid = start!("exec 0<&-; echo closed; exec sleep 1000", shell: true, stdin: :pipe)
      assert_receive {:lookout_command, ^pid, {:stdout, "closed\n"}}, 10_000
      Command.write(pid, "first")
      eventually(fn -> match?({:error, %Error{reason: :epipe}}, Command.write(pid, "x")) end)
      Command.stop(pid, 0)
    end

    test "a write where no input was asked for" do
      pid = start!(["sleep", "1000"])
      assert reason(Command.write(pid, "x")) == :closed
      Command.stop(pid, 0)
    end

    test "signals reach the command; after the exit they are an error" do
      pid = start!("trap 'exit 9' HUP; echo on; while :; do sleep 0.01; done", shell: true)
      assert_receive {:lookout_command, ^pid, {:stdout, "on\n"}}, 10_000
      assert Command.signal(pid, :hup) == :ok
      assert exit_of(pid) == 9
      eventually(fn -> not Process.alive?(pid) end)
      assert reason(Command.signal(pid, :hup)) == :not_running
      assert reason(Command.stop(pid)) == :not_running
      assert reason(Command.write(pid, "x")) == :not_running
    end

    test "P7: a call with what makes no sense says what was expected, and what came" do
      raises = fn message, call -> assert_raise ArgumentError, "Lookout.Command: " <> message, call end
      signals = "signal: expected the name of a signal, as :term, or its number from 1 to 64, got: "
      raises.(signals <> "65", fn -> Command.signal(self(), 65) end)
      raises.(signals <> "\"TERM\"", fn -> Command.signal(self(), "TERM") end)
      size = "resize: expected {rows, columns}, each from 1 to 65_535, got: {0, 80}"
      raises.(size, fn -> Command.resize(self(), {0, 80}) end)
      raises.("stop: expected milliseconds from 0 to 3_600_000, or nil, got: -1", fn -> Command.stop(self(), -1) end)
      raises.("ask: expected :once or a count of bytes (1 or more), got: 0", fn -> Command.ask(self(), 0) end)
    end

    test "a signal that there is not is refused, and the command lives on" do
      pid = start!(["sleep", "1000"])
      assert reason(Command.signal(pid, :no_such)) == :bad_request
      assert Command.stop(pid, 0) == :ok
      assert exit_of(pid) == {:signal, :term}
    end

    test "the process id is the command's" do
      pid = start!(["sleep", "1000"])
      {:ok, os_pid} = Command.os_pid(pid)
      assert File.read!("/proc/#{os_pid}/comm") == "sleep\n"
      Command.stop(pid, 0)
      assert gone?(os_pid)
    end

    test "a terminal" do
      pid = start!("stty size; read line; echo got $line; stty size", shell: true, pty: {10, 20})
      assert_receive {:lookout_command, ^pid, {:stdout, "10 20\r\n"}}, 10_000
      assert Command.resize(pid, {30, 40}) == :ok
      assert Command.write(pid, "word\n") == :ok
      assert exit_of(pid) == 0
      assert output(pid) == "word\r\ngot word\r\n30 40\r\n"
    end

    test "a terminal whose input ends within a line is at its end for the reader" do
      options = [shell: true, pty: true, timeout: 10_000]
      assert {:ok, "word" <> _echoed, 4} = Command.run("cat; exit 4", [input: "word"] ++ options)
      assert {:ok, output, 0} = Command.run("cat >/dev/null; cat | wc -c", [input: ["line\n", 4, "word"]] ++ options)
      assert String.ends_with?(output, "4\r\n")
    end

    test "limits and niceness" do
      pid = start!("ulimit -n; nice", shell: true, rlimits: [nofile: 99], nice: 5)
      assert exit_of(pid) == 0
      assert output(pid) == "99\n5\n"
    end
  end

  describe "await/2" do
    test "takes the exit out of the owner's mailbox, before or after it has come" do
      pid = start!(["sh", "-c", "exit 4"])
      assert Command.await(pid) == {:ok, 4}
      refute_received {:lookout_command, ^pid, _message}
      pid = start!(["sh", "-c", "exit 5"])
      eventually(fn -> not Process.alive?(pid) end)
      assert Command.await(pid) == {:ok, 5}
      assert reason(Command.await(pid)) == :not_running
    end

    test "works for others, and has a timeout" do
      pid = start!(["sleep", "1000"])
      task = Task.async(fn -> Command.await(pid) end)
      assert reason(Command.await(pid, 10)) == :timeout
      Command.stop(pid, 0)
      assert Task.await(task) == {:ok, {:signal, :term}}
    end
  end

  describe "P3: an owner that is slow" do
    test "has no more than some pieces in its mailbox" do
      pid = start!(["yes"])
      eventually(fn -> length_of_mailbox() >= 64 end)
      # Whatever it has to send, it has sent.
      :sys.get_state(pid)
      assert length_of_mailbox() <= 66
      assert Command.stop(pid, 0) == :ok
      assert exit_of(pid) == {:signal, :term}
    end

    test "gets as many bytes as it asks for" do
      pid = start!(["yes"], active: 5)
      assert_receive {:lookout_command, ^pid, {:stdout, "y\ny\ny"}}, 10_000
      assert Command.ask(pid, 3) == :ok
      assert_receive {:lookout_command, ^pid, {:stdout, "\ny\n"}}, 10_000
      assert Command.ask(pid, :once) == :ok
      assert_receive {:lookout_command, ^pid, {:stdout, piece}}, 10_000
      assert byte_size(piece) in 1..65_536
      refute_received {:lookout_command, ^pid, _message}
      assert Command.stop(pid, 0) == :ok
    end

    test "hears the exit without asking where there is no output" do
      pid = start!(["false"], active: false)
      assert exit_of(pid) == 1
      pid = start!(["true"])
      assert {:ok, 0} = Command.await(pid)
    end

    test "with active: true has no need to ask" do
      pid = start!(["sleep", "1000"])
      assert reason(Command.ask(pid, 1)) == :active
      Command.stop(pid, 0)
    end
  end

  defp length_of_mailbox do
    {:message_queue_len, length} = Process.info(self(), :message_queue_len)
    length
  end

  describe "stream/2" do
    test "gives the output" do
      assert ["sh", "-c", "echo a; echo b"] |> Command.stream() |> Enum.join() == "a\nb\n"
    end

    test "runs only as far as it is read, and ends with the enumeration", %{dir: dir} do
      pid_file = Path.join(dir, "pid")
      stream = Command.stream("echo $$ >#{pid_file}; exec yes", shell: true)
      refute File.exists?(pid_file)
      assert [<<"y\n", _rest::binary>>] = Enum.take(stream, 1)
      assert pid_file |> File.read!() |> String.trim() |> gone?()
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "raises at an end that is none" do
      assert_raise Error, ~r/ended with 3/, fn -> ["sh", "-c", "exit 3"] |> Command.stream() |> Stream.run() end
      assert_raise Error, ~r/no-such-program/, fn -> ["no-such-program"] |> Command.stream() |> Stream.run() end
    end
  end

  describe "under a supervisor" do
    test "P7: a child specification with a grace that is no time, or options that are none, says so" do
      expected = "Lookout.Command: option :grace: expected milliseconds from 0 to 3_600_000, got: :infinity"
      assert_raise ArgumentError, expected, fn -> Command.child_spec({["true"], grace: :infinity}) end

      assert_raise ArgumentError, ~r/expected options such as .*, got: :none$/, fn ->
        Command.child_spec({["true"], :none})
      end

      assert %{shutdown: 8_000} = Command.child_spec(["true"])
      assert %{shutdown: 3_100} = Command.child_spec({["true"], grace: 100})
    end

    test "a daemon whose exit restarts it", %{dir: dir} do
      log = Path.join(dir, "log")

      child =
        {Command, {["sh", "-c", "echo started; exec sleep 1000"], stdout: {:append, log}, name: __MODULE__.Daemon}}

      {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
      {:ok, first} = Command.os_pid(__MODULE__.Daemon)
      signal(first, "KILL")
      second = eventually(fn -> other_pid(__MODULE__.Daemon, first) end)
      eventually(fn -> File.read!(log) == "started\nstarted\n" end)
      Supervisor.stop(supervisor)
      assert gone?(second)
    end

    test "a transient one is restarted after a failure only" do
      Process.flag(:trap_exit, true)
      {:ok, _pid} = Command.start_link(["true"], owner: nil)
      assert_receive {:EXIT, _pid, :normal}, 10_000
      {:ok, _pid} = Command.start_link(["false"], owner: nil)
      assert_receive {:EXIT, _pid, {:exit, 1}}, 10_000
    end

    test "is given its grace when it is shut down", %{dir: dir} do
      script = "trap 'echo bye >#{dir}/bye; exit' TERM; : >#{dir}/ready; while :; do sleep 0.01; done"
      {:ok, supervisor} = Supervisor.start_link([{Command, {["sh", "-c", script], []}}], strategy: :one_for_one)
      eventually(fn -> File.exists?(Path.join(dir, "ready")) end)
      Supervisor.stop(supervisor)
      assert File.read!(Path.join(dir, "bye")) == "bye\n"
    end
  end

  describe "when its supervisor stops it, the owner is told the end:" do
    # Starts it under a supervisor, for this process as the owner.
    defp supervised!(script, options) do
      child = {Command, {script, [shell: true, owner: self()] ++ options}}
      {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
      [{Command, pid, :worker, _modules}] = Supervisor.which_children(supervisor)
      {supervisor, pid}
    end

    test "its last output and its exit, and that those who wait for it" do
      {supervisor, pid} = supervised!("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done", [])

      assert_receive {:lookout_command, ^pid, {:stdout, "ready\n"}}, 10_000
      waiting = Task.async(fn -> Command.await(pid) end)
      eventually(fn -> :sys.get_state(pid).awaiting != [] end)
      :ok = Supervisor.terminate_child(supervisor, Command)
      assert_received {:lookout_command, ^pid, {:stdout, "bye\n"}}
      assert_received {:lookout_command, ^pid, {:exit, 3}}
      assert Task.await(waiting) == {:ok, 3}
    end

    test "an exit behind output that was not asked for" do
      {supervisor, pid} = supervised!("echo output; exit 4", active: false)
      eventually(fn -> :sys.get_state(pid).last end)
      :ok = Supervisor.terminate_child(supervisor, Command)
      assert_received {:lookout_command, ^pid, {:exit, 4}}
      refute_received {:lookout_command, ^pid, _other}
    end

    test "an error where the native program does not answer" do
      {supervisor, pid} = supervised!("exec sleep 1000", grace: 0)
      program = :sys.get_state(pid).program.bridge.os_pid
      signal(program, "STOP")
      :ok = Supervisor.terminate_child(supervisor, Command)
      assert_received {:lookout_command, ^pid, {:error, %Error{reason: :port_hung}}}
      eventually(fn -> gone?(program) end)
    end
  end

  defp other_pid(name, first) do
    case Command.os_pid(name) do
      {:ok, os_pid} when os_pid != first -> os_pid
      _none -> nil
    end
  end
end
