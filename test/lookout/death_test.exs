defmodule Lookout.DeathTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, FakeProgram, Mirror}

  # The watchdog does nothing by itself: the test says when its time is up, so that the load of the machine does not.
  @by_hand [quiet: 600_000, answer: 600_000, backoff: {1, 10}]

  defp time_is_up(watcher) do
    ref = :sys.get_state(watcher).program.timers.running.watchdog
    send(watcher, {:timeout, ref, {:program, :watchdog}})
    :sys.get_state(watcher).program
  end

  defp notices(messages), do: for({:notice, notice} <- messages, do: notice)

  defp open_kinds(watcher), do: Lookout.Port.Program.open_kinds(:sys.get_state(watcher).program)

  # After `:restarted` a new epoch begins.
  defp await_restart(watcher) do
    assert_receive {:lookout, ^watcher, {:notice, :restarted}}, 10_000
  end

  describe "P6: a program that is killed" do
    test "is replaced, and the subscriber told", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, subscribe: [self()])
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]

      first = os_pid(watcher)
      signal(first, "KILL")
      await_restart(watcher)

      assert {:ok, %{restarts: 1, os_pid: second}} = Lookout.info(watcher)
      assert second != first
      assert gone?(first)

      {:ok, 1, [%Lookout.Entry{}]} = Lookout.list(watcher)
      File.mkdir!(Path.join(dir, "b"))
      :ok = Lookout.sync(watcher)
      assert [{:events, 2, [%{change: :created}]}] = taken(watcher)
    end

    # What no free memory of the program can hold is asked for: it does not depend on that whether it ends.
    test "that gets no memory ends, and is replaced", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, subscribe: [self()]], backoff: {1, 10})
      first = os_pid(watcher)
      {"", 0} = System.cmd("prlimit", ["--pid", "#{first}", "--as=1"])
      port = :sys.get_state(watcher).program.bridge.port
      spawn(fn -> Port.command(port, :binary.copy("x", 4 * 1024 * 1024)) end)
      await_restart(watcher)

      assert gone?(first)
      assert {:ok, %{restarts: 1}} = Lookout.info(watcher)
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]
    end

    test "many times is replaced each time, and a new listing makes the mirror true again", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, subscribe: [self()]], deaths: {100, 1_000}, backoff: {1, 10})

      for number <- 1..10 do
        signal(os_pid(watcher), "KILL")
        File.mkdir_p!(Path.join(dir, "#{number}/a"))
        await_restart(watcher)
        {:ok, seq, entries} = Lookout.list(watcher)
        File.mkdir!(Path.join(dir, "#{number}/b"))
        :ok = Lookout.sync(watcher)
        events = for {:events, n, events} <- taken(watcher), n > seq, event <- events, do: event
        assert [dir] |> Mirror.new(entries) |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(dir)
      end
    end

    test "with requests open has them answered by its successor", %{dir: dir} do
      File.mkdir_p!(Path.join(dir, "a"))
      watcher = start_watcher!([dirs: Path.join(dir, "a"), subscribe: [self()]], backoff: {1, 10})
      stopped = os_pid(watcher)
      signal(stopped, "STOP")

      tasks =
        for call <- [
              fn -> Lookout.sync(watcher, 60_000) end,
              fn -> Lookout.list(watcher) end,
              fn -> Lookout.info(watcher, 60_000) end,
              fn -> Lookout.add(watcher, dir, 60_000) end
            ],
            do: Task.async(call)

      eventually(fn -> length(open_kinds(watcher)) >= 4 end)
      signal(stopped, "KILL")

      assert [:ok, {:ok, _seq, _entries}, {:ok, %{restarts: 1}}, :ok] = Task.await_many(tasks)
      assert {:ok, dirs} = Lookout.dirs(watcher)
      assert dirs == [Path.join(dir, "a"), dir]
    end

    test "in the middle of a listing does not leave the first part in it twice", %{dir: dir} do
      await = fn name -> {:sh, "while [ ! -e #{dir}/#{name} ]; do sleep 0.01; done"} end
      entries = fn name -> {:say, {:entries, 2, [{:file, name, 1}]}} end

      steps =
        [{:say, {:hello, 1, "0"}}, {:sh, "[ ! -e #{dir}/second ] || {"}, {:say, {:reply, 3, :ok}}] ++
          [entries.("/b"), {:say, {:reply, 2, {:ok, 0}}}, :listen, {:sh, "}"}] ++
          [{:say, {:reply, 1, :ok}}, await.("asked"), entries.("/a"), {:sh, ": >#{dir}/second"}, {:exit, 1}]

      watcher = start_watcher!([dirs: dir], port_path: FakeProgram.write!(dir, steps), backoff: {1, 1})
      task = Task.async(fn -> Lookout.list(watcher) end)
      eventually(fn -> match?([{:list, _ref}], open_kinds(watcher)) end)
      File.write!(Path.join(dir, "asked"), "")
      assert {:ok, 0, [%Lookout.Entry{path: "/b"}]} = Task.await(task)
    end

    test "has a successor that is told all its directories, by as many requests as they need", %{dir: dir} do
      heard = Path.join(dir, "heard")
      watches = fn count -> {:sh, "until [ $(grep -ao watch #{heard} | wc -l) -ge #{count} ]; do sleep 0.01; done"} end

      steps =
        [
          {:say, {:hello, 1, "0"}},
          {:sh, "[ -e #{heard} ] || {"},
          {:say, {:reply, 1, :ok}},
          {:sh, ": >#{heard}; exit 1; }"}
        ] ++
          [{:sh, "exec 3<&0; cat <&3 >#{heard} &"}, watches.(1), {:say, {:reply, 2, :ok}}] ++
          [watches.(2), {:say, {:reply, 3, :ok}}, {:sh, "wait"}]

      dirs = for number <- 1..4_097, do: "/#{number}"
      limits = [port_path: FakeProgram.write!(dir, steps), backoff: {1, 1}, shutdown_timeout: 10]
      watcher = start_watcher!([dirs: dirs, subscribe: [self()]], limits)
      await_restart(watcher)
      assert [_before, first, second] = heard |> File.read!() |> :binary.split("watch", [:global])
      for path <- ["/1", "/4096"], do: assert(first =~ path)
      assert second =~ "/4097"
      refute second =~ "/4096"
    end

    test "while nobody subscribes and a subscriber comes later is no matter", %{dir: dir} do
      watcher = start_watcher!(dir)
      signal(os_pid(watcher), "KILL")
      eventually(fn -> match?({:ok, %{restarts: 1}}, Lookout.info(watcher)) end)
      {:ok, _seq, []} = Lookout.list(watcher)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]
    end

    test "after its directory was deleted waits for that to come back", %{dir: dir} do
      root = Path.join(dir, "root")
      File.mkdir!(root)
      watcher = start_watcher!(dirs: root, subscribe: [self()])
      File.rmdir!(root)
      signal(os_pid(watcher), "KILL")
      await_restart(watcher)
      :ok = Lookout.sync(watcher)
      assert {:root_deleted, root} in notices(taken(watcher))

      File.mkdir_p!(Path.join(root, "a"))
      assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}
      assert changes(watcher, root) == [{:created, "a"}]
    end
  end

  describe "P6: a program that hangs" do
    test "is noticed while a request is open, killed and replaced", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, subscribe: [self()]], @by_hand)
      hung = os_pid(watcher)
      signal(hung, "STOP")
      task = Task.async(fn -> Lookout.list(watcher) end)
      eventually(fn -> match?([{:list, _ref}], open_kinds(watcher)) end)
      time_is_up(watcher)
      assert :ping in open_kinds(watcher)
      time_is_up(watcher)
      assert {:ok, 0, []} = Task.await(task, 60_000)
      assert_received {:lookout, ^watcher, {:notice, :restarted}}
      eventually(fn -> gone?(hung) end)
    end

    test "is killed when the watcher stops", %{dir: dir} do
      watcher = start_watcher!([dirs: dir], shutdown_timeout: 50)
      hung = os_pid(watcher)
      signal(hung, "STOP")
      :ok = Lookout.stop(watcher)
      eventually(fn -> gone?(hung) end)
    end

    test "is not one that is busy but answers pings", %{dir: dir} do
      # Replies to the ping (3), and later to the request before it (1 is the watch, 2 the sync).
      answer = [
        await(dir, "pinged"),
        {:say, {:reply, 3, :ok}},
        await(dir, "done"),
        {:say, {:reply, 2, {:ok, 0}}},
        :listen
      ]

      path = FakeProgram.write!(dir, FakeProgram.well_started() ++ answer)
      watcher = start_watcher!([dirs: dir], [port_path: path, shutdown_timeout: 10] ++ @by_hand)
      task = Task.async(fn -> Lookout.sync(watcher, 60_000) end)
      eventually(fn -> open_kinds(watcher) == [:sync] end)
      time_is_up(watcher)
      File.touch!(Path.join(dir, "pinged"))
      eventually(fn -> open_kinds(watcher) == [:sync] end)
      assert %{restarts: 0, phase: :live} = time_is_up(watcher)
      File.touch!(Path.join(dir, "done"))
      assert Task.await(task, 60_000) == :ok
    end

    test "is not one that sends parts of its answer, even if it answers no ping meanwhile", %{dir: dir} do
      part = {:say, {:entries, 2, [{:file, "/a", 1}]}}

      answer = [
        await(dir, "one"),
        part,
        await(dir, "two"),
        part,
        await(dir, "done"),
        {:say, {:reply, 2, {:ok, 0}}},
        :listen
      ]

      path = FakeProgram.write!(dir, FakeProgram.well_started() ++ answer)
      watcher = start_watcher!([dirs: dir], [port_path: path, shutdown_timeout: 10] ++ @by_hand)
      task = Task.async(fn -> Lookout.list(watcher, timeout: 60_000) end)
      eventually(fn -> match?([{:list, _ref}], open_kinds(watcher)) end)
      # With a part since, without one, and with one although the ping is open.
      sends_part(watcher, dir, "one")
      time_is_up(watcher)
      time_is_up(watcher)
      assert :ping in open_kinds(watcher)
      sends_part(watcher, dir, "two")
      assert %{restarts: 0, phase: :live} = time_is_up(watcher)
      File.touch!(Path.join(dir, "done"))
      assert {:ok, 0, [_one, _two]} = Task.await(task, 60_000)
    end

    defp await(dir, name), do: {:sh, "while [ ! -e #{dir}/#{name} ]; do sleep 0.01; done"}

    defp sends_part(watcher, dir, name) do
      File.touch!(Path.join(dir, name))
      eventually(fn -> :sys.get_state(watcher).program.answered end)
    end
  end

  describe "P6: a port that is closed" do
    test "from outside counts as death", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, subscribe: [self()])
      first = os_pid(watcher)
      Port.close(:sys.get_state(watcher).program.bridge.port)
      await_restart(watcher)
      eventually(fn -> gone?(first) end)
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]
    end
  end

  describe "a program that keeps dying" do
    test "is given up: the subscribers are told, and the watcher stops", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, subscribe: [self()]], deaths: {3, 60_000}, backoff: {1, 1})
      ref = Process.monitor(watcher)

      for _ <- 1..3 do
        signal(os_pid(watcher), "KILL")
        await_restart(watcher)
      end

      signal(os_pid(watcher), "KILL")
      assert_receive {:lookout, ^watcher, {:stopped, %Error{reason: :port_exited} = error}}
      assert_receive {:DOWN, ^ref, :process, ^watcher, ^error}
      assert Exception.message(error) =~ "signal 9"
    end

    test "before it has watched anything is not started again", %{dir: dir} do
      # It reads before it ends: a port that is written to after that says no more than :epipe.
      read = {:sh, "dd bs=1 count=1 >/dev/null 2>&1"}
      started = {:sh, "echo started >>#{dir}/log"}
      path = FakeProgram.write!(dir, [started, {:say, {:hello, 1, "0"}}, read, {:exit, 7}])
      options = %{Lookout.Watcher.Options.parse!(dir) | limits: %Lookout.Port.Tuning{port_path: path, backoff: {1, 1}}}
      assert {:error, %Error{reason: :port_exited} = error} = Lookout.Watcher.Server.start_link(options)
      assert Exception.message(error) =~ "exit status 7"
      assert File.read!(Path.join(dir, "log")) == "started\n"
    end

    test "because it can no longer be started is given up as well", %{dir: dir} do
      path = Path.join(dir, "lookout_port")
      File.cp!(Lookout.port_path(), path)
      limits = [port_path: path, deaths: {3, 60_000}, backoff: {1, 1}]
      watcher = start_watcher!([dirs: dir, subscribe: [self()]], limits)
      program = os_pid(watcher)
      File.rm!(path)
      signal(program, "KILL")
      assert_receive {:lookout, ^watcher, {:stopped, %Error{reason: :enoent, operation: :open_port, path: ^path}}}
    end
  end

  describe "P6: nothing is left behind" do
    test "when the watcher is killed", %{dir: dir} do
      watcher = start_watcher!(dir)
      program = os_pid(watcher)
      Process.exit(watcher, :kill)
      eventually(fn -> gone?(program) end)
    end

    test "when the owner ends, in whatever way", %{dir: dir} do
      for reason <- [:normal, :shutdown, :kill, :crash] do
        me = self()

        owner =
          spawn(fn ->
            {:ok, watcher} = Lookout.start_link(dir)
            send(me, {:program, os_pid(watcher)})
            receive do: ({:end, reason} -> exit(reason))
          end)

        assert_receive {:program, program}
        if reason == :kill, do: Process.exit(owner, :kill), else: send(owner, {:end, reason})
        eventually(fn -> gone?(program) end)
      end
    end

    test "when the watcher is stopped or its start has failed: no port, no timer, no process", %{dir: dir} do
      {:ok, watcher} = Lookout.start_link(dirs: dir, subscribe: [self()])
      program = os_pid(watcher)
      :ok = Lookout.stop(watcher)
      eventually(fn -> gone?(program) end)
      refute Process.alive?(watcher)
      assert taken(watcher) == [{:stopped, :normal}]
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "when the VM is killed", %{dir: dir} do
      script = """
      {:ok, watcher} = Lookout.start_link(#{inspect(dir)})
      {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
      IO.puts("\#{os_pid} \#{System.pid()}")
      Process.sleep(:infinity)
      """

      elixir = System.find_executable("elixir")
      ebin = Application.app_dir(:lookout, "ebin")
      port = Port.open({:spawn_executable, elixir}, [:binary, line: 100, args: ["-pa", ebin, "-e", script]])
      assert_receive {^port, {:data, {:eol, line}}}, 60_000
      [os_pid, vm] = String.split(line)
      on_exit(fn -> System.cmd("kill", ["-KILL", vm], stderr_to_stdout: true) end)

      signal(vm, "KILL")
      eventually(fn -> gone?(os_pid) end)
    end
  end

  test "P5: an idle watcher has no timer", %{dir: dir} do
    watcher = start_watcher!(dirs: dir, subscribe: [self()])
    File.mkdir!(Path.join(dir, "a"))
    :ok = Lookout.sync(watcher)
    {:ok, _seq, _entries} = Lookout.list(watcher)
    state = :sys.get_state(watcher)
    assert state.program.timers.running == %{}
    assert state.delivery.timers.running == %{}
  end
end
