defmodule Lookout.Support.SafeCallTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, FakeProgram}

  @calls [
    subscribe: [],
    unsubscribe: [],
    ask: [1],
    sync: [],
    list: [],
    add: ["/"],
    remove: ["/"],
    dirs: [],
    info: [],
    stop: []
  ]

  for {function, arguments} <- @calls do
    describe "#{function}" do
      @function function
      @arguments arguments

      test "of a watcher that does not exist is :noproc, not an exit" do
        dead = spawn(fn -> :ok end)
        eventually(fn -> not Process.alive?(dead) end)

        for watcher <- [dead, __MODULE__.Nobody, {:global, :nobody}, {__MODULE__.Nobody, node()}] do
          assert {:error, %Error{reason: :noproc} = error} = apply(Lookout, @function, [watcher | @arguments])
          assert Exception.message(error) =~ "no watcher is running"
        end
      end

      test "of a node that cannot be reached is :nodedown" do
        assert {:error, %Error{reason: :nodedown}} =
                 apply(Lookout, @function, [{__MODULE__.Nobody, :nobody@nowhere} | @arguments])
      end
    end
  end

  describe "a call to a watcher that stops" do
    test "says so, and with what reason", %{dir: dir} do
      path = FakeProgram.write!(dir, FakeProgram.well_started() ++ [:listen])
      watcher = start_watcher!([dirs: dir], port_path: path, shutdown_timeout: 10)

      tasks =
        for call <- [&Lookout.sync/1, &Lookout.list/1, &Lookout.info/1, &Lookout.add(&1, "/")],
            do: Task.async(fn -> {call.(watcher), Process.info(self(), :messages)} end)

      eventually(fn -> length(:sys.get_state(watcher).program |> Lookout.Port.Program.open_kinds()) >= 4 end)
      Process.exit(watcher, :kill)

      for {result, messages} <- Task.await_many(tasks) do
        assert {:error, %Error{reason: :stopped, detail: detail}} = result
        assert detail =~ "killed"
        assert messages == {:messages, []}
      end
    end
  end

  describe "a call that takes too long" do
    setup %{dir: dir} do
      # Answers nothing but the watch.
      path = FakeProgram.write!(dir, FakeProgram.well_started() ++ [:listen])
      {:ok, watcher: start_watcher!([dirs: dir], port_path: path, shutdown_timeout: 10)}
    end

    test "is :timeout, not an exit, and no answer comes afterwards", %{watcher: watcher} do
      for call <- [
            &Lookout.sync(&1, 10),
            &Lookout.list(&1, timeout: 10),
            &Lookout.add(&1, "/", 10),
            &Lookout.remove(&1, "/", 10),
            &Lookout.info(&1, 10),
            &Lookout.info(&1, 0)
          ] do
        assert {:error, %Error{reason: :timeout} = error} = call.(watcher)
        assert Exception.message(error) =~ "no answer"
      end

      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "leaves no messages of a listing behind that comes too late", %{watcher: watcher} do
      assert {:error, %Error{reason: :timeout}} = Lookout.list(watcher, timeout: 10)
      assert [{id, _kind, {:list, id, []}}] = open(watcher)
      for term <- [{:entries, id, [{:file, "/a", 1}]}, {:reply, id, {:ok, 0}}], do: say(watcher, term)
      _state = :sys.get_state(watcher)
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "leaves none behind either of what came between the timeout and the end of the call", %{watcher: watcher} do
      me = self()
      end_of = fn result -> send(me, {:result, result, Process.info(self(), :messages)}) end
      caller = spawn_link(fn -> end_of.(Lookout.list(watcher, timeout: 2_000)) end)
      eventually(fn -> match?([_], open(watcher)) end)
      true = :erlang.suspend_process(caller)
      # Its timer goes off before this one.
      Process.send_after(self(), :timed_out, 2_100)
      assert_receive :timed_out, 30_000

      [{id, _kind, _list} | _] = open(watcher)
      say(watcher, {:entries, id, [{:file, "/a", 1}]})
      _state = :sys.get_state(watcher)
      true = :erlang.resume_process(caller)
      assert_receive {:result, {:error, %Error{reason: :timeout}}, {:messages, []}}
    end

    test "of a watcher that itself does not answer is :timeout too", %{watcher: watcher} do
      :ok = :sys.suspend(watcher)
      assert {:error, %Error{reason: :timeout}} = Lookout.sync(watcher, 10)
      assert {:error, %Error{reason: :timeout}} = Lookout.info(watcher, 10)
      assert {:error, %Error{reason: :timeout}} = Lookout.list(watcher, timeout: 10)
      :ok = :sys.resume(watcher)
    end

    # The open requests by id. Their terms are sealed.
    defp open(watcher) do
      for {id, {kind, term, _deadline}} <- :sys.get_state(watcher).program.requests.open, do: {id, kind, term.()}
    end

    # As if the program had said it.
    defp say(watcher, term) do
      send(watcher, {:sys.get_state(watcher).program.bridge.port, {:data, :erlang.term_to_binary(term)}})
    end
  end

  describe "a call whose caller has given up" do
    setup %{dir: dir} do
      other = Path.join(dir, "other")
      watched = Path.join(dir, "watched")
      for path <- [other, watched], do: File.mkdir!(path)
      {:ok, other: other, watched: watched}
    end

    test "before the watcher took the request takes no effect later", %{other: other, watched: watched} do
      watcher = start_watcher!(watched)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 1)
      :ok = :sys.suspend(watcher)

      late =
        for request <- [{:subscribe, :all}, :sync],
            do: Task.async(fn -> late(watcher, request) && Process.sleep(:infinity) end)

      for request <- [{:subscribe, :all}, {:ask, 100}, :sync, :unsubscribe, {:add, other}, {:remove, watched}],
          do: late(watcher, request)

      :ok = :sys.resume(watcher)
      assert Lookout.dirs(watcher) == {:ok, [watched]}
      assert {:ok, %{subscribers: 1}} = Lookout.info(watcher)
      for name <- ["a", "b"], do: make_and_await(watcher, watched, name)
      assert [{:events, 1, _events}] = taken(watcher)
      for task <- late, do: Task.shutdown(task, :brutal_kill)
    end

    defp late(watcher, request) do
      assert {:error, %Error{reason: :timeout}} = Lookout.Support.SafeCall.call(watcher, request, 10, :late)
    end

    # Another process waits until it is known to the watcher.
    defp make_and_await(watcher, dir, name) do
      File.mkdir!(Path.join(dir, name))
      :ok = Task.await(Task.async(fn -> Lookout.sync(watcher, 100) && :ok end))
    end

    test "while its program was down is not sent to the next one", %{other: other, watched: watched} do
      watcher = start_watcher!([dirs: watched], backoff: {300, 300})
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      watcher |> os_pid() |> signal("KILL")
      eventually(fn -> :sys.get_state(watcher).program.phase == :down end)
      assert {:error, %Error{reason: :timeout}} = Lookout.add(watcher, other, 10)
      assert {:error, %Error{reason: :timeout}} = Lookout.remove(watcher, watched, 10)
      assert_receive {:lookout, ^watcher, {:notice, :restarted}}, 10_000
      :ok = Lookout.sync(watcher)
      assert Lookout.dirs(watcher) == {:ok, [watched]}
      assert {:ok, %{roots: roots}} = Lookout.info(watcher)
      assert Map.keys(roots) == [watched]
    end

    test "before an add was answered has it undone", %{dir: dir, other: other} do
      gate = Path.join(dir, "gate")
      wait = {:sh, "while [ ! -e #{gate} ]; do sleep 0.01; done"}
      steps = FakeProgram.well_started() ++ [wait, {:say, {:reply, 2, :ok}}, :listen]
      watcher = start_watcher!([dirs: dir], port_path: FakeProgram.write!(dir, steps), shutdown_timeout: 10)
      assert {:error, %Error{reason: :timeout}} = Lookout.add(watcher, other, 10)
      File.touch!(gate)
      eventually(fn -> match?([{3, _kind, {:unwatch, 3, ^other}}], open(watcher)) end)
      assert Lookout.dirs(watcher) == {:ok, [dir]}
    end
  end

  test "a timeout that is none raises", %{dir: dir} do
    watcher = start_watcher!(dir)

    for bad <- [-1, 1.0, nil, :never],
        call <- [
          &Lookout.sync(&1, bad),
          &Lookout.info(&1, bad),
          &Lookout.list(&1, timeout: bad),
          &Lookout.stop(&1, bad)
        ] do
      assert_raise ArgumentError, ~r/timeout.* expected milliseconds/, fn -> call.(watcher) end
    end
  end

  test "a path that is none raises" do
    for call <- [&Lookout.add(:nobody, &1), &Lookout.remove(:nobody, &1)], bad <- ["", nil, "a\0b", ["a"]] do
      assert_raise ArgumentError, ~r/expected a path/, fn -> call.(bad) end
    end
  end
end
