defmodule Lookout.Watcher.ManySubscribersTest do
  use ExUnit.Case, async: true

  alias Lookout.Watcher.{Delivery, Options}

  # The messages in a mailbox with active: true.
  @mailbox 2
  @never 3_600_000
  @times 50

  # The work of an operation is counted in reductions, among n and among 4n subscribers. What is logarithmic hardly grows; what scans them
  # all grows by 4.
  @few 1_000
  @many 4_000

  # What the others want, and how many batches there have been.
  @states [
    {"nothing waits", :all, 1},
    {"all mailboxes are full", :all, @mailbox + 1},
    {"all credit is used up", 1, 2},
    {"all have credit", 1_000, 1}
  ]

  for {state, want, batches} <- @states do
    test "#{state}: a subscriber that comes, asks, syncs and goes, or dies, costs no scan of the others" do
      [few, many] =
        for n <- [@few, @many] do
          n |> delivery(unquote(want), unquote(batches)) |> reductions(&come_and_go/1)
        end

      assert many < 2 * few
    end
  end

  defp come_and_go(delivery) do
    {:ok, delivery} = Delivery.subscribe(delivery, self(), 0)
    {:ok, delivery} = Delivery.ask(delivery, self(), 1)
    delivery = Delivery.begin_sync(delivery, :id, from(), @never)
    delivery = delivery |> Delivery.end_sync(:id, {:error, :failed}) |> Delivery.detach(self())
    {:ok, delivery} = Delivery.subscribe(delivery, self(), 0)
    {:ok, delivery} = Delivery.died(delivery, self(), delivery.monitors[self()])
    delivery
  end

  test "lagging: a subscriber that comes, asks and goes costs no scan of those that lag" do
    [few, many] =
      for n <- [@few, @many] do
        delivery = delivery(n, :all, @mailbox + 1)
        {:ok, delivery} = Delivery.subscribe(delivery, self(), 1_000)
        delivery = expire(delivery, :lag)
        assert Delivery.held(delivery) == 0

        reductions(delivery, fn delivery ->
          {:ok, delivery} = Delivery.subscribe(delivery, self(), 0)
          {:ok, delivery} = Delivery.ask(delivery, self(), 1)
          Delivery.detach(delivery, self())
        end)
      end

    assert many < 2 * few
  end

  # Of a number of repetitions, with the collections of garbage kept out: these depend on the size of the heap.
  defp reductions(delivery, operation) do
    me = self()

    pid =
      :erlang.spawn_opt(
        fn ->
          delivery = operation.(delivery)
          {:reductions, before} = Process.info(self(), :reductions)
          Enum.reduce(1..@times, delivery, fn _n, delivery -> operation.(delivery) end)
          {:reductions, now} = Process.info(self(), :reductions)
          send(me, {:reductions, self(), now - before})
        end,
        [:link, min_heap_size: 20_000_000]
      )

    assert_receive {:reductions, ^pid, count}, 30_000
    count
  end

  defp from, do: {self(), [:alias | :erlang.alias([:reply])]}

  defp delivery(n, want, batches) do
    options = Options.parse!(dirs: "/", max_lag: @never)
    limits = %{options.limits | mailbox: @mailbox, look: {@never, @never}}
    {_credit, delivery} = Delivery.first_credit(Delivery.new(%{options | limits: limits}))

    delivery =
      Enum.reduce(1..n, delivery, fn _n, delivery ->
        pid = spawn_link(fn -> Process.sleep(:infinity) end)
        {:ok, delivery} = Delivery.subscribe(delivery, pid, want)
        delivery
      end)

    Enum.reduce(1..batches//1, delivery, &Delivery.push(&2, {:events, &1, [:change]}))
  end

  defp expire(delivery, tag) do
    {:ok, delivery} = Delivery.timeout(delivery, tag, delivery.timers.running[tag])
    delivery
  end
end
