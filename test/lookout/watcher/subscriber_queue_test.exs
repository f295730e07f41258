defmodule Lookout.Watcher.SubscriberQueueTest do
  use ExUnit.Case, async: true

  alias Lookout.Watcher.SubscriberQueue

  @window 8
  @mailbox 64

  # `a` and `b` are pids of ended processes, used only as names. `lengths` maps a pid to the length of its mailbox; a pid that
  # is missing there has 0.
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

    test "gets few batches at once if their paths are long: a batch of n credits only into a mailbox n times shorter",
         %{a: a, b: b} do
      heavy = fn flow, seq -> SubscriberQueue.push(flow, batch(seq), 16) end
      {[{:tell, _both, {:events, 1, _}}], :clear, flow} = flow([{a, :all}, {b, :all}]) |> push(batch(1)) |> advance()
      assert {[], :contended, flow} = flow |> heavy.(2) |> advance(%{a => 4})
      assert {[], flow} = recheck(flow, %{a => 3})
      assert {[{:tell, _both, {:events, 2, _}}], :clear, flow} = advance(flow, %{a => 3})
      assert {[], :contended, flow} = flow |> heavy.(3) |> advance(%{a => 4})
      assert {[], flow} = recheck(flow, %{})
      assert {[{:tell, _both, {:events, 3, _}}], :clear, flow} = advance(flow, %{})
      assert {[{:tell, _both, {:events, 4, _}}], :clear, _flow} = flow |> push(batch(4)) |> advance(%{a => 63, b => 63})
    end

    test "whose mailbox is empty gets a batch, whatever it costs", %{a: a} do
      flow = flow([{a, :all}]) |> SubscriberQueue.push(batch(1), 1_000)
      assert {[], :all_slow, flow} = advance(flow, %{a => 1})
      assert {[], flow} = recheck(flow, %{})
      assert {[{:tell, [^a], {:events, 1, _}}], :clear, _flow} = advance(flow, %{})
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

    test "counts what a batch with long paths costs", %{a: a} do
      flow = flow([{a, 0}]) |> SubscriberQueue.push(batch(1), 6) |> SubscriberQueue.push(batch(2), 5)
      assert flow.granted == -3
      assert {0, flow} = SubscriberQueue.more_credit(flow)
      {:ok, [], flow} = SubscriberQueue.ask(flow, a, 1)
      {[_told], :all_slow, flow} = advance(flow)
      assert {6, %{granted: 3} = flow} = SubscriberQueue.more_credit(flow)
      assert {3, _flow} = SubscriberQueue.first_credit(flow)
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

    test "P7: a repeated notice is delivered once, at its last position", %{a: a} do
      overflow = {:notice, {:overflow, "/a"}}
      items = [overflow, overflow, {:notice, {:overflow, "/b"}}, overflow, batch(1), overflow]
      {actions, :clear, _flow} = flow([{a, :all}]) |> push(items) |> advance()
      assert told(a, actions) == [{:notice, {:overflow, "/b"}}, overflow, batch(1), overflow]
    end

    test "P7: a root that comes and goes while the subscriber is slow fills no queue", %{a: a} do
      gone = {:notice, {:root_deleted, "/a"}}
      back = {:notice, {:root_created, "/a"}}
      slow = %{a => 1_000}

      flow =
        Enum.reduce(1..100, flow([{a, :all}]), fn _round, flow ->
          {[], :all_slow, flow} = flow |> push([back, gone]) |> advance(slow)
          flow
        end)

      assert SubscriberQueue.waiting?(flow, gone)
      {actions, :clear, flow} = advance(flow)
      assert List.last(told(a, actions)) == gone
      assert length(actions) <= 4
      refute SubscriberQueue.waiting?(flow, gone)
    end

    test "P3: notices that wait are bounded in bytes, and those left out are counted", %{a: a} do
      {slow, deep} = {%{a => 1_000}, "/a/" <> String.duplicate("x", 100_000)}

      flow =
        Enum.reduce(1..1_000, flow([{a, :all}]), fn n, flow ->
          {[], :all_slow, flow} = flow |> push({:notice, {:unreadable, "#{deep}#{n}", :eacces}}) |> advance(slow)
          flow
        end)

      gone = {:notice, {:root_deleted, "/r"}}
      flow = push(flow, [{:notice, {:omitted, "/a/b", 7}}, gone])
      assert {[], :all_slow, flow} = advance(flow, slow)
      {actions, :clear, flow} = advance(flow)
      notices = told(a, actions)
      assert gone in notices
      {whole, rest} = Enum.split_with(notices, &match?({:notice, {:unreadable, _path, :eacces}}, &1))
      assert length(whole) in 5..15

      assert for({:notice, {:omitted, "/a", count}} <- rest, reduce: 0, do: (sum -> sum + count)) ==
               1_007 - length(whole)

      assert length(rest) <= 3
      # What left the queue no longer counts.
      next = {:notice, {:polled, "/b", :nfs}}
      {actions, :clear, _flow} = flow |> push(next) |> advance()
      assert told(a, actions) == [next]
    end

    test "P3: short notices that wait are bounded in number", %{a: a} do
      flow = flow([{a, 0}]) |> push(for n <- 1..30_000, do: {:notice, {:watch_limit, "/#{n}", :poll}})
      {[], flow} = SubscriberQueue.begin_sync(flow, :m, a)
      {actions, :clear, _flow} = advance(flow)
      assert length(actions) < 20_000
      assert {:notice, {:omitted, "/", _count}} = List.last(told(a, actions))
    end

    test "P3: what was left out is in one notice with the last short directory of all", %{a: a} do
      first = {:notice, {:unwatched, "/" <> String.duplicate("x", 1024 * 1024), :proc}}
      deep = String.duplicate("/" <> String.duplicate("x", 99), 100)
      short = binary_part(deep, 0, 4000)

      for {paths, dir} <- [
            {["/a/b/c"], "/a/b/c"},
            {["/a/b", "/a/b"], "/a/b"},
            {["/a/b/c", "/a/b/d"], "/a/b"},
            {["/a/bc", "/a/bd"], "/a"},
            {["/a/b", "/a"], "/a"},
            {["/a", "/a/b"], "/a"},
            {["/a/b", "/ab"], "/"},
            {["/", "/a"], "/"},
            {[deep], short},
            {[deep, deep <> "/y"], short}
          ] do
        notices = for path <- paths, do: {:notice, {:unreadable, path, :eacces}}
        {actions, :clear, _flow} = flow([{a, :all}]) |> push([first | notices]) |> advance()
        assert told(a, actions) == [first, {:notice, {:omitted, dir, length(paths)}}]
      end
    end

    test "P3: a notice with a long path goes only into a mailbox that is shorter", %{a: a} do
      flow = flow([{a, :all}]) |> push({:notice, {:unreadable, "/" <> String.duplicate("x", 16 * 256 * 1024), :eacces}})
      assert {[], :all_slow, flow} = advance(flow, %{a => 4})
      assert {[], flow} = recheck(flow, %{a => 3})
      assert {[_told], :clear, _flow} = advance(flow, %{a => 3})
    end

    # Its mailbox is not looked at.
    test "P3: a subscriber with a count gets no more notices between two batches than may wait", %{a: a} do
      deep = "/a/" <> String.duplicate("x", 100_000)
      notice = fn n -> {:notice, {:unreadable, "#{deep}#{n}", :eacces}} end

      {flow, all} =
        Enum.reduce(1..1_000, {flow([{a, 5}]), []}, fn n, {flow, all} ->
          {actions, :clear, flow} = flow |> push(notice.(n)) |> advance()
          {flow, all ++ told(a, actions)}
        end)

      assert length(all) in 5..15
      assert SubscriberQueue.pass(flow) == nil
      {actions, :clear, flow} = flow |> push(batch(1)) |> advance()
      assert told(a, actions) == [{:notice, {:omitted, "/a", 1_000 - length(all)}}, batch(1)]
      {actions, :clear, _flow} = flow |> push(notice.(1)) |> advance()
      assert told(a, actions) == [notice.(1)]
    end

    test "P3: a subscriber with a count that does not ask again withholds no omitted notice from the others", context do
      %{a: a, b: b} = context
      notices = for n <- 1..1_000, do: {:notice, {:unreadable, "/a/#{String.duplicate("x", 100_000)}#{n}", :eacces}}

      {flow, actions} =
        Enum.reduce(notices, {flow([{a, 5}, {b, :all}]), []}, fn notice, {flow, actions} ->
          {more, :clear, flow} = flow |> push(notice) |> advance()
          {flow, actions ++ more}
        end)

      counts = fn pid, actions -> for {:notice, {:omitted, "/a", count}} <- told(pid, actions), do: count end
      whole = Enum.count(told(a, actions))
      assert whole in 5..15
      assert counts.(a, actions) == []
      assert Enum.sum(counts.(b, actions)) == 1_000 - whole
      # A batch comes after the notices that the other subscriber still waits for.
      assert SubscriberQueue.pass(flow) == nil
      all = [{:notice, {:omitted, "/a", 1_000 - whole}}]
      {actions, :clear, _flow} = flow |> push(batch(1)) |> advance()
      assert told(a, actions) == all ++ [batch(1)]
      assert told(b, actions) == [batch(1)]
      # It may ask, or want :all, instead.
      {:ok, [], asked} = SubscriberQueue.ask(flow, a, 1)
      {actions, :clear, _flow} = advance(asked)
      assert {told(a, actions), told(b, actions)} == {all, []}
      assert {[{:tell, [^a], notice}], active} = SubscriberQueue.subscribe(flow, a, :all)
      assert {[notice], {[], :clear}} == {all, active |> advance() |> Tuple.delete_at(2)}
    end

    test "P3: a subscriber with a count that is gone withholds no notice from the others", %{a: a, b: b} do
      deep = "/a/" <> String.duplicate("x", 100_000)
      notice = fn n -> {:notice, {:unreadable, "#{deep}#{n}", :eacces}} end

      flow =
        Enum.reduce(1..1_000, flow([{a, 5}, {b, 5}]), fn n, flow ->
          {_actions, :clear, flow} = flow |> push(notice.(n)) |> advance()
          flow
        end)

      {[], flow} = SubscriberQueue.subscribe(flow, b, :all)
      flow = SubscriberQueue.unsubscribe(flow, a)
      {actions, :clear, flow} = advance(flow)
      assert [{:notice, {:omitted, "/a", _count}}] = told(b, actions)
      {actions, :clear, _flow} = flow |> push(notice.(1)) |> advance()
      assert told(b, actions) == [notice.(1)]
    end

    test "P2: a notice before a marker is not moved behind it", %{a: a} do
      notice = {:notice, {:overflow, "/a"}}
      {[], flow} = SubscriberQueue.begin_sync(flow([{a, :all}]), :m, a)
      {actions, :clear, _flow} = flow |> push([notice, {:marker, :m}, notice]) |> advance()
      assert actions == [{:tell, [a], notice}, {:reached, :m}, {:tell, [a], notice}]
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
