defmodule Lookout.Watcher.DeliveryTest do
  use ExUnit.Case, async: true

  alias Lookout.Watcher.{Delivery, Options}

  # The mailbox of a subscriber holds so many messages.
  @mailbox 2

  # A process that takes one message out of its mailbox each time it is let.
  defp subscriber, do: spawn_link(fn -> take() end)

  defp take do
    receive do
      {:take, from} ->
        receive do: ({:lookout, _watcher, message} -> send(from, {:taken, self(), message}))
        take()
    end
  end

  defp take(pid) do
    send(pid, {:take, self()})
    assert_receive {:taken, ^pid, message}
    message
  end

  # No timer of it ends by itself within a test.
  defp delivery(subscribers) do
    options = Options.parse!(dirs: "/", subscribe: subscribers, max_lag: 3_600_000)
    limits = %{options.limits | mailbox: @mailbox, look: {3_600_000, 3_600_000}}
    {_credit, delivery} = Delivery.first_credit(Delivery.new(%{options | limits: limits}))
    delivery
  end

  defp push(delivery, seqs), do: Enum.reduce(seqs, delivery, &Delivery.push(&2, {:events, &1, [:change]}))
  defp timer(delivery, tag), do: delivery.timers.running[tag]

  defp expire(delivery, tag) do
    {:ok, delivery} = Delivery.timeout(delivery, tag, timer(delivery, tag))
    delivery
  end

  describe "a subscriber that takes a message now and then, and others wait for," do
    setup do
      {slow, quick} = {subscriber(), subscriber()}
      delivery = push(delivery([slow, quick]), 1..4)
      for seq <- 1..2, do: assert({:events, ^seq, _} = take(quick))
      {:ok, slow: slow, quick: quick, delivery: delivery}
    end

    test "gets no more time for that", %{slow: slow, delivery: delivery} do
      delivery = expire(delivery, :look)
      first = timer(delivery, :lag)
      assert is_reference(first)
      assert {:events, 1, _} = take(slow)
      delivery = expire(delivery, :look)
      assert Delivery.held(delivery) == 1
      assert timer(delivery, :lag) == first
    end

    test "is left behind when its time is up, also if it has just taken one", %{
      slow: slow,
      quick: quick,
      delivery: delivery
    } do
      delivery = expire(delivery, :look)
      assert {:events, 1, _} = take(slow)
      delivery = expire(delivery, :lag)
      assert Delivery.held(delivery) == 0
      assert timer(delivery, :lag) == nil
      for seq <- 3..4, do: assert({:events, ^seq, _} = take(quick))
      for seq <- 2..3, do: assert({:events, ^seq, _} = take(slow))
    end

    test "has all its time again when nobody has had to wait meanwhile", %{slow: slow, delivery: delivery} do
      delivery = expire(delivery, :look)
      first = timer(delivery, :lag)
      for seq <- 1..2, do: assert({:events, ^seq, _} = take(slow))
      delivery = expire(delivery, :look)
      assert Delivery.held(delivery) == 0
      assert timer(delivery, :lag) == nil
      delivery = delivery |> push([5]) |> expire(:look)
      refute timer(delivery, :lag) == first
    end
  end

  test "subscribers that take turns to wait for each other have all their time each turn" do
    {one, other} = {subscriber(), subscriber()}
    delivery = [one, other] |> delivery() |> push(1..9) |> Map.put(:lag_left, 60_000)

    for seq <- 1..3, reduce: delivery do
      delivery ->
        assert {:events, ^seq, _} = take(one)
        delivery = expire(delivery, :look)
        assert is_reference(timer(delivery, :lag))
        assert {:events, ^seq, _} = take(other)
        delivery = expire(delivery, :look)
        assert timer(delivery, :lag) == nil
        assert delivery.lag_left == delivery.max_lag
        delivery
    end
  end

  test "credit is granted before it is used up, however much room the subscribers have" do
    options = Options.parse!(dirs: "/", subscribe: [spawn_link(fn -> Process.sleep(:infinity) end)])
    window = options.limits.window
    {^window, delivery} = Delivery.first_credit(Delivery.new(options))

    Enum.reduce(1..(options.limits.mailbox - 1), {window, delivery}, fn seq, {granted, delivery} ->
      {credit, delivery} = Delivery.batch(delivery, {:events, seq, [:change]}, 1)
      granted = granted - 1 + credit
      assert Delivery.granted(delivery) == granted
      assert granted > div(window, 2)
      {granted, delivery}
    end)
  end
end
