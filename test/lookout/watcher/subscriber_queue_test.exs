defmodule Lookout.Watcher.SubscriberQueueTest do
  use ExUnit.Case, async: true

  alias Lookout.Watcher.SubscriberQueue

  @window 8
  @mailbox 64

  # Pids stand for names; a look is a map of mailbox lengths, 0 where nothing is said.
  setup do
    [a, b] = for _ <- 1..2, do: spawn(fn -> :ok end)
    {:ok, a: a, b: b}
  end

  # For a program that has just started.
  defp flow(wants, keep \\ false) do
    {@window, flow} = SubscriberQueue.first_credit(SubscriberQueue.new(@window, @mailbox, keep))

    Enum.reduce(wants, flow, fn {pid, want}, flow ->
      {[], flow} = SubscriberQueue.subscribe(flow, pid, want)
      flow
    end)
  end

  defp batch(seq), do: {:events, seq, [:change]}
  defp push(flow, items), do: Enum.reduce(List.wrap(items), flow, &SubscriberQueue.push(&2, &1))
  defp advance(flow, lengths \\ %{}), do: SubscriberQueue.advance(flow, &look(lengths, &1))
  defp look(lengths, pid), do: Map.get(lengths, pid, 0)
  defp unexpected(pid), do: flunk("the mailbox of #{inspect(pid)} was looked at")

  defp recheck(flow, lengths), do: SubscriberQueue.recheck(flow, &look(lengths, &1))

  defp told(pid, actions), do: for({:tell, pids, item} <- actions, pid in pids, do: item)

  describe "P3: a subscriber" do
    test "with active: true gets batches while its mailbox is short", %{a: a} do
      flow = flow([{a, :all}]) |> push(batch(1))
      assert {[], :all_slow, _flow} = advance(flow, %{a => @mailbox})
      assert {[{:tell, [^a], {:events, 1, _}}], :clear, _flow} = advance(flow, %{a => @mailbox - 1})
    end

    test "with active: true is looked at once for all that there is room for, and then again", %{a: a} do
      {lengths, flow} = {%{a => @mailbox - 3}, flow([{a, :all}])}
      {[{:tell, [^a], _first}], :clear, flow} = flow |> push(batch(1)) |> advance(lengths)
      {[_second, _third], :clear, flow} = flow |> push([batch(2), batch(3)]) |> SubscriberQueue.advance(&unexpected/1)
      assert {[], :all_slow, flow} = flow |> push(batch(4)) |> advance(%{a => @mailbox})
      assert SubscriberQueue.recheck?(flow, :all_slow)
      assert {[], flow} = recheck(flow, lengths)
      assert {[{:tell, [^a], _fourth}], :clear, _flow} = advance(flow, lengths)
    end

    test "with active: true never has more than 64 batches in its mailbox, in whatever order it reads", %{a: a} do
      Enum.reduce(1..1_000, {flow([{a, :all}]), 0}, fn seq, {flow, length} ->
        taken = :rand.uniform(2) - 1
        {actions, _status, flow} = flow |> push(batch(seq)) |> advance(%{a => length})
        assert length + length(actions) <= @mailbox
        {flow, max(length + length(actions) - taken, 0)}
      end)
    end

    test "with active: true is not checked again when others come, ask, sync and go", %{a: a, b: b} do
      {[_told], :clear, flow} = flow([{a, :all}]) |> push(batch(1)) |> advance()
      {[], flow} = SubscriberQueue.subscribe(flow, b, 1)
      {[{:tell, both, _batch}], :clear, flow} = flow |> push(batch(2)) |> SubscriberQueue.advance(&unexpected/1)
      assert Enum.sort(both) == Enum.sort([a, b])
      {[], flow} = SubscriberQueue.begin_sync(flow, :s, b)
      {[_told], :clear, flow} = flow |> push(batch(3)) |> SubscriberQueue.advance(&unexpected/1)
      {:ok, [], flow} = flow |> SubscriberQueue.end_sync(:s) |> SubscriberQueue.ask(b, 1)
      {[_told], :clear, flow} = flow |> push(batch(4)) |> SubscriberQueue.advance(&unexpected/1)

      assert {[{:tell, [^a], _}], :clear, _flow} =
               flow |> SubscriberQueue.unsubscribe(b) |> push(batch(5)) |> SubscriberQueue.advance(&unexpected/1)
    end

    test "with a count gets as many as it asked for, and no more", %{a: a} do
      {actions, :all_slow, flow} = flow([{a, 1}]) |> push(for seq <- 1..4, do: batch(seq)) |> advance()
      assert told(a, actions) == [batch(1)]

      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 2)
      {actions, :all_slow, flow} = advance(flow)
      assert told(a, actions) == [batch(2), batch(3)]

      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 2)
      assert {[{:tell, [^a], {:events, 4, _}}], :clear, _flow} = advance(flow)
    end

    test "that asks before there is anything has its asking added up", %{a: a} do
      {:ok, [], flow} = flow([{a, 1}]) |> SubscriberQueue.ask(a, 2)
      {actions, :all_slow, _flow} = flow |> push(for seq <- 1..4, do: batch(seq)) |> advance()
      assert length(told(a, actions)) == 3
    end

    test "that subscribes again has its count replaced, not doubled", %{a: a} do
      {actions, :all_slow, _flow} = flow([{a, 2}, {a, 2}]) |> push(for seq <- 1..4, do: batch(seq)) |> advance()
      assert told(a, actions) == [batch(1), batch(2)]
    end

    test "with active: true need not ask, and a stranger may not", %{a: a, b: b} do
      assert SubscriberQueue.ask(flow([{a, :all}]), a, 1) == {:error, :active}
      assert SubscriberQueue.ask(flow([{a, :all}]), b, 1) == {:error, :not_subscribed}
    end

    test "without a count left gets no notice either, and then for nothing", %{a: a} do
      flow = flow([{a, 0}]) |> push({:notice, :restarted})
      assert {[], :all_slow, flow} = advance(flow)
      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 1)
      {actions, :clear, _flow} = flow |> push(batch(1)) |> advance()
      assert told(a, actions) == [{:notice, :restarted}, batch(1)]
    end
  end

  describe "several subscribers" do
    test "get a batch at the same time, when all are ready", %{a: a, b: b} do
      flow = flow([{a, :all}, {b, 0}]) |> push(batch(1))
      assert {[], :contended, flow} = advance(flow)
      {:ok, [], flow} = SubscriberQueue.ask(flow, b, 1)
      {actions, :clear, _flow} = advance(flow)
      assert told(a, actions) == [batch(1)]
      assert told(b, actions) == [batch(1)]
    end

    test "do not wait for one that is dead", %{a: a, b: b} do
      flow = flow([{a, :all}, {b, :all}]) |> push(batch(1))
      {actions, :clear, _flow} = advance(flow, %{b => nil})
      assert told(a, actions) == [batch(1)]
    end

    test "go on without a slow one once it is detached", %{a: a, b: b} do
      {[], :contended, flow} = flow([{a, :all}, {b, 0}]) |> push(batch(1)) |> advance()
      {actions, :clear, _flow} = flow |> SubscriberQueue.detach_slow(&look(%{}, &1)) |> advance()
      assert told(a, actions) == [batch(1)]
      assert told(b, actions) == []
    end
  end

  describe "a slow subscriber" do
    test "is never detached when nobody waits for it", %{a: a, b: b} do
      flow = flow([{a, 0}, {b, 0}]) |> push(batch(1)) |> SubscriberQueue.detach_slow(&look(%{}, &1))
      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 1)
      assert {[], :contended, _flow} = advance(flow)
    end

    test "is told that it lagged when it asks, before it gets more", %{a: a, b: b} do
      flow = flow([{a, :all}, {b, 0}]) |> push(batch(1)) |> SubscriberQueue.detach_slow(&look(%{}, &1))
      {_actions, :clear, flow} = advance(flow)
      assert {:ok, [{:tell, [^b], {:notice, :lagged}}], flow} = SubscriberQueue.ask(flow, b, 1)
      {actions, :clear, flow} = flow |> push(batch(2)) |> advance()
      assert told(b, actions) == [batch(2)]
      assert {:ok, [], _flow} = SubscriberQueue.ask(flow, b, 1)
    end

    test "is not detached when nothing waits", %{a: a, b: b} do
      flow = SubscriberQueue.detach_slow(flow([{a, :all}, {b, 0}]), &look(%{}, &1))
      assert {[], :contended, _flow} = flow |> push(batch(1)) |> advance()
    end

    test "with active: true is told when its mailbox is nearly empty", %{a: a, b: b} do
      full = %{b => @mailbox}
      flow = flow([{a, :all}, {b, :all}]) |> push(batch(1)) |> SubscriberQueue.detach_slow(&look(full, &1))
      {[_told], :clear, flow} = advance(flow)
      assert SubscriberQueue.recheck?(flow, :clear)
      for length <- [@mailbox, @mailbox - 1, 9, nil], do: assert({[], ^flow} = recheck(flow, %{b => length}))
      assert {[{:tell, [^b], {:notice, :lagged}}], flow} = recheck(flow, %{b => 8})
      refute SubscriberQueue.recheck?(flow, :clear)
      {actions, :clear, _flow} = flow |> push(batch(2)) |> advance()
      assert told(b, actions) |> List.last() == batch(2)
    end

    test "is told that it lagged when it subscribes again", %{a: a, b: b} do
      flow = flow([{a, :all}, {b, 0}]) |> push(batch(1)) |> SubscriberQueue.detach_slow(&look(%{}, &1))
      assert {[{:tell, [^b], {:notice, :lagged}}], _flow} = SubscriberQueue.subscribe(flow, b, :all)
    end
  end

  describe "without subscribers" do
    test "batches are discarded and credit goes on" do
      flow = flow([])
      {[], :clear, flow} = flow |> push(for seq <- 1..8, do: batch(seq)) |> advance()
      assert {8, _flow} = SubscriberQueue.more_credit(flow)
    end

    test "what exists is kept for the first one, within the window", %{a: a} do
      flow = flow([], true)
      {[], :no_subscriber, flow} = flow |> push(for seq <- 1..8, do: batch(seq)) |> advance()
      assert {0, flow} = SubscriberQueue.more_credit(flow)

      {[], flow} = SubscriberQueue.subscribe(flow, a, :all)
      {actions, :clear, flow} = advance(flow)
      assert length(told(a, actions)) == 8

      {[], :clear, _flow} = flow |> SubscriberQueue.unsubscribe(a) |> push(batch(9)) |> advance()
    end
  end

  describe "P3: credit" do
    test "and what is held are together never more than the window", %{a: a} do
      flow = flow([{a, 0}])
      flow = push(flow, for(seq <- 1..5, do: batch(seq)))
      assert {0, flow} = SubscriberQueue.more_credit(flow)

      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 3)
      {_actions, :all_slow, flow} = advance(flow)
      assert {0, flow} = SubscriberQueue.more_credit(flow)

      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 1)
      {_actions, :all_slow, flow} = advance(flow)
      assert {4, flow} = SubscriberQueue.more_credit(flow)
      assert flow.granted + flow.held == @window
    end

    test "of a new program leaves room for what its predecessor's batches still hold", %{a: a} do
      flow = flow([{a, 0}])
      flow = push(flow, for(seq <- 1..3, do: batch(seq)))
      assert {5, _flow} = SubscriberQueue.first_credit(flow)
    end

    test "is not needed for notices", %{a: a} do
      flow = flow([{a, :all}])
      {_actions, :clear, flow} = flow |> push(List.duplicate({:notice, :restarted}, 8)) |> advance()
      assert {0, %{granted: 8, held: 0}} = SubscriberQueue.more_credit(flow)
    end
  end

  describe "the order" do
    test "of batches, notices and markers is kept", %{a: a, b: b} do
      items = [batch(1), {:notice, {:root_deleted, "/a"}}, {:marker, :m}, batch(2)]
      {actions, :all_slow, _flow} = flow([{a, 1}]) |> push(items) |> advance()
      assert actions == [{:tell, [a], batch(1)}]

      {[], flow} = SubscriberQueue.begin_sync(flow([{a, :all}]), :m, b)
      {actions, :clear, _flow} = flow |> push(items) |> advance()

      assert actions == [
               {:tell, [a], batch(1)},
               {:tell, [a], {:notice, {:root_deleted, "/a"}}},
               {:reached, :m},
               {:tell, [a], batch(2)}
             ]
    end

    test "an overflow that waits to be told is told once", %{a: a} do
      overflow = {:notice, {:overflow, "/a"}}
      items = [overflow, overflow, {:notice, {:overflow, "/b"}}, overflow, batch(1), overflow]
      {actions, :clear, _flow} = flow([{a, :all}]) |> push(items) |> advance()
      assert told(a, actions) == [overflow, {:notice, {:overflow, "/b"}}, batch(1), overflow]
    end
  end

  describe "a sync" do
    test "makes its caller ready until its marker, whatever it has asked for", %{a: a} do
      {[], flow} = flow([{a, 0}]) |> SubscriberQueue.begin_sync(:m, a)
      {actions, :clear, flow} = flow |> push([batch(1), batch(2), {:marker, :m}]) |> advance(%{a => 1_000})
      assert told(a, actions) == [batch(1), batch(2)]
      assert List.last(actions) == {:reached, :m}
      assert {[], :all_slow, _flow} = flow |> push(batch(3)) |> advance()
    end

    test "gives its caller nothing of what was queued behind its marker", %{a: a, b: b} do
      {[], flow} = flow([{a, 2}, {b, 0}]) |> SubscriberQueue.begin_sync(:m, a)
      items = [batch(1), {:marker, :m}] ++ for(seq <- 2..5, do: batch(seq))
      {[], :contended, flow} = flow |> push(items) |> advance()
      {:ok, [], flow} = SubscriberQueue.ask(flow, b, 100)
      assert {actions, :contended, _flow} = advance(flow)
      assert told(a, actions) == [batch(1), batch(2)]
    end

    test "that ended before its marker came is not reached any more", %{a: a} do
      {[], flow} = flow([{a, 0}]) |> SubscriberQueue.begin_sync(:m, a)
      assert {[], :clear, flow} = flow |> SubscriberQueue.end_sync(:m) |> push({:marker, :m}) |> advance()
      assert {[], :all_slow, _flow} = flow |> push(batch(1)) |> advance()
    end

    test "ends without the end of another one of the same caller", %{a: a} do
      {[], flow} = flow([{a, 0}]) |> SubscriberQueue.begin_sync(:m, a)
      {[], flow} = flow |> SubscriberQueue.unsubscribe(a) |> SubscriberQueue.begin_sync(:n, a)
      {[], flow} = SubscriberQueue.subscribe(flow, a, 0)
      assert {actions, :clear, _flow} = flow |> push([{:marker, :m}, batch(1)]) |> advance()
      assert told(a, actions) == [batch(1)]
    end

    test "waits for the other subscribers", %{a: a, b: b} do
      {[], flow} = flow([{a, 0}, {b, 0}]) |> SubscriberQueue.begin_sync(:m, a)
      assert {[], :contended, _flow} = flow |> push([batch(1), {:marker, :m}]) |> advance()
    end

    test "brings a lagging caller back", %{a: a, b: b} do
      flow = flow([{a, :all}, {b, 0}]) |> push(batch(1)) |> SubscriberQueue.detach_slow(&look(%{}, &1))
      assert {[{:tell, [^b], {:notice, :lagged}}], _flow} = SubscriberQueue.begin_sync(flow, :m, b)
    end

    test "of one that is no subscriber is of no account to the others", %{a: a, b: b} do
      {[], flow} = flow([{a, 0}]) |> SubscriberQueue.begin_sync(:m, b)
      assert {[], :all_slow, _flow} = flow |> push(batch(1)) |> advance()
      assert SubscriberQueue.ask(SubscriberQueue.end_sync(flow, :m), b, 1) == {:error, :not_subscribed}
    end
  end
end
