defmodule Lookout.Command.OutputQueueTest do
  use ExUnit.Case, async: true

  alias Lookout.Command.OutputQueue

  defp flow(want, items \\ []) do
    Enum.reduce(items, OutputQueue.new(100, 3, want), &OutputQueue.push(&2, &1))
  end

  defp advance(flow, mailbox \\ 0), do: OutputQueue.advance(flow, fn -> mailbox end)

  test "items come in their order, the exit last" do
    items = [{:stdout, "a"}, {:stderr, "b"}, {:exit, 0}]
    assert {^items, :ok, _flow} = advance(flow(:all, items))
  end

  test "P3: a full mailbox holds output back, and is looked at again" do
    assert {[], :slow, flow} = advance(flow(:all, [{:stdout, "a"}, {:exit, 0}]), 3)
    assert {[{:stdout, "a"}, {:exit, 0}], :ok, _flow} = advance(flow, 2)
  end

  test "P3: what is handed out in one go counts, too" do
    items = for n <- 1..5, do: {if(rem(n, 2) == 1, do: :stdout, else: :stderr), "#{n}"}
    assert {[_, _, _], :slow, flow} = advance(flow(:all, items))
    assert {[{:stderr, "4"}, {:stdout, "5"}], :ok, _flow} = advance(flow)
  end

  test "a count of bytes is kept to the byte, over both streams" do
    assert {[{:stdout, "ab"}, {:stderr, "c"}], :ok, flow} =
             advance(flow({:bytes, 3}, [{:stdout, "ab"}, {:stderr, "cdef"}, {:exit, 0}]))

    assert {[], :ok, flow} = advance(flow)
    {:ok, flow} = OutputQueue.ask(flow, 2)
    assert {[{:stderr, "de"}], :ok, flow} = advance(flow)
    {:ok, flow} = OutputQueue.ask(flow, 9)
    assert {[{:stderr, "f"}, {:exit, 0}], :ok, _flow} = advance(flow)
  end

  test "once is one piece, whatever its size" do
    assert {[{:stdout, "abc"}], :ok, flow} = advance(flow({:messages, 1}, [{:stdout, "abc"}, {:stderr, "d"}]))
    {:ok, flow} = OutputQueue.ask(flow, :once)
    assert {[{:stderr, "d"}], :ok, _flow} = advance(flow)
  end

  test "an owner that gets everything cannot ask" do
    assert OutputQueue.ask(flow(:all), 1) == {:error, :active}
  end

  test "the exit alone needs no asking" do
    assert {[{:exit, 1}], :ok, _flow} = advance(flow({:bytes, 0}, [{:exit, 1}]))
  end

  test "when it is to end, what finds no room is dropped" do
    flow = {:bytes, 1} |> flow([{:stdout, "abc"}, {:exit, 0}]) |> OutputQueue.drop()
    assert {[{:stdout, "a"}, {:exit, 0}], :ok, _flow} = advance(flow)
  end

  test "P3: neighbouring pieces of one stream are joined to at most 64 KiB, in their order" do
    items = [{:stdout, "a"}, {:stdout, "b"}, {:stderr, "c"}, {:stdout, "d"}, {:stdout, "e"}, {:exit, 0}]
    assert {[{:stdout, "ab"}, {:stderr, "c"}, {:stdout, "de"}, {:exit, 0}], :ok, _flow} = advance(flow(:all, items))

    half = String.duplicate("x", 32_768)
    assert {[], :ok, flow} = advance(flow({:messages, 0}, for(_ <- 1..3, do: {:stdout, half})))
    {:ok, flow} = OutputQueue.ask(flow, 1_000_000)
    assert {[{:stdout, first}, {:stdout, second}], :ok, _flow} = advance(flow)
    assert {byte_size(first), byte_size(second)} == {65_536, 32_768}
  end

  test "P3: what is left of a piece is joined to the next one" do
    assert {[{:stdout, "a"}], :ok, flow} = advance(flow({:bytes, 1}, [{:stdout, "abc"}]))
    {:ok, flow} = flow |> OutputQueue.push({:stdout, "d"}) |> OutputQueue.ask(5)
    assert {[{:stdout, "bcd"}], :ok, _flow} = advance(flow)
  end

  # Pieces of alternating streams are not joined.
  for {streams, name} <- [{[:stdout, :stderr], "two streams"}, {[:stdout], "one stream"}] do
    test "P3: ten times as many pieces of #{name} cost about ten times as much" do
      few = reductions(unquote(streams), 10_000)
      assert reductions(unquote(streams), 100_000) < 20 * few
    end
  end

  defp reductions(streams, pieces) do
    items = streams |> Stream.cycle() |> Stream.map(&{&1, "x"}) |> Enum.take(pieces)

    Task.await(
      Task.async(fn ->
        {:ok, flow} = OutputQueue.ask(flow({:bytes, 0}, items), pieces)
        {:reductions, before} = Process.info(self(), :reductions)
        {sent, :ok, _flow} = OutputQueue.advance(flow, fn -> 0 end)
        assert sent |> Enum.map(fn {_stream, bytes} -> byte_size(bytes) end) |> Enum.sum() == pieces
        {:reductions, later} = Process.info(self(), :reductions)
        later - before
      end),
      :infinity
    )
  end

  test "P3: credit comes back with what was handed out, from half a window on" do
    assert {_items, :ok, flow} = advance(flow(:all, [{:stdout, String.duplicate("x", 49)}, {:stderr, "y"}]))
    assert {[], flow} = OutputQueue.more_credit(flow)
    assert {_items, :ok, flow} = advance(OutputQueue.push(flow, {:stdout, "z"}))
    assert {[stdout: 50], flow} = OutputQueue.more_credit(flow)
    assert {[], _flow} = OutputQueue.more_credit(flow)
  end
end
