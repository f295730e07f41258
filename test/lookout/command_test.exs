defmodule Lookout.CommandTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error, FakeProgram}

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

  # A device that takes this long over what is written to it.
  defp busy_device(ms) do
    receive do
      {:io_request, from, ref, _request} ->
        Process.sleep(ms)
        send(from, {:io_reply, ref, :ok})
    end

    busy_device(ms)
  end

  @slow "echo so far; echo loud >&2; exec sleep 1000"

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
      assert Command.run(command, shell: true, timeout: 2_000) == {:ok, "", :timeout}
      assert File.exists?(Path.join(dir, "ready"))
      for pid <- pids |> File.read!() |> String.split(), do: assert(eventually(fn -> gone?(pid) end))
    end

    test "a time that is up gives what came so far" do
      # At the same time: each takes all of its time.
      runs = [
        fn options -> Command.run(@slow, [stderr: :null] ++ options) end,
        fn options -> Command.run!(@slow, [stderr: :null, into: []] ++ options) end,
        fn options -> Command.run(@slow, [stderr: :separate] ++ options) end
      ]

      assert runs |> Enum.map(&Task.async(fn -> &1.(shell: true, timeout: 4_000) end)) |> Task.await_many(30_000) == [
               {:ok, "so far\n", :timeout},
               {["so far\n"], :timeout},
               {:ok, %{stdout: "so far\n", stderr: "loud\n"}, :timeout}
             ]
    end

    test "a time that is up gives also what was not taken in time" do
      # The collectable takes the first piece, and is busy until the time is up. The second piece comes meanwhile.
      device = spawn_link(fn -> busy_device(4_000) end)
      options = [shell: true, timeout: 4_000, stderr: :separate, into: IO.stream(device, :line)]
      assert {:ok, %{stderr: "err\n"}, :timeout} = Command.run("echo out; echo err >&2; exec sleep 1000", options)
    end

    test "the time includes the start, also where lookout_port does not answer", %{dir: dir} do
      for steps <- [[{:say, {:hello, 1, "0"}}, :listen], [:deaf]] do
        {:ok, options} = Command.Options.parse(:run, ["true"], timeout: 10)
        limits = %{options.limits | port_path: FakeProgram.write!(dir, steps), shutdown_timeout: 10}
        assert Command.Pull.run(%{options | limits: limits}) == {:ok, "", :timeout}
      end
    end

    test "P6: nothing of it runs when it returns, also where its time is up during the launch", %{dir: dir} do
      for n <- 1..20 do
        mark = Path.join(dir, "mark#{n}")
        command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.01; done", mark]
        assert {:ok, "", :timeout} = Command.run(command, timeout: rem(n, 5) + 1, grace: 100)
        assert {"", 1} = System.cmd("pgrep", ["-f", mark])
      end
    end

    test "standard error comes by itself when it is asked for" do
      command = "echo out; echo err >&2; exit 3"
      assert Command.run(command, shell: true, stderr: :separate) == {:ok, %{stdout: "out\n", stderr: "err\n"}, 3}

      assert Command.run!(command, shell: true, stderr: :separate, into: []) ==
               {%{stdout: ["out\n"], stderr: "err\n"}, 3}

      assert {:ok, %{stdout: out, stderr: err}, 0} =
               Command.run("head -c 1000000 /dev/zero; head -c 3000000 /dev/zero >&2", shell: true, stderr: :separate)

      assert {byte_size(out), byte_size(err)} == {1_000_000, 3_000_000}
    end

    test "leaves no message, no port and no process behind" do
      {:ok, "x\n", 0} = Command.run(["echo", "x"])
      {:ok, "", :timeout} = Command.run(["sleep", "1000"], timeout: 10)
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

    test "P8: a write past its time says that the command does not read, and how many bytes were taken" do
      pid = start!(["sleep", "1000"], stdin: :pipe)
      {:error, error} = Command.write(pid, :binary.copy("x", 1_000_000), 100)
      assert %Error{reason: :timeout, operation: :write} = error
      assert error.detail =~ "the command did not read its input in time; of 1000000 bytes "

      assert [_all, taken, on_its_way, dropped] =
               Regex.run(~r/ (\d+) were taken, (\d+) are on their way, and (\d+) were dropped$/, error.detail)

      assert Enum.sum(Enum.map([taken, on_its_way, dropped], &String.to_integer/1)) == 1_000_000
      assert on_its_way == "262144"
      # What a pipe holds.
      assert String.to_integer(taken) >= 65_536
      Command.stop(pid, 0)
    end

    test "P8: a write past its time says that the output waits for its owner, where it does" do
      pid = start!(["cat"], stdin: :pipe)
      {:error, error} = Command.write(pid, :binary.copy("x", 64_000_000), 2_000)
      assert error.reason == :timeout

      assert error.detail =~
               ~r/waits for its owner, whose mailbox is full \(\d\d+ messages\); of 64000000 bytes \d{7,} were taken/

      Command.stop(pid, 0)

      pid = start!(["cat"], stdin: :pipe, active: false)
      {:error, error} = Command.write(pid, :binary.copy("x", 4_000_000), 1_000)
      assert error.detail =~ ~r/waits for its owner, which has to ask for it/
      Command.stop(pid, 0)
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

  test "a call whose caller has given up takes no effect later" do
    {:ok, pid} = Command.start_link(["cat"], stdin: :pipe, active: false)
    :ok = :sys.suspend(pid)

    for request <- [{:write, "late"}, {:ask, 100}, {:signal, :kill}, :close_stdin] do
      assert {:error, %Error{reason: :timeout}} = Lookout.Support.SafeCall.call(pid, request, 10, :late)
    end

    :ok = :sys.resume(pid)
    :ok = Command.write(pid, "now")
    :ok = Command.ask(pid, 1)
    assert_receive {:lookout_command, ^pid, {:stdout, "n"}}
    assert :ok = Command.stop(pid, 0)
    assert_receive {:lookout_command, ^pid, {:exit, {:signal, :term}}}
    assert Process.info(self(), :messages) == {:messages, []}
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
      assert_raise Error, ~r/the command "sh" ended with 3/, fn ->
        ["sh", "-c", "exit 3"] |> Command.stream() |> Stream.run()
      end

      assert_raise Error, ~r/no-such-program/, fn -> ["no-such-program"] |> Command.stream() |> Stream.run() end
    end
  end

  describe "stream/2 and what else a command says" do
    @talk "echo out; echo err >&2; exit 3"

    test "the error at an end that is none has the status" do
      for {line, status} <- [{"exit 3", 3}, {"kill -9 $$", {:signal, :kill}}] do
        error = assert_raise Error, fn -> line |> Command.stream(shell: true) |> Stream.run() end
        assert %Error{reason: :exit_status, status: ^status, stderr: nil} = error
      end
    end

    test "the error has the last 4 KiB of standard error, where that is read" do
      error =
        assert_raise Error, ~r/ended with 3.*standard error ends with:\nerr/s, fn ->
          @talk |> Command.stream(shell: true, stderr: :separate) |> Stream.run()
        end

      assert error.stderr == "err\n"

      long = "head -c 100000 /dev/zero >&2; seq 1000 2000 >&2; exit 1"
      expected = Enum.map_join(1000..2000, &"#{&1}\n") |> String.slice(-4096, 4096)

      for mode <- [:separate, :tagged] do
        error = assert_raise Error, fn -> long |> Command.stream(shell: true, stderr: mode) |> Stream.run() end
        assert error.stderr == expected
      end
    end

    test "standard error is tagged, or no part of it" do
      tagged = @talk |> Command.stream(shell: true, stderr: :tagged, exit_status: true) |> Enum.to_list()
      assert Enum.sort(tagged) == [exit: 3, stderr: "err\n", stdout: "out\n"]
      assert List.last(tagged) == {:exit, 3}

      assert @talk |> Command.stream(shell: true, stderr: :separate, exit_status: true) |> Enum.to_list() == [
               "out\n",
               {:exit, 3}
             ]
    end

    test "with exit_status: true the status is the last element, and nothing raises" do
      assert ["true"] |> Command.stream(exit_status: true) |> Enum.to_list() == [{:exit, 0}]

      assert ["sh", "-c", "echo a; kill -9 $$"] |> Command.stream(exit_status: true) |> Enum.to_list() == [
               "a\n",
               {:exit, {:signal, :kill}}
             ]

      assert_raise Error, ~r/no-such-program/, fn ->
        ["no-such-program"] |> Command.stream(exit_status: true) |> Stream.run()
      end

      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "an option for another function raises" do
      for {function, options} <- [
            {:run, [stderr: :tagged]},
            {:start_link, [stderr: :separate]},
            {:start_link, [stderr: :tagged]},
            {:run, [exit_status: true]},
            {:stream, [success: [1]]},
            {:start_link, [success: []]},
            {:start_link, [success: [:ok]]},
            {:start_link, [exit_reason: :normal]}
          ] do
        [{option, _value}] = options

        assert_raise ArgumentError, ~r/option #{inspect(option)}/, fn ->
          apply(Command, function, [["true"], options])
        end
      end
    end
  end

  describe "under a supervisor" do
    # Its parent, as a supervisor would be, is another process than the test.
    defp reason_of(script, options) do
      {:ok, parent} = Agent.start(fn -> nil end)
      options = [owner: nil, stdin: :pipe] ++ options
      {:ok, pid} = Agent.get(parent, fn nil -> Command.start_link(["sh", "-c", "read line; " <> script], options) end)
      ref = Process.monitor(pid)
      Command.close_stdin(pid)
      assert_receive {:DOWN, ^ref, :process, ^pid, reason}, 10_000
      reason
    end

    test "the reason of its end is that of the options" do
      assert reason_of("exit 1", success: [0, 1]) == :normal
      assert reason_of("kill -9 $$", success: [{:signal, :kill}]) == :normal
      assert reason_of("exit 0", success: [1]) == {:exit, 0}
      assert reason_of("exit 2", success: [0, 1]) == {:exit, 2}
      assert reason_of("exit 75", exit_reason: fn 75 -> {:shutdown, :no_work} end) == {:shutdown, :no_work}
    end

    test "P7: a child specification with a grace that is no time, or options that are none, says so" do
      expected = "Lookout.Command: option :grace: expected milliseconds from 0 to 3_600_000, got: :infinity"
      assert_raise ArgumentError, expected, fn -> Command.child_spec({["true"], grace: :infinity}) end

      assert_raise ArgumentError, ~r/expected options such as .*, got: :none$/, fn ->
        Command.child_spec({["true"], :none})
      end

      assert %{shutdown: 10_000, modules: [Command.Server]} = Command.child_spec(["true"])
      assert %{shutdown: 5_100} = Command.child_spec({["true"], grace: 100})
    end

    test "a daemon whose exit restarts it", %{dir: dir} do
      log = Path.join(dir, "log")

      child =
        {Command, {["sh", "-c", "echo started; exec sleep 1000"], stdout: {:append, log}, name: __MODULE__.Daemon}}

      {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
      {:ok, first} = Command.os_pid(__MODULE__.Daemon)
      eventually(fn -> File.read!(log) == "started\n" end)
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

    test "the signal, also of one that the C library keeps for itself" do
      for number <- [32, 33, 34, 64] do
        name = if number < 34, do: :"sig#{number}", else: :"rtmin_#{number - 34}"
        assert Command.run("kill -#{number} $$", shell: true) == {:ok, "", {:signal, name}}
      end
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
