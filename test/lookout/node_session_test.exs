defmodule Lookout.NodeSessionTest do
  # Sessions with a name of a real `lookout_port --node`. Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Error, NodeDouble, NodeProgram}

  setup_all do: NodeDouble.distribute()

  setup %{dir: dir} do
    root = Path.join(dir, "in")
    File.mkdir!(root)
    {:ok, storage: NodeProgram.start!(dir), root: root}
  end

  defp watch!(storage, dirs, options \\ [], limits \\ []) do
    options = [node: storage.node, dirs: dirs, session: "indexer", subscribe: [self()]] |> Keyword.merge(options)
    start_watcher!(options, [backoff: {1, 20}] ++ limits)
  end

  # The connection is lost, and `fun` called before the next session.
  defp apart(storage, watcher, fun) do
    signal(storage.os_pid, "STOP")
    true = :erlang.disconnect_node(storage.node)
    assert_receive {:lookout, ^watcher, {:notice, {:away, _node}}}, 20_000
    fun.()
    signal(storage.os_pid, "CONT")
    await_live(watcher)
  end

  defp make(dir, name), do: File.mkdir!(Path.join(dir, name))
  defp await_live(watcher), do: eventually(fn -> match?(%{away: nil, was_live: true}, :sys.get_state(watcher)) end)
  defp await_sessions(storage, count), do: eventually(fn -> NodeProgram.sessions(storage) == count end)

  test "a session that is lost before its watches are live is not resumed: it may lack some of them" do
    options = Lookout.Watcher.Options.parse!(dirs: "/in", node: :watch@storage, session: "indexer")
    state = Lookout.Watcher.State.new(options, self())
    state = %{state | was_live: true, epoch: 100, seq: 103, seq_base: 100}
    assert Lookout.Watcher.Away.last(state) == 103
    assert Lookout.Watcher.Away.last(%{state | setting_up: true}) == 0
  end

  test "a session goes on after its last batch, without :restarted, where the connection was lost", context do
    %{root: root, storage: storage} = context
    watcher = watch!(storage, root)
    make(root, "0")
    assert [{seq, ["0"]}] = stream(watcher)

    for n <- 1..20 do
      true = :erlang.disconnect_node(storage.node)
      make(root, "#{n}")
      assert_receive {:lookout, ^watcher, {:notice, {:away, _node}}}, 20_000
      await_live(watcher)
    end

    batches = stream(watcher)
    assert Enum.flat_map(batches, &elem(&1, 1)) == for(n <- 1..20, do: "#{n}")
    assert Enum.map(batches, &elem(&1, 0)) == Enum.to_list((seq + 1)..(seq + length(batches)))
    assert {:ok, %{restarts: 0}} = Lookout.info(watcher)
  end

  test "a session is resumed after the node was stopped (SIGSTOP)", %{root: root, storage: storage} do
    watcher = watch!(storage, root, [], quiet: 600_000, answer: 600_000)
    make(root, "a")
    assert [{_seq, ["a"]}] = stream(watcher)
    signal(storage.os_pid, "STOP")
    task = Task.async(fn -> Lookout.sync(watcher, :infinity) end)

    # The test says when the time of the watchdog is up, so that the load of the machine does not.
    for _ <- 1..2 do
      timer = eventually(fn -> :sys.get_state(watcher).program.timers.running[:watchdog] end)
      send(watcher, {:timeout, timer, {:program, :watchdog}})
    end

    assert {:error, %Error{reason: :nodedown}} = Task.await(task)
    assert_receive {:lookout, ^watcher, {:notice, {:away, _node}}}
    make(root, "b")
    signal(storage.os_pid, "CONT")
    await_live(watcher)
    assert [{_seq, ["b"]}] = stream(watcher)
    await_sessions(storage, 1)
  end

  test "another watcher takes a session over, exactly after the batch that it names", %{root: root, storage: storage} do
    first = watch!(storage, root)
    make(root, "a")
    assert [{one, ["a"]}] = stream(first)
    assert {:error, %Error{reason: :in_use}} = Lookout.start_link(dirs: root, node: storage.node, session: "indexer")
    make(root, "b")
    assert [{_two, ["b"]}] = stream(first)
    Process.exit(first, :kill)
    eventually(fn -> not Process.alive?(first) end)
    make(root, "c")

    second = start_watcher!(node: storage.node, dirs: root, session: {"indexer", one})
    {:ok, ^second} = Lookout.subscribe(second)
    assert [{two, ["b"]}, {three, ["c"]}] = stream(second)
    assert {two, three} == {one + 1, one + 2}
    :ok = Lookout.stop(second)
    await_sessions(storage, 0)

    third = start_watcher!(node: storage.node, dirs: root, session: {"indexer", three})
    {:ok, ^third} = Lookout.subscribe(third)
    assert [:restarted] = stream(third)
  end

  test "a session whose time has passed meanwhile begins anew, with :restarted", %{root: root, storage: storage} do
    watcher = watch!(storage, root, linger: 0)
    make(root, "a")
    assert [{seq, ["a"]}] = stream(watcher)
    true = :erlang.disconnect_node(storage.node)
    assert_receive {:lookout, ^watcher, {:notice, {:away, _node}}}, 20_000
    await_live(watcher)
    make(root, "b")
    assert [:restarted, {later, ["b"]}] = stream(watcher)
    assert later > seq
  end

  test "batches that were on their way when the connection was lost come again, once", %{root: root, storage: storage} do
    watcher = watch!(storage, root)
    make(root, "a")
    assert [{_seq, ["a"]}] = stream(watcher)
    :sys.suspend(watcher)

    for n <- 1..5 do
      make(root, "#{n}")
      # Each becomes a batch of its own at the node.
      eventually(fn -> mailbox(watcher) >= n end)
    end

    # The watcher had been sent all, but has dealt with none when it gets the news of the loss.
    :sys.resume(watcher)
    apart(storage, watcher, fn -> make(root, "b") end)
    assert watcher |> stream() |> Enum.flat_map(&elem(&1, 1)) == ~w(1 2 3 4 5 b)
  end

  defp mailbox(pid), do: pid |> Process.info(:message_queue_len) |> elem(1)

  test "a batch that the session does not know is a new session, and :restarted", %{root: root, storage: storage} do
    for seq <- [1, 4_000_000_000_000_000] do
      watcher = watch!(storage, root, session: {"indexer", seq}, subscribe: [])
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      assert :restarted in stream(watcher)
      :ok = Lookout.stop(watcher)
    end

    refute :restarted in stream(watch!(storage, root, session: {"indexer", nil}))
  end

  test "a session has one owner, and ends when that is stopped, but not when it is shut down", context do
    %{root: root, storage: storage} = context
    watcher = watch!(storage, root)
    options = [node: storage.node, dirs: root, session: "indexer"]
    assert {:error, %Error{reason: :in_use}} = Lookout.start_link(options)
    # Other options, other changes: another session.
    {:ok, other} = Lookout.start_link(options ++ [only: ["*.c"]])
    :ok = Lookout.stop(other)

    :ok = GenServer.stop(watcher, :shutdown)
    await_sessions(storage, 1)
    :ok = Lookout.stop(watch!(storage, root))
    await_sessions(storage, 0)
  end

  test "what was asked for when the connection was lost is undone, as its caller got an error", context do
    %{root: root, storage: storage} = context
    [kept, added, removed] = for name <- ~w(kept added removed), do: root |> Path.join(name) |> tap(&File.mkdir!/1)
    watcher = watch!(storage, [kept, removed])

    # What the node reads when it goes on, before it notices that the connection is lost.
    signal(storage.os_pid, "STOP")

    tasks =
      for call <- [
            fn -> Lookout.add(watcher, added, :infinity) end,
            fn -> Lookout.remove(watcher, removed, :infinity) end
          ],
          do: Task.async(call)

    eventually(fn -> length(Lookout.Port.Program.open_kinds(:sys.get_state(watcher).program)) == 2 end)
    apart(storage, watcher, fn -> :ok end)
    for result <- Task.await_many(tasks), do: assert({:error, %Error{reason: :nodedown}} = result)
    eventually(fn -> match?({:ok, %{roots: roots}} when map_size(roots) == 1, Lookout.info(watcher)) end)
    assert Lookout.dirs(watcher) == {:ok, [kept]}
  end
end
