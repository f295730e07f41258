defmodule Lookout.ClientTest do
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
      watcher = start_watcher!([dirs: dir], port_path: path, farewell: 10)

      tasks =
        for call <- [&Lookout.sync/1, &Lookout.list/1, &Lookout.info/1, &Lookout.add(&1, "/")],
            do: Task.async(fn -> {call.(watcher), Process.info(self(), :messages)} end)

      eventually(fn -> length(:sys.get_state(watcher).program |> Lookout.Program.open_kinds()) >= 4 end)
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
      {:ok, watcher: start_watcher!([dirs: dir], port_path: path, farewell: 10)}
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
      assert [{id, {{:list, _ref}, _term, _deadline}}] = open(watcher)
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

      [{id, _list} | _] = open(watcher)
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

    defp open(watcher), do: Map.to_list(:sys.get_state(watcher).program.requests.open)

    # As if the program had said it.
    defp say(watcher, term) do
      send(watcher, {:sys.get_state(watcher).program.bridge.port, {:data, :erlang.term_to_binary(term)}})
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
