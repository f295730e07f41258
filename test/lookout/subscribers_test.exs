defmodule Lookout.SubscribersTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, Mirror}

  # Makes so many batches: each change is reported before the next is made.
  defp batches(watcher, dir, count) do
    for _ <- 1..count do
      File.mkdir!(Path.join(dir, "#{System.unique_integer([:positive])}"))
      Task.await(Task.async(fn -> Lookout.sync(watcher, 60_000) end), :infinity)
    end
  end

  # A process that subscribes and then does what it is told; `read` empties its mailbox into a list.
  defp subscriber(watcher, options) do
    pid = spawn_link(fn -> serve(watcher, []) end)
    assert {:ok, ^watcher} = run(pid, fn -> Lookout.subscribe(watcher, options) end)
    pid
  end

  defp serve(watcher, state) do
    receive do
      {:run, from, fun} ->
        send(from, {:ran, self(), fun.()})
        serve(watcher, state)
    end
  end

  defp run(pid, fun) do
    send(pid, {:run, self(), fun})
    assert_receive {:ran, ^pid, result}, 10_000
    result
  end

  defp read(pid, watcher), do: run(pid, fn -> taken(watcher) end)
  defp mailbox(pid), do: pid |> Process.info(:message_queue_len) |> elem(1)
  defp seqs(messages), do: for({:events, seq, _events} <- messages, do: seq)

  test "who subscribes twice gets everything once", %{dir: dir} do
    watcher = start_watcher!(dir)
    assert Lookout.subscribe(watcher) == {:ok, watcher}
    assert Lookout.subscribe(watcher) == {:ok, watcher}
    assert {:ok, %{subscribers: 1}} = Lookout.info(watcher)
    File.mkdir!(Path.join(dir, "a"))
    assert changes(watcher, dir) == [{:created, "a"}]
  end

  test "all subscribers get everything", %{dir: dir} do
    watcher = start_watcher!(dirs: dir, subscribe: [self()])
    others = for _ <- 1..3, do: subscriber(watcher, active: true)
    File.mkdir!(Path.join(dir, "a"))
    :ok = Lookout.sync(watcher)
    mine = taken(watcher)
    assert [{:events, 1, [%{change: :created}]}] = mine
    for pid <- others, do: assert(read(pid, watcher) == mine)
  end

  test "who unsubscribes gets nothing more, and may do so twice", %{dir: dir} do
    watcher = start_watcher!(dirs: dir, subscribe: [self()])
    assert Lookout.unsubscribe(watcher) == :ok
    assert Lookout.unsubscribe(watcher) == :ok
    assert Process.info(watcher, :monitors) == {:monitors, []}
    File.mkdir!(Path.join(dir, "a"))
    assert changes(watcher, dir) == []
  end

  test "who is dead is forgotten", %{dir: dir} do
    watcher = start_watcher!(dir)
    {pid, ref} = spawn_monitor(fn -> Lookout.subscribe(watcher, active: 0) end)
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}
    eventually(fn -> match?({:ok, %{subscribers: 0}}, Lookout.info(watcher)) end)
    batches(watcher, dir, 20)
  end

  test "the last message says why the watcher stopped", %{dir: dir} do
    {:ok, watcher} = Lookout.start_link(dirs: dir, subscribe: [self()])
    assert Lookout.stop(watcher) == :ok
    assert taken(watcher) == [{:stopped, :normal}]
  end

  describe "P3: a subscriber with a count" do
    test "gets that many batches, and more when it asks", %{dir: dir} do
      watcher = start_watcher!(dir)
      pid = subscriber(watcher, active: :once)
      make(dir, "a")
      assert_eventually_read(pid, watcher, [1])
      make(dir, "b")
      :ok = run(pid, fn -> Lookout.ask(watcher, 2) end)
      assert_eventually_read(pid, watcher, [2])
      make(dir, "c")
      assert_eventually_read(pid, watcher, [3])
      make(dir, "d")
      {:ok, _info} = Lookout.info(watcher)
      assert read(pid, watcher) == []
    end

    test "who sleeps through many changes costs a bounded number of batches, and then misses none", %{dir: dir} do
      watcher = start_watcher!(dir, window: 8)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)

      {"", 0} =
        System.cmd(
          "sh",
          ["-c", "for i in 1 2 3 4 5 6 7 8 9; do mkdir $i; seq 300 | sed s:^:$i/: | xargs touch; done; rm -r 3"],
          cd: dir
        )

      eventually(fn -> match?({:ok, %{dirty: 0}}, Lookout.info(watcher)) or held(watcher) == 8 end)

      assert held(watcher) <= 8
      assert mailbox(self()) == 0

      :ok = Lookout.sync(watcher)
      events = for {:events, _seq, events} <- taken(watcher), event <- events, do: event
      assert [dir] |> Mirror.new([]) |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(dir)
    end

    test "may not ask for nothing, nor without having subscribed", %{dir: dir} do
      watcher = start_watcher!(dir)
      assert {:error, %Error{reason: :not_subscribed}} = Lookout.ask(watcher, 1)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      assert {:error, %Error{reason: :active}} = Lookout.ask(watcher, 1)
      for bad <- [0, -1, :once, 1.0], do: assert_raise(ArgumentError, ~r/ask/, fn -> Lookout.ask(watcher, bad) end)
    end

    defp held(watcher) do
      {:ok, %{held: held}} = Lookout.info(watcher)
      held
    end
  end

  describe "P3: a subscriber with active: true that does not read" do
    test "has a bounded number of batches in its mailbox, and then misses none", %{dir: dir} do
      watcher = start_watcher!([dirs: dir], mailbox: 4)
      pid = subscriber(watcher, active: true)

      for number <- 1..40 do
        make(dir, "#{number}")
        {:ok, _info} = Lookout.info(watcher)
      end

      assert mailbox(pid) <= 4

      read =
        Stream.repeatedly(fn -> read(pid, watcher) end)
        |> Enum.reduce_while([], fn messages, all ->
          all = all ++ messages
          if length(created(all)) == 40, do: {:halt, all}, else: {:cont, all}
        end)

      assert seqs(read) == Enum.to_list(1..length(seqs(read)))
      assert mailbox(pid) == 0
    end

    defp created(messages), do: for({:events, _seq, events} <- messages, %{change: :created} = e <- events, do: e)
  end

  describe "a slow subscriber" do
    test "holds up the others for max_lag, is then left behind, and told so", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: 20)
      slow = subscriber(watcher, active: 1)
      {:ok, ^watcher} = Lookout.subscribe(watcher)

      for name <- ["a", "b", "c"], do: make_and_await(watcher, dir, name)
      assert [{:events, 1, _events}] = read(slow, watcher)

      :ok = run(slow, fn -> Lookout.ask(watcher, 1) end)
      assert read(slow, watcher) == [{:notice, :lagged}]

      make_and_await(watcher, dir, "d")
      assert [{:events, _seq, [%{change: :created}]}] = read(slow, watcher)
    end

    test "with active: true is back when it has read its mailbox", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, max_lag: 20], mailbox: 2)
      slow = subscriber(watcher, active: true)
      {:ok, ^watcher} = Lookout.subscribe(watcher)

      for name <- ["a", "b", "c", "d"], do: make_and_await(watcher, dir, name)
      assert [{:events, 1, _}, {:events, 2, _}] = read(slow, watcher)
      eventually(fn -> mailbox(slow) == 1 end)
      assert read(slow, watcher) == [{:notice, :lagged}]
      make_and_await(watcher, dir, "e")
      assert [{:events, _seq, _events}] = read(slow, watcher)
    end

    test "is mirrored correctly again after a new listing", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: 20)
      slow = subscriber(watcher, active: 1)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      for name <- ["a", "b", "c"], do: make_and_await(watcher, dir, name)

      {seq, entries, messages} =
        run(slow, fn ->
          :ok = Lookout.ask(watcher, 1_000)
          {:ok, seq, entries} = Lookout.list(watcher)
          {"", 0} = System.cmd("sh", ["-c", "rm -r a; mkdir d; mv b d"], cd: dir)
          :ok = Lookout.sync(watcher)
          {seq, entries, taken(watcher)}
        end)

      assert {:notice, :lagged} in messages
      events = for {:events, n, events} <- messages, n > seq, event <- events, do: event
      assert [dir] |> Mirror.new(entries) |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(dir)
    end

    test "that is the only one is never left behind", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: 0)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 1)
      for name <- ["a", "b", "c"], do: make(dir, name)
      :ok = Lookout.sync(watcher)
      messages = taken(watcher)
      assert length(created(messages)) == 3
      refute {:notice, :lagged} in messages
    end

    test "is waited for without end with max_lag: :infinity", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: :infinity)
      slow = subscriber(watcher, active: 0)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      make(dir, "a")
      assert {:error, %Error{reason: :lagging}} = Lookout.sync(watcher, 100)
      assert taken(watcher) == []
      :ok = run(slow, fn -> Lookout.ask(watcher, 1) end)
      assert_receive {:lookout, ^watcher, {:events, 1, _events}}
    end
  end

  describe "sync" do
    test "gives its caller everything, whatever it has asked for", %{dir: dir} do
      watcher = start_watcher!(dir)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)
      for name <- ["a", "b"], do: make(dir, name)
      assert Enum.sort(changes(watcher, dir)) == [{:created, "a"}, {:created, "b"}]
      make(dir, "c")
      {:ok, _info} = Lookout.info(watcher)
      assert taken(watcher) == []
    end

    test "says :lagging when another subscriber holds it up, and :ok when that one goes on", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: :infinity)
      slow = subscriber(watcher, active: 0)
      make(dir, "a")
      assert {:error, %Error{reason: :lagging, operation: :sync}} = Lookout.sync(watcher, 100)

      task = Task.async(fn -> Lookout.sync(watcher, :infinity) end)
      :ok = run(slow, fn -> Lookout.ask(watcher, 1) end)
      assert Task.await(task) == :ok
      assert [1] = slow |> read(watcher) |> seqs()
    end

    test "with a timeout below :max_lag leaves a stuck subscriber behind when it is repeated", %{dir: dir} do
      watcher = start_watcher!([dirs: dir, max_lag: 300], mailbox: 2)
      _stuck = subscriber(watcher, active: 0)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      for _ <- 1..2, do: send(self(), :unread)
      make(dir, "a")
      results = Enum.map(1..20, fn _n -> Lookout.sync(watcher, 100) end)
      assert List.last(results) == :ok
      assert {:error, %Error{reason: :lagging}} = hd(results)
    end

    test "names the subscriber that holds it up", %{dir: dir} do
      watcher = start_watcher!(dirs: dir, max_lag: :infinity)
      slow = subscriber(watcher, active: 0)
      make(dir, "a")
      assert {:error, %Error{reason: :lagging, detail: detail}} = Lookout.sync(watcher, 100)
      assert detail =~ "the subscriber #{inspect(slow)} takes no messages"
      Process.register(slow, :lookout_slow_subscriber)
      assert {:error, %Error{reason: :lagging, detail: detail}} = Lookout.sync(watcher, 100)
      assert detail =~ "the subscriber #{inspect(slow)} (:lookout_slow_subscriber) takes"
    end

    test "says :lagging when what exists waits for the first subscriber", %{dir: dir} do
      for number <- 1..20, do: File.mkdir_p!(Path.join(dir, "#{number}/a/b/c"))
      watcher = start_watcher!(dirs: dir, initial: true)
      assert {:error, %Error{reason: :lagging, detail: detail}} = Lookout.sync(watcher, 100)
      assert detail =~ "first subscriber"
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      assert length(changes(watcher, dir)) == 80
    end

    test "of many callers is answered for each", %{dir: dir} do
      watcher = start_watcher!(dir)
      tasks = for _ <- 1..50, do: Task.async(fn -> Lookout.sync(watcher) end)
      assert Enum.uniq(Task.await_many(tasks)) == [:ok]
    end
  end

  defp make(dir, name), do: File.mkdir!(Path.join(dir, name))

  defp make_and_await(watcher, dir, name) do
    make(dir, name)
    path = Path.join(dir, name)
    assert_receive {:lookout, ^watcher, {:events, _seq, [%{path: ^path} | _]}}
  end

  defp assert_eventually_read(pid, watcher, seqs) do
    eventually(fn -> mailbox(pid) >= length(seqs) end)
    assert seqs(read(pid, watcher)) == seqs
  end
end
