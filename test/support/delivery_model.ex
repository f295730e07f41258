defmodule Lookout.DeliveryModel do
  @moduledoc false
  # Random operations on a `Lookout.Watcher.Delivery`, and a model of what its subscribers may get. Each operation is followed by a check of what
  # has come into the mailboxes and of the answered syncs.
  #
  # Batches and notices carry a number, one more each, so that a gap shows. The timers of the delivery never fire by themselves.

  import ExUnit.Assertions

  alias Lookout.Watcher.{Delivery, Options}

  @window 6
  @mailbox 4
  @never 3_600_000

  # A subscriber: what it wants, what it may still get (nil with :all), the number it gets next at the latest, whether it
  # has got one since it was attached, whether it may have been detached, and what was in its mailbox at the last check.
  @new %{want: nil, left: nil, next: 1, attached: false, may_lag: false, seen: 0, beyond: 0}

  # `costs`: what each batch costs, newest first.
  defstruct [:delivery, seq: 0, costs: [], number: 0, subscribers: %{}, dead: %{}, syncs: %{}, answers: %{}, next_id: 1]

  @doc "Runs so many operations of a seed, then lets everything through, and checks that nothing is left."
  def run(seed, operations) do
    :rand.seed(:exsss, {seed, 1, 2})

    1..operations
    |> Enum.reduce(new(), fn _n, model -> model |> operate() |> check() end)
    |> finish()
    |> stop()
  end

  defp new do
    options = Options.parse!(dirs: "/", max_lag: @never)
    limits = %{options.limits | window: @window, mailbox: @mailbox, look: {@never, @never}}
    {@window, delivery} = Delivery.first_credit(Delivery.new(%{options | limits: limits}))
    %__MODULE__{delivery: delivery}
  end

  ## Operations

  @operations [
    push: 12,
    notice: 2,
    take: 10,
    ask: 5,
    tick: 5,
    subscribe: 2,
    subscribe_again: 1,
    unsubscribe: 1,
    die: 1,
    bury: 2,
    sync: 4,
    marker: 4,
    fail_sync: 1,
    expire_sync: 1,
    lag: 1,
    restart: 1
  ]
  @weighted for {operation, weight} <- @operations, _n <- 1..weight, do: operation

  defp operate(model), do: operate(Enum.random(@weighted), model)

  defp operate(:push, model), do: Enum.reduce(1..Enum.random(1..4), model, fn _n, model -> push_batch(model) end)

  defp operate(:notice, model) do
    model = %{model | number: model.number + 1}
    update(model, &Delivery.push(&1, {:notice, {:number, model.number}}))
  end

  defp operate(:take, model), do: with_subscriber(model, &take(&2, &1, Enum.random(1..@mailbox)))

  defp operate(:ask, model) do
    with_subscriber(model, fn pid, model ->
      n = Enum.random(1..3)

      case Delivery.ask(model.delivery, pid, n) do
        {:ok, delivery} -> %{put(model, pid, &%{&1 | left: &1.left + n}) | delivery: delivery}
        {:error, %{reason: :active}} -> model
      end
    end)
  end

  defp operate(:tick, model), do: expire(model, :look)

  defp operate(:lag, model) do
    several? = map_size(model.subscribers) + map_size(model.dead) > 1
    subscribers = Map.new(model.subscribers, fn {pid, one} -> {pid, %{one | may_lag: one.may_lag or several?}} end)
    expire(%{model | subscribers: subscribers}, :lag)
  end

  defp operate(:subscribe, model) when map_size(model.subscribers) < 4, do: subscribe(model, start(), @new)
  defp operate(:subscribe, model), do: model

  defp operate(:subscribe_again, model) do
    with_subscriber(model, fn pid, model -> subscribe(model, pid, model.subscribers[pid]) end)
  end

  defp operate(:unsubscribe, model) do
    with_subscriber(model, fn pid, model ->
      model = update(model, &Delivery.detach(&1, pid))
      Process.unlink(pid)
      Process.exit(pid, :kill)
      forget(model, pid)
    end)
  end

  defp operate(:die, model) do
    with_subscriber(model, fn pid, model ->
      Process.unlink(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ref, :process, ^pid, :killed}
      %{forget(model, pid) | dead: Map.put(model.dead, pid, ref)}
    end)
  end

  defp operate(:bury, %{dead: dead} = model) when dead == %{}, do: model

  defp operate(:bury, model) do
    {pid, ref} = Enum.random(model.dead)
    {:ok, delivery} = Delivery.died(model.delivery, pid, ref)
    %{model | delivery: delivery, dead: Map.delete(model.dead, pid)}
  end

  # The caller is a subscriber or, now and then, another process.
  defp operate(:sync, model) do
    pid = Enum.random([self() | Map.keys(model.subscribers)])

    if Enum.any?(model.syncs, fn {_id, sync} -> sync.pid == pid end) do
      model
    else
      # The reply comes to this process, whoever calls.
      {id, tag} = {model.next_id, [:alias | :erlang.alias()]}
      model = %{model | next_id: id + 1, syncs: Map.put(model.syncs, id, %{pid: pid, tag: tag, until: nil})}
      update(model, &Delivery.begin_sync(&1, id, {pid, tag}, @never))
    end
  end

  defp operate(:marker, model) do
    with_sync(model, fn id, sync, model ->
      model = %{model | syncs: Map.put(model.syncs, id, %{sync | until: model.number})}
      update(model, &Delivery.push(&1, {:marker, id}))
    end)
  end

  defp operate(:fail_sync, model) do
    with_sync(model, fn id, _sync, model ->
      model = %{model | syncs: Map.delete(model.syncs, id), answers: answered(model, id)}
      update(model, &Delivery.end_sync(&1, id, {:error, :failed}))
    end)
  end

  # Its marker, if it comes at all, comes later.
  defp operate(:expire_sync, model) do
    case model.syncs |> Map.keys() |> Enum.sort() |> List.first() do
      nil -> model
      id -> expire(%{model | syncs: Map.delete(model.syncs, id), answers: answered(model, id)}, {:sync, id})
    end
  end

  # `lookout_port` has been replaced.
  defp operate(:restart, model) do
    {_credit, delivery} = Delivery.first_credit(model.delivery)
    %{model | delivery: delivery}
  end

  defp subscribe(model, pid, known) do
    {want, left} = Enum.random([{:all, nil}, {0, 0}, {1, 1}, {3, 3}])
    next = if known.want, do: known.next, else: model.number + 1
    known = %{known | want: want, left: left, next: next, beyond: known.seen}
    model = %{model | subscribers: Map.put(model.subscribers, pid, known)}
    {:ok, delivery} = Delivery.subscribe(model.delivery, pid, want)
    %{model | delivery: delivery}
  end

  defp answered(model, id), do: Map.put(model.answers, model.syncs[id].tag, id)

  ## Subscribers: processes that take messages out of their mailbox only when they are told to

  defp start, do: spawn_link(&serve/0)

  defp serve do
    receive do
      {:take, from, n} -> send(from, {:taken, self(), receive_at_most(n)})
    end

    serve()
  end

  defp receive_at_most(0), do: []

  defp receive_at_most(n) do
    receive do
      {:lookout, _pid, message} -> [message | receive_at_most(n - 1)]
    after
      0 -> []
    end
  end

  defp push_batch(model) do
    if Delivery.granted(model.delivery) > 0 do
      cost = Enum.random([1, 1, 1, 1, 2, 5])
      model = %{model | seq: model.seq + 1, number: model.number + 1, costs: [cost | model.costs]}
      {_credit, delivery} = Delivery.batch(model.delivery, {:events, model.seq, [model.number]}, cost)
      %{model | delivery: delivery}
    else
      model
    end
  end

  # What has been taken was checked before.
  defp take(model, pid, n) do
    send(pid, {:take, self(), n})
    assert_receive {:taken, ^pid, messages}
    put(model, pid, &%{&1 | seen: &1.seen - length(messages), beyond: max(&1.beyond - length(messages), 0)})
  end

  ## Checks

  defp check(model) do
    {_credit, delivery} = Delivery.more_credit(model.delivery)
    {held, granted} = {Delivery.held(delivery), Delivery.granted(delivery)}
    assert held >= 0
    assert granted <= 0 or granted + Enum.sum(Enum.take(model.costs, held)) <= @window

    %{model | delivery: delivery} |> check_mailboxes() |> check_answers()
  end

  defp check_mailboxes(model) do
    Enum.reduce(Map.keys(model.subscribers), model, fn pid, model ->
      {:messages, messages} = Process.info(pid, :messages)
      messages = for {:lookout, _pid, message} <- messages, do: message
      model = messages |> Enum.drop(model.subscribers[pid].seen) |> Enum.reduce(model, &got(&1, pid, &2))
      put(model, pid, &%{&1 | seen: length(messages)})
    end)
  end

  defp got({:notice, :lagged}, pid, model) do
    assert model.subscribers[pid].may_lag, "a subscriber was detached that was alone, or never slow"
    put(model, pid, &%{&1 | attached: false, may_lag: false, next: model.number + 1, beyond: &1.beyond + 1})
  end

  defp got({:notice, {:number, number}}, pid, model), do: numbered(number, pid, model)
  defp got({:events, _seq, [number]}, pid, model), do: number |> numbered(pid, model) |> charge(pid, number)

  defp numbered(number, pid, model) do
    one = model.subscribers[pid]
    if one.attached, do: assert(number == one.next, "a gap"), else: assert(number <= one.next, "a gap")
    beyond = if given_by_sync?(model, pid, number), do: 1, else: 0
    put(model, pid, &%{&1 | attached: true, next: number + 1, beyond: &1.beyond + beyond})
  end

  defp charge(model, pid, number) do
    one = model.subscribers[pid]

    cond do
      one.left == nil -> model
      given_by_sync?(model, pid, number) -> put(model, pid, &%{&1 | left: max(&1.left - 1, 0)})
      true -> charge_asked(model, pid)
    end
  end

  defp charge_asked(model, pid) do
    assert model.subscribers[pid].left > 0, "a batch that was not asked for"
    put(model, pid, &%{&1 | left: &1.left - 1})
  end

  # What is before the marker of a sync of its own.
  defp given_by_sync?(model, pid, number) do
    Enum.any?(model.syncs, fn {_id, sync} -> sync.pid == pid and (sync.until == nil or number <= sync.until) end)
  end

  # Only a marker answers :ok, and only once.
  defp check_answers(model) do
    model = check_full(model)

    Enum.reduce(replies(), model, fn {tag, reply}, model ->
      refute is_map_key(model.answers, tag) and reply == :ok, "a sync was answered twice, or after its end"

      case Enum.find(model.syncs, fn {_id, sync} -> sync.tag == tag end) do
        nil -> model
        {id, sync} -> answer(model, id, sync, reply)
      end
    end)
  end

  defp answer(model, id, sync, reply) do
    assert reply == :ok and sync.until != nil

    # One that may have been detached has not been told so yet.
    for {_pid, %{attached: true, may_lag: false, next: next}} <- model.subscribers,
        do: assert(next > sync.until, "a sync was answered early")

    %{model | answers: answered(model, id), syncs: Map.delete(model.syncs, id)}
  end

  defp check_full(model) do
    for {_pid, %{want: :all} = one} <- model.subscribers, do: assert(one.seen - one.beyond <= @mailbox)
    model
  end

  # Those that came since the last check.
  defp replies do
    receive do
      {[:alias | _alias] = tag, reply} -> [{tag, reply} | replies()]
    after
      0 -> []
    end
  end

  ## The end: everybody asks for more and reads, and every sync gets its marker

  defp finish(model) do
    model =
      Enum.reduce(Map.keys(model.syncs), model, fn _id, model -> model |> then(&operate(:marker, &1)) |> check() end)

    model = Enum.reduce(1..200, model, fn _n, model -> drain(model) end)
    assert model.syncs == %{}, "a sync was never answered"
    assert Delivery.held(model.delivery) == 0
    model
  end

  defp drain(%{syncs: syncs, delivery: %{flow: %{held: 0}}} = model) when syncs == %{}, do: model

  defp drain(model) do
    Enum.reduce([:bury, :marker, :take, :ask, :tick], model, &(&1 |> operate(&2) |> check()))
  end

  defp stop(model) do
    for pid <- Map.keys(model.subscribers) do
      Process.unlink(pid)
      Process.exit(pid, :kill)
    end

    for ref <- Map.values(model.delivery.monitors), do: Process.demonitor(ref, [:flush])
    :ok
  end

  ## Helpers

  defp update(model, change), do: %{model | delivery: change.(model.delivery)}
  defp put(model, pid, change), do: %{model | subscribers: Map.update!(model.subscribers, pid, change)}
  defp forget(model, pid), do: %{model | subscribers: Map.delete(model.subscribers, pid)}

  defp with_subscriber(%{subscribers: subscribers} = model, _use) when subscribers == %{}, do: model
  defp with_subscriber(model, use), do: use.(Enum.random(Map.keys(model.subscribers)), model)

  # One whose marker has not been pushed yet.
  defp with_sync(model, use) do
    case Enum.filter(model.syncs, fn {_id, sync} -> sync.until == nil end) do
      [] -> model
      open -> open |> Enum.random() |> then(fn {id, sync} -> use.(id, sync, model) end)
    end
  end

  defp expire(model, tag) do
    case model.delivery.timers.running do
      %{^tag => ref} ->
        {_result, delivery} = Delivery.timeout(model.delivery, tag, ref)
        %{model | delivery: delivery}

      _not_running ->
        model
    end
  end
end
