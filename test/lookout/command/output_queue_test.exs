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
    items = for n <- 1..5, do: {:stdout, "#{n}"}
    assert {[_, _, _], :slow, flow} = advance(flow(:all, items))
    assert {[{:stdout, "4"}, {:stdout, "5"}], :ok, _flow} = advance(flow)
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
    assert {[{:stdout, "abc"}], :ok, flow} = advance(flow({:messages, 1}, [{:stdout, "abc"}, {:stdout, "d"}]))
    {:ok, flow} = OutputQueue.ask(flow, :once)
    assert {[{:stdout, "d"}], :ok, _flow} = advance(flow)
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

  test "P3: credit comes back with what was handed out, from half a window on" do
    assert {_items, :ok, flow} = advance(flow(:all, [{:stdout, String.duplicate("x", 49)}, {:stderr, "y"}]))
    assert {[], flow} = OutputQueue.more_credit(flow)
    assert {_items, :ok, flow} = advance(OutputQueue.push(flow, {:stdout, "z"}))
    assert {[stdout: 50], flow} = OutputQueue.more_credit(flow)
    assert {[], _flow} = OutputQueue.more_credit(flow)
  end
end
