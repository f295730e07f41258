defmodule Lookout.Command.StdinQueueTest do
  use ExUnit.Case, async: true

  alias Lookout.Command.StdinQueue

  @window 262_144
  @chunk 65_536

  defp sent(actions), do: for({:send, bytes} <- actions, do: byte_size(bytes))

  test "a write is sent in chunks and done when the last one is on its way" do
    {:ok, actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", @chunk + 1))
    assert sent(actions) == [@chunk, 1]
    assert List.last(actions) == {:done, :writer}
    refute StdinQueue.waiting?(input, :writer)
  end

  test "P3: no more than a window is on its way, and the rest follows as it is taken" do
    {:ok, actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", @window + 10))
    assert Enum.sum(sent(actions)) == @window
    assert StdinQueue.waiting?(input, :writer)
    {:ok, actions, input} = StdinQueue.taken(input, 4)
    assert actions == [{:send, "xxxx"}]
    {:ok, actions, _input} = StdinQueue.taken(input, @window)
    assert actions == [{:send, "xxxxxx"}, {:done, :writer}]
  end

  test "the end goes behind what waits, and nothing behind the end" do
    {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", @window + 1))
    {:ok, [], input} = StdinQueue.close(input, :closer)
    assert StdinQueue.write(input, :late, "y") == {:error, :closed}
    {:ok, actions, input} = StdinQueue.taken(input, 1)
    assert actions == [{:send, "x"}, {:done, :writer}, {:close, :closer}]
    assert {:ok, [{:done, :again}], _input} = StdinQueue.close(input, :again)
  end

  test "a command without input is closed from the start" do
    assert StdinQueue.write(StdinQueue.new(:closed), :writer, "x") == {:error, :closed}
  end

  test "a write that nobody waits for any more is dropped, and the end behind it goes on" do
    {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", @window + 1))
    {:ok, [], input} = StdinQueue.close(input, :closer)
    assert {:ok, [{:close, :closer}], _input} = StdinQueue.withdraw(input, :writer)
  end

  test "a write costs the same however many wait" do
    full = fn count ->
      {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), 0, String.duplicate("x", @window + 1))

      Enum.reduce(1..count, input, fn n, input ->
        {:ok, [], input} = StdinQueue.write(input, n, "y")
        input
      end)
    end

    reductions = fn input ->
      {:reductions, before} = Process.info(self(), :reductions)
      {:ok, [], input} = StdinQueue.write(input, :one, "z")
      assert StdinQueue.waiting?(input, :one)
      assert %{size: 1} = StdinQueue.progress(input, :one)
      {:ok, [], input} = StdinQueue.withdraw(input, :one)
      refute StdinQueue.waiting?(input, :one)
      {:reductions, since} = Process.info(self(), :reductions)
      since - before
    end

    few = full.(100)
    many = full.(20_000)
    assert reductions.(many) < 20 * reductions.(few)
  end

  test "the progress of a write is what of it was sent and taken, whatever was sent before it" do
    {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), :first, "abc")
    {:ok, _actions, input} = StdinQueue.write(input, :second, String.duplicate("x", @window))
    {:ok, [], input} = StdinQueue.write(input, :third, "yz")
    assert StdinQueue.progress(input, :second) == %{size: @window, taken: 0, on_its_way: @window - 3}
    assert StdinQueue.progress(input, :third) == %{size: 2, taken: 0, on_its_way: 0}
    {:ok, [{:send, "x"}], input} = StdinQueue.taken(input, 1)
    assert StdinQueue.progress(input, :second) == %{size: @window, taken: 0, on_its_way: @window - 2}
  end

  test "of a write that is longer than what may be on its way the beginning is taken first" do
    {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", 2 * @window))
    {:ok, _actions, input} = StdinQueue.taken(input, 10)
    assert StdinQueue.progress(input, :writer) == %{size: 2 * @window, taken: 10, on_its_way: @window}
  end

  test "when the command reads no more, every waiting caller gets a reply" do
    {:ok, _actions, input} = StdinQueue.write(StdinQueue.new(:open), :writer, String.duplicate("x", @window + 1))
    {:ok, [], input} = StdinQueue.close(input, :closer)
    assert {[:writer, :closer], input} = StdinQueue.broken(input)
    assert StdinQueue.write(input, :late, "y") == {:error, :epipe}
  end
end
