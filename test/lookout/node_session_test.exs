defmodule Lookout.NodeSessionTest do
  # Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Error, Event, NodeDouble}

  setup_all do: NodeDouble.distribute()
  setup do: {:ok, storage: NodeDouble.start!()}

  defp watch!(storage, dir, options \\ []) do
    options = [node: storage.node, dirs: dir, session: "indexer", subscribe: [self()]] |> Keyword.merge(options)
    start_watcher!(options, backoff: {1, 20})
  end

  # The connection is lost, and `fun` called before the next session.
  defp apart(storage, watcher, fun) do
    NodeDouble.call(storage, {:refuse, {:eagain, "held back by the test"}})
    true = :erlang.disconnect_node(storage.node)
    assert_receive {:lookout, ^watcher, {:notice, {:away, _node}}}, 20_000
    result = fun.()
    NodeDouble.call(storage, {:refuse, nil})
    eventually(fn -> :sys.get_state(watcher).away == nil end)
    result
  end

  defp make(dir, name), do: File.mkdir!(Path.join(dir, name))
  defp sessions(storage, counts), do: eventually(fn -> NodeDouble.call(storage, :sessions) == counts end)

  # The changes until now with the numbers of their batches, and the notices.
  defp stream(watcher) do
    :ok = Lookout.sync(watcher)

    Enum.map(taken(watcher), fn
      {:events, seq, events} -> {seq, for(%Event{change: :created, path: path} <- events, do: Path.basename(path))}
      {:notice, notice} -> notice
    end)
  end

  # `:restarted` tells that the changes in between are missing, so it comes before the first message.
  defp restarted?(watcher), do: :restarted in stream(watcher)

  test "a session goes on after the last batch, without :restarted, where the connection was lost", context do
    %{dir: dir, storage: storage} = context
    watcher = watch!(storage, dir)
    make(dir, "a")
    assert [{seq, ["a"]}] = stream(watcher)
    apart(storage, watcher, fn -> for name <- ~w(b c), do: make(dir, name) end)
    after_it = stream(watcher)
    next = seq + 1
    assert [{^next, _names} | _rest] = after_it
    assert after_it |> Enum.flat_map(&elem(&1, 1)) |> Enum.sort() == ["b", "c"]
    assert {:ok, listed, [_a, _b, _c]} = Lookout.list(watcher)
    assert {^listed, _names} = List.last(after_it)
    assert {:ok, %{restarts: 0}} = Lookout.info(watcher)
  end

  test "a session whose time has passed meanwhile begins anew, with :restarted", %{dir: dir, storage: storage} do
    watcher = watch!(storage, dir, linger: 0)
    make(dir, "a")
    assert [{seq, ["a"]}] = stream(watcher)
    apart(storage, watcher, fn -> sessions(storage, {0, 0}) end)
    make(dir, "b")
    assert [:restarted, {later, ["b"]}] = stream(watcher)
    assert later > seq
  end

  test "batches that were on their way when the connection was lost come again, once", %{dir: dir, storage: storage} do
    watcher = watch!(storage, dir)
    make(dir, "a")
    assert [{_seq, ["a"]}] = stream(watcher)
    :sys.suspend(watcher)

    for n <- 1..5 do
      make(dir, "#{n}")
      # Each becomes a batch of its own at the node.
      eventually(fn -> mailbox(watcher) >= n end)
    end

    # The watcher had been sent all, but has dealt with none when it gets the news of the loss.
    :sys.resume(watcher)
    apart(storage, watcher, fn -> make(dir, "b") end)
    assert watcher |> stream() |> Enum.flat_map(&elem(&1, 1)) == ~w(1 2 3 4 5 b)
  end

  defp mailbox(pid), do: pid |> Process.info(:message_queue_len) |> elem(1)

  test "another watcher takes a session over, exactly after the batch that it names", %{dir: dir, storage: storage} do
    first = watch!(storage, dir)
    make(dir, "a")
    assert [{one, ["a"]}] = stream(first)
    make(dir, "b")
    assert [{_two, ["b"]}] = stream(first)
    Process.exit(first, :kill)
    sessions(storage, {1, 0})
    make(dir, "c")

    # Who subscribes later misses nothing.
    second = watch!(storage, dir, session: {"indexer", fn -> one end}, subscribe: [])
    {:ok, ^second} = Lookout.subscribe(second)
    assert [{two, ["b"]}, {three, ["c"]}] = stream(second)
    assert {two, three} == {one + 1, one + 2}
    assert Lookout.dirs(second) == {:ok, [dir]}
  end

  test "a batch that the session does not know is a new session, and :restarted", %{dir: dir, storage: storage} do
    for seq <- [1, 4_000_000_000_000_000] do
      watcher = watch!(storage, dir, session: {"indexer", seq}, subscribe: [])
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      assert restarted?(watcher)
      :ok = Lookout.stop(watcher)
    end

    refute restarted?(watch!(storage, dir, session: {"indexer", nil}))
  end

  test "a session has one owner, and ends when that is stopped, but not when it is shut down", context do
    %{dir: dir, storage: storage} = context
    watcher = watch!(storage, dir)
    options = [node: storage.node, dirs: dir, session: "indexer"]
    assert {:error, %Error{reason: :in_use}} = Lookout.start_link(options)
    # Other options, other changes: another session.
    {:ok, other} = Lookout.start_link(options ++ [only: ["*.c"]])
    :ok = Lookout.stop(other)

    :ok = GenServer.stop(watcher, :shutdown)
    sessions(storage, {1, 0})
    :ok = Lookout.stop(watch!(storage, dir))
    sessions(storage, {0, 0})
  end

  test "what was asked for when the connection was lost is undone, as its caller got an error", context do
    %{dir: dir, storage: storage} = context
    [kept, added, removed] = for name <- ~w(kept added removed), do: dir |> Path.join(name) |> tap(&File.mkdir!/1)
    watcher = watch!(storage, [kept, removed])
    NodeDouble.call(storage, {:mute, true})

    tasks =
      for call <- [&Lookout.add/3, &Lookout.remove/3],
          do: Task.async(fn -> call.(watcher, path(call, added, removed), :infinity) end)

    eventually(fn -> length(Lookout.Program.open_kinds(:sys.get_state(watcher).program)) == 2 end)
    make(added, "a")
    assert_receive {:lookout, ^watcher, {:events, _seq, [%{change: :created} | _]}}
    apart(storage, watcher, fn -> NodeDouble.call(storage, {:mute, false}) end)
    for result <- Task.await_many(tasks), do: assert({:error, %Error{reason: :nodedown}} = result)
    eventually(fn -> match?({:ok, %{roots: roots}} when map_size(roots) == 1, Lookout.info(watcher)) end)
    assert Lookout.dirs(watcher) == {:ok, [kept]}
  end

  defp path(call, added, removed), do: if(call == (&Lookout.add/3), do: added, else: removed)
end
