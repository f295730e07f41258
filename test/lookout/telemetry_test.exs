defmodule Lookout.TelemetryTest do
  # Not async: this test defines a module :telemetry in place of the package. It receives the events of the whole VM,
  # also of a command that a test before left to end: each test names the process or the program that it expects.
  use Lookout.Case, async: false

  alias Lookout.{Command, Error, Runner, Telemetry}
  alias Lookout.Support.LogMetadata
  require Telemetry

  # Sends each event to the process that the test has named.
  defp load_telemetry do
    :persistent_term.put(__MODULE__, self())

    body =
      quote do
        def execute(event, measurements, metadata) do
          send(:persistent_term.get(unquote(__MODULE__)), {event, measurements, metadata})
          :ok
        end
      end

    Module.create(:telemetry, body, Macro.Env.location(__ENV__))
    on_exit(&unload_telemetry/0)
    :ok
  end

  defp unload_telemetry do
    :code.purge(:telemetry)
    :code.delete(:telemetry)
  end

  # The events of a command after its end has been reported: the process ends after that.
  defp events_of(pid) do
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
    taken_events(pid)
  end

  defp taken_events(pid) do
    receive do
      {[:lookout, :command, kind], measurements, %{command: ^pid} = metadata} ->
        [{kind, measurements, metadata} | taken_events(pid)]
    after
      0 -> []
    end
  end

  defp outcome(pid) do
    assert [{:start, _started, _of}, {:stop, _measurements, metadata}] = events_of(pid)
    {metadata.status, metadata.error}
  end

  test "without the module :telemetry nothing is computed" do
    refute :erlang.module_loaded(:telemetry)
    assert Telemetry.emit([:lookout, :watcher, :batch], fn -> flunk("computed") end) == :ok
  end

  describe "a watcher" do
    setup do: load_telemetry()

    test "reports each batch with the count of its changes", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, name: __MODULE__.Watcher)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      File.write!(Path.join(dir, "a"), "")
      assert_receive {:lookout, ^watcher, {:events, seq, events}}
      assert_receive {[:lookout, :watcher, :batch], measurements, %{watcher: ^watcher, seq: ^seq} = metadata}
      assert measurements == %{events: length(events), held: 0, subscribers: 1}
      assert metadata == %{watcher: watcher, name: __MODULE__.Watcher, seq: seq}
    end

    test "reports each notice, whether there is a subscriber or not", %{dir: dir} do
      missing = Path.join(dir, "missing")
      watcher = start_watcher!(dirs: missing, missing: :wait)
      assert_receive {[:lookout, :watcher, :notice], %{count: 1}, %{watcher: ^watcher} = metadata}
      notice = {:root_deleted, missing}
      assert metadata == %{watcher: watcher, name: nil, kind: :root_deleted, notice: notice, subscriber: nil}
    end

    test "reports a subscriber that was left behind", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: 0)
      test = self()

      slow =
        spawn_link(fn ->
          {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)
          send(test, :subscribed)
          receive do: (:ask -> Lookout.ask(watcher, 1))
          Process.sleep(:infinity)
        end)

      assert_receive :subscribed
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      File.write!(Path.join(dir, "a"), "")
      assert_receive {:lookout, ^watcher, {:events, 1, _events}}
      send(slow, :ask)
      assert_receive {[:lookout, :watcher, :notice], %{count: 1}, %{watcher: ^watcher, kind: :lagged} = metadata}
      assert %{notice: :lagged, subscriber: ^slow} = metadata
    end

    test "reports that lookout_port will be started again, and why", %{dir: dir} do
      watcher = start_watcher!([dirs: dir], backoff: {1, 1})
      signal(os_pid(watcher), :KILL)
      assert_receive {[:lookout, :watcher, :restart], measurements, %{watcher: ^watcher} = metadata}
      assert measurements == %{count: 1, delay: System.convert_time_unit(1, :millisecond, :native), restarts: 0}
      assert %{name: nil, reason: :port_exited, error: %Error{reason: :port_exited}} = metadata
      assert_receive {[:lookout, :watcher, :notice], %{count: 1}, %{kind: :restarted, watcher: ^watcher}}
    end
  end

  describe "a command" do
    setup do: load_telemetry()

    test "reports its start and its end with the time between them" do
      {:ok, pid} = Command.start_link(["sh", "-c", "exit 3"], name: __MODULE__.Command)
      assert [{:start, started, metadata}, {:stop, stopped, end_metadata}] = events_of(pid)
      assert %{command: ^pid, name: __MODULE__.Command, program: "sh", os_pid: os_pid} = metadata
      assert is_integer(os_pid)
      assert %{monotonic_time: begin, system_time: _time} = started
      assert stopped.duration == stopped.monotonic_time - begin
      assert end_metadata == Map.merge(metadata, %{status: 3, error: nil, killed: false})
    end

    test "has neither arguments nor environment nor input nor output in its events" do
      secret = "hunter2"

      {:ok, pid} =
        Command.start_link("echo #{secret}; cat",
          shell: true,
          env: %{"SECRET" => secret},
          input: secret,
          stderr: :stdout
        )

      assert [_start, {:stop, _measurements, %{program: "/bin/sh", status: 0}}] = events = events_of(pid)
      refute inspect(events, limit: :infinity, printable_limit: :infinity) =~ secret
    end

    test "reports one end, however it ends" do
      sleep = ["sleep", "1000000"]

      {:ok, pid} = Command.start_link(sleep)
      :ok = Command.signal(pid, :usr1)
      assert outcome(pid) == {{:signal, :usr1}, nil}

      {:ok, pid} = Command.start_link(sleep)
      :ok = Command.stop(pid)
      assert outcome(pid) == {{:signal, :term}, nil}

      {:ok, pid} = Command.start_link(["cat"], input: Stream.map([1], fn _one -> raise "no" end))
      assert outcome(pid) == {nil, :input_failed}

      {owner, ref} = spawn_monitor(fn -> receive do: (:end -> :ok) end)
      {:ok, pid} = Command.start_link(sleep, owner: owner)
      send(owner, :end)
      assert_receive {:DOWN, ^ref, :process, ^owner, :normal}
      assert outcome(pid) == {nil, nil}

      pid = start_supervised!({Command, {sleep, name: __MODULE__.Supervised}})
      :ok = stop_supervised(__MODULE__.Supervised)
      assert outcome(pid) == {{:signal, :term}, nil}
    end

    test "of run/2 and of a stream reports its end, with why it was ended" do
      assert {:ok, "", :timeout} = Command.run(["sleep", "1000000"], timeout: 1_500)
      assert_receive {[:lookout, :command, :stop], _measurements, %{program: "sleep", status: nil, error: :timeout}}

      assert ["y\n" <> _more] = Enum.take(Command.stream(["yes"]), 1)
      assert_receive {[:lookout, :command, :stop], _measurements, %{program: "yes", status: nil, error: nil}}
    end

    test "that is not ready in time reports why it was ended", %{dir: dir} do
      options = [wait_for: Path.join(dir, "never"), start_timeout: 50, owner: nil]
      assert {:error, %Error{reason: :timeout}} = Command.start_link(["sleep", "1000000"], options)
      assert_receive {[:lookout, :command, :stop], _measurements, %{program: "sleep", status: nil, error: :timeout}}
    end

    test "that ends before it is ready reports its status", %{dir: dir} do
      options = [wait_for: Path.join(dir, "never"), owner: nil]
      assert {:error, %Error{reason: :exit_status}} = Command.start_link(["false"], options)
      assert_receive {[:lookout, :command, :stop], _measurements, %{program: "false", status: 1, error: nil}}
      refute_received {[:lookout, :command, :stop], _measurements, %{program: "false"}}
    end

    test "whose lookout_port is killed reports that" do
      {:ok, pid} = Command.start_link(["sleep", "1000000"])
      signal(:sys.get_state(pid).program.bridge.os_pid, :KILL)
      assert outcome(pid) == {nil, :port_exited}
    end

    test "that a process survived and was killed reports that" do
      {:ok, pid} = Command.start_link("trap '' TERM; echo ready; while :; do sleep 1; done", shell: true)
      assert_receive {:lookout_command, ^pid, {:stdout, "ready\n"}}
      :ok = Command.stop(pid, 0)
      assert [_start, {:stop, _measurements, %{status: {:signal, :kill}, killed: true}}] = events_of(pid)
    end

    test "that could not be started reports nothing" do
      assert {:error, %Error{reason: :enoent}} = Command.run(["/no/such/program"])
      refute_received {[:lookout, :command, _kind], _measurements, %{program: "/no/such/program"}}
    end
  end

  describe "the metadata of logs" do
    # A handler of :logger.
    def log(%{meta: meta}, %{config: %{pid: pid}}), do: send(pid, {:logged, meta})

    setup do
      :ok = :logger.add_handler(__MODULE__, __MODULE__, %{config: %{pid: self()}})
      on_exit(fn -> :logger.remove_handler(__MODULE__) end)
    end

    test "names the watcher, the command, the runner and the stream that log", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, name: __MODULE__.Logging)
      send(watcher, :unknown)
      assert_receive {:logged, %{lookout: :watcher, lookout_name: __MODULE__.Logging, pid: ^watcher}}

      {:ok, pid} = Command.start_link(["sleep", "1000000"], stdin: :pipe)
      {:ok, os_pid} = Command.os_pid(pid)
      send(pid, :unknown)
      assert_receive {:logged, %{lookout: :command, pid: ^pid} = metadata}
      assert %{lookout_program: "sleep", lookout_os_pid: ^os_pid} = metadata
      refute is_map_key(metadata, :lookout_name)

      {:ok, runner} = Runner.start_link(watcher: watcher, run: fn _paths -> :logger.notice("run") end)
      send(runner, :unknown)
      assert_receive {:logged, %{lookout: :runner, pid: ^runner}}
      :ok = Runner.run(runner)
      assert_receive {:logged, %{lookout: :runner, pid: run}}
      assert run != runner
    end

    test "is that of :log_output where both have a key" do
      log = {:notice, metadata: [lookout_name: :mine, extra: 1]}
      start_supervised!({Command, {["echo", "hello"], name: __MODULE__.Logged, log_output: log}})
      assert_receive {:logged, %{lookout: :command, lookout_name: :mine, extra: 1, lookout_program: "echo"}}
    end

    test "has no argument of a command" do
      start_supervised!({Command, {["sh", "-c", "echo hunter2 >/dev/null; echo out"], log_output: :notice}})
      assert_receive {:logged, %{lookout: :command} = metadata}
      refute inspect(metadata, limit: :infinity) =~ "hunter2"
    end

    test "is inherited by the processes in which functions of the user are called" do
      test = self()
      input = Stream.map(["a"], fn element -> :logger.notice("input") && element end)

      {:ok, pid} =
        Command.start_link(["cat"], input: input, wait_for: fn -> send(test, :logger.get_process_metadata()) end)

      assert_receive {:logged, %{lookout: :command, lookout_program: "cat", pid: feeder}}
      assert feeder != pid
      assert_receive %{lookout: :command, lookout_program: "cat", lookout_os_pid: _os_pid}
    end

    test "of a process without any is not set for another one" do
      fun = fn -> :done end
      assert LogMetadata.inherited(fun) == fun
    end
  end
end
