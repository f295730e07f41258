defmodule Lookout.SecretsTest do
  # Not async: each test reads every log event of the VM.
  use Lookout.Case, async: false

  alias Lookout.{Command, Error, FakeProgram, Runner, Watcher}
  alias Lookout.Port.Tuning
  alias Lookout.Watcher.Options

  @secret "s3cr3t"
  @env %{"DB_PASSWORD" => @secret}

  # All that the VM logs, progress and crash reports included, as a string and as Erlang's default handler formats it.
  setup do
    %{level: level} = :logger.get_primary_config()
    {:ok, %{filters: filters, level: shown}} = :logger.get_handler_config(:default)
    table = :ets.new(:events, [:public, :ordered_set])
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{level: :all, config: %{table: table}})
    :ok = :logger.set_primary_config(:level, :all)
    # What is expected here need not be printed.
    :ok = :logger.set_handler_config(:default, :level, :none)

    on_exit(fn ->
      :logger.remove_handler(__MODULE__)
      :logger.set_primary_config(:level, level)
      :logger.set_handler_config(:default, %{filters: filters, level: shown})
    end)

    Process.flag(:trap_exit, true)
    {:ok, table: table}
  end

  def log(event, %{config: %{table: table}}) do
    formatted = :logger_formatter.format(event, %{depth: :unlimited, chars_limit: :unlimited, single_line: false})
    text = [inspect(event, limit: :infinity, printable_limit: :infinity), IO.chardata_to_string(formatted)]
    :ets.insert(table, {System.unique_integer([:monotonic]), IO.iodata_to_binary(text)})
  end

  # Every event of a process that has ended is in the table: the handler runs in the process that logs.
  defp lines(table), do: for({_number, text} <- :ets.tab2list(table), do: text)

  # Bytes are shown as text and as numbers.
  @bytes @secret |> String.to_charlist() |> Enum.join(",")
  @hex @secret |> String.to_charlist() |> Enum.join(", ")

  defp assert_discreet(table, expected) do
    eventually(fn -> Enum.any?(lines(table), &(&1 =~ expected)) end)
    for line <- lines(table), do: refute(line =~ @secret or line =~ @bytes or line =~ @hex, line)
  end

  defp supervise(children, options \\ []) do
    {:ok, supervisor} = Supervisor.start_link(children, [strategy: :one_for_one, max_restarts: 0] ++ options)
    supervisor
  end

  defp ended(pid) do
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}, 10_000
  end

  defp child(supervisor) do
    [{_id, pid, _type, _modules}] = Supervisor.which_children(supervisor)
    pid
  end

  test "P10: of a supervised command that exits with an error", %{table: table} do
    supervise([{Command, {["sh", "-c", "exit 3"], env: @env, input: @secret}}]) |> ended()
    assert_discreet(table, "{:exit, 3}")
  end

  test "P10: of a supervised command that is restarted, and its progress reports", %{table: table} do
    options = [env: @env, input: @secret]
    supervise([{Command, {["sh", "-c", "cat; exit 4"], options}}], max_restarts: 2) |> ended()
    assert_discreet(table, "{:exit, 4}")
    assert Enum.count(lines(table), &(&1 =~ "progress")) >= 1
  end

  test "P10: of a supervised command whose input is an enumerable that raises", %{table: table} do
    input = Stream.map([@secret], fn secret -> raise secret end)
    supervise([{Command, {["cat"], env: @env, input: input}}]) |> ended()
    assert_discreet(table, "input_failed")
  end

  test "P10: of one whose input raises when standard error was written", %{table: table, dir: dir} do
    input =
      Stream.map([@secret], fn secret -> if eventually(fn -> File.exists?("#{dir}/written") end), do: raise(secret) end)

    line = "echo oops >&2; : >#{dir}/written; exec cat"
    supervise([{Command, {line, shell: true, env: @env, input: input}}]) |> ended()
    assert_discreet(table, "oops")
  end

  test "P10: of options in place of the command, and of a write of what is no iodata" do
    error = assert_raise ArgumentError, fn -> Command.run(env: @env) end
    refute Exception.message(error) =~ @secret

    for env <- [
          %URI{host: @secret},
          [{"A", String.to_charlist(@secret) ++ [0xD800]}],
          [{"A", String.to_charlist(@secret) ++ [-1]}]
        ] do
      error = assert_raise ArgumentError, ~r/option :env/, fn -> Command.run(["true"], env: env) end
      refute Exception.message(error) =~ @secret or Exception.message(error) =~ @bytes
    end

    {:ok, pid} = Command.start_link(["cat"], stdin: :pipe)
    {error, stacktrace} = with_stacktrace(fn -> Command.write(pid, [@secret, :no_iodata]) end)
    refute Exception.format(:error, error, stacktrace) =~ @secret
    assert Exception.message(error) =~ "expected iodata"
  end

  defp with_stacktrace(function) do
    function.()
  rescue
    error -> {error, __STACKTRACE__}
  end

  test "P10: of a supervised command that cannot be started", %{table: table} do
    command = {Command, {["/no/such/program"], env: @env, input: @secret}}
    assert {:error, _reason} = Supervisor.start_link([command], strategy: :one_for_one)
    assert_discreet(table, "enoent")
  end

  test "P10: of the process of a command that crashes while writes and frames wait", %{table: table} do
    supervisor = supervise([{Command, {["sleep", "1000"], env: @env, stdin: :pipe}}])
    pid = child(supervisor)
    :ok = :sys.suspend(pid)
    Process.exit(pid, :boom)
    spawn(fn -> Command.write(pid, @secret) end)
    # As a process of another node sends it.
    spawn(fn -> GenServer.call(pid, {:until, :infinity, {:write, @secret}}) end)
    eventually(fn -> Process.info(pid, :message_queue_len) == {:message_queue_len, 3} end)
    :ok = :sys.resume(pid)
    ended(supervisor)
    assert_discreet(table, "boom")
  end

  test "P10: of the process of a command that crashes in a write", %{table: table} do
    supervisor = supervise([{Command, {["sleep", "1000"], env: @env, stdin: :pipe}}])
    pid = child(supervisor)
    :sys.replace_state(pid, &%{&1 | input: :broken})
    assert {:error, %Error{}} = Command.write(pid, @secret)
    ended(supervisor)
    assert_discreet(table, "function_clause")
  end

  test "P10: of a command that is killed, with its native program, while input waits", %{table: table} do
    supervisor = supervise([{Command, {["sleep", "1000"], env: @env, input: String.duplicate(@secret, 100_000)}}])
    Process.exit(child(supervisor), :kill)
    ended(supervisor)
    assert_discreet(table, "killed")
  end

  test "P10: of a Task that runs a command past its time, and of one whose stream fails", %{table: table} do
    {:ok, run} = Task.start(fn -> Command.run!(["/no/such/program"], env: @env, input: @secret) end)
    ended(run)
    stream = Command.stream(["sh", "-c", "exit 5"], env: @env, input: @secret)
    {:ok, task} = Task.start(fn -> Enum.to_list(stream) end)
    ended(task)
    assert_discreet(table, "the command \"sh\" ended with 5")
  end

  test "P10: of a runner that fails, and of its runs", %{table: table, dir: dir} do
    options = [dirs: dir, command: ["sh", "-c", "exit 6"], env: @env, run_at_start: true, notify: self(), into: nil]
    supervisor = supervise([{Runner, options}])
    runner = child(supervisor)
    assert_receive {:lookout_runner, ^runner, {:finished, 6}}, 10_000
    Process.exit(runner, :boom)
    ended(supervisor)
    assert_discreet(table, "boom")
  end

  test "P10: of the output of a runner whose run crashes", %{table: table, dir: dir} do
    into = fn {:stdout, _bytes} -> raise "no output" end
    command = ["sh", "-c", "echo $DB_PASSWORD; exec sleep 1000"]

    {:ok, runner} =
      Runner.start_link(dirs: dir, command: command, env: @env, into: into, run_at_start: true, notify: self())

    assert_receive {:lookout_runner, ^runner, {:finished, {:exit, _reason}}}, 10_000
    Process.exit(runner, :boom)
    assert_receive {:EXIT, ^runner, :boom}, 10_000
    assert_discreet(table, "boom")
  end

  test "P10: of the frame with which the start of a watcher fails", %{table: table, dir: dir} do
    frame = {:reply, 1, {:ok, String.duplicate("x", 20) <> @secret}}
    path = FakeProgram.write!(dir, [{:say, {:hello, 1, "0"}}, {:say, frame}, :listen])
    options = Options.parse!(dirs: dir, ready: :async)
    {:ok, watcher} = Watcher.Server.start_link(%{options | limits: %Tuning{port_path: path, shutdown_timeout: 50}})
    assert_receive {:EXIT, ^watcher, %Error{reason: :port_garbled}}, 10_000
    assert_discreet(table, "port_garbled")
  end

  test "what the log shows of a server that crashes is short, and says what it served", %{table: table, dir: dir} do
    lookout = supervise([{Lookout, dir}])
    command = supervise([{Command, {["sleep", "1000"], env: @env, input: @secret}}])
    runner = supervise([{Runner, dirs: dir, command: ["sleep", "1"], env: @env}])

    for {supervisor, shown} <- [{lookout, dir}, {command, "argv"}, {runner, "task"}] do
      :ets.delete_all_objects(table)
      Process.exit(child(supervisor), :boom)
      ended(supervisor)
      [state] = for line <- lines(table), [_all, state] <- [Regex.run(~r/\sstate: (%\{.*?\})/, line)], do: state
      assert state =~ shown
      assert byte_size(state) < 600
    end

    assert_discreet(table, "boom")
  end

  test "P10: of the status and the state of a command" do
    options = [
      env: @env,
      input: Stream.concat([String.duplicate(@secret, 200_000)], Stream.repeatedly(fn -> Process.sleep(:infinity) end))
    ]

    {:ok, pid} = Command.start_link(["sleep", "1000"], options)
    # The input is more than what is on its way, so some of it waits.
    writer = spawn(fn -> Command.write(pid, @secret, :infinity) end)

    for shown <- [:sys.get_status(pid), :sys.get_state(pid)] do
      refute inspect(shown, limit: :infinity, printable_limit: :infinity) =~ @secret
      refute IO.chardata_to_string(:io_lib.format("~p", [shown])) =~ @secret
    end

    Process.exit(writer, :kill)
    assert Command.stop(pid, 0) == :ok
  end

  test "P10: a command forgets its environment and its input as soon as lookout_port has them" do
    {:ok, pid} = Command.start_link(["sleep", "1000"], env: @env, input: @secret)

    state =
      eventually(fn -> with %{options: %{input: nil}} = state <- :sys.get_state(pid), do: state, else: (_ -> nil) end)

    # Not even within a function.
    refute state |> :erlang.term_to_binary() |> String.contains?(@secret)
    assert Command.stop(pid, 0) == :ok
  end

  test "P10: of what was given in a wrong way" do
    for options <- [
          [env: %{"DB=PASSWORD" => @secret}],
          [env: [@secret]],
          [env: %{"DB_PASSWORD" => @secret <> <<0>>}],
          [input: [@secret | :atom]],
          [input: {@secret}],
          [envs: @env],
          %{env: @env}
        ] do
      error = catch_error(Command.run(["true"], options))
      assert %ArgumentError{} = error
      refute Exception.message(error) =~ @secret
    end

    error = catch_error(Command.run(["cat"], input: Stream.map([1], fn _ -> {@secret} end)))
    refute Exception.message(error) =~ @secret
  end
end
