defmodule Lookout.Watcher.Delivery do
  @moduledoc false
  # Performs what `Lookout.Watcher.SubscriberQueue` decides: reads the lengths of mailboxes, sends messages, monitors subscribers, runs
  # timers, and replies to the callers of sync. `Lookout.Watcher.State` holds it (`delivery`), and the modules of the watcher call
  # it, in the process of the watcher.
  #
  # Each operation costs O(log n) in the number of subscribers, plus the messages that it sends. A timer may also
  # recheck each full mailbox.

  alias Lookout.{Error, FileSystem, Telemetry}
  alias Lookout.Support.Timers
  alias Lookout.Watcher.{Options, SubscriberQueue}
  require Telemetry

  @type t :: %__MODULE__{
          flow: SubscriberQueue.t(),
          pass: nil | SubscriberQueue.pass(),
          passed: non_neg_integer,
          tag: Options.tag(),
          name: nil | GenServer.name(),
          look: {pos_integer, pos_integer},
          pause: nil | pos_integer,
          max_lag: timeout,
          lag_left: timeout,
          monitors: %{pid => reference},
          syncs: %{SubscriberQueue.sync_id() => GenServer.from()},
          timers: Timers.t()
        }

  @enforce_keys [:flow, :tag, :look, :max_lag, :lag_left]
  defstruct [
    :flow,
    :tag,
    :look,
    :max_lag,
    # how much longer ready subscribers wait for the slow ones
    :lag_left,
    :name,
    # the subscribers to which the next batches may be sent without a call of the queue, and how many such batches are left
    # (see `SubscriberQueue.pass/1`); and how many were sent this way since its last call
    pass: nil,
    passed: 0,
    pause: nil,
    monitors: %{},
    syncs: %{},
    timers: Timers.new(:delivery)
  ]

  @spec new(Options.t()) :: t
  def new(%Options{limits: limits} = options) do
    # Keep all items until the first process subscribes: the existing entries (`initial: true`), and the batches that follow
    # the position or the cursor of an earlier watcher.
    waits? = options.initial or options.position != nil or options.cursor != nil
    flow = SubscriberQueue.new(limits.window, limits.mailbox, waits?)

    delivery = %__MODULE__{
      flow: flow,
      tag: options.tag,
      name: options.name,
      look: limits.look,
      max_lag: options.max_lag,
      lag_left: options.max_lag
    }

    Enum.reduce(options.subscribe, delivery, fn {pid, want}, delivery -> attach(delivery, pid, want) end)
  end

  ## Subscribers

  @doc "Adds a subscriber, or changes what a subscriber wants. First sends it `batches`, which it has missed."
  @spec subscribe(t, pid, SubscriberQueue.want(), [{pos_integer, [Lookout.Event.t()]}]) ::
          {:ok, t} | {:error, Error.t()}
  def subscribe(delivery, pid, want, batches \\ [])

  def subscribe(_delivery, pid, :all, _batches) when node(pid) != node() do
    detail = "active: true is for processes of the watcher's node; subscribe with active: n and Lookout.ask/2"
    {:error, %Error{reason: :remote, operation: :subscribe, detail: detail}}
  end

  def subscribe(%__MODULE__{} = delivery, pid, want, batches) do
    for {seq, events} <- batches, do: tell(delivery, [pid], {:events, seq, events})
    {:ok, attach(delivery, pid, want)}
  end

  defp attach(delivery, pid, want) do
    delivery = counted(delivery)
    {actions, flow} = SubscriberQueue.subscribe(delivery.flow, pid, want)
    monitors = Map.put_new_lazy(delivery.monitors, pid, fn -> Process.monitor(pid) end)
    %{delivery | flow: flow, monitors: monitors} |> perform(actions) |> pump()
  end

  @spec detach(t, pid) :: t
  def detach(%__MODULE__{} = delivery, pid) do
    case Map.pop(delivery.monitors, pid) do
      {nil, _monitors} ->
        delivery

      {ref, monitors} ->
        Process.demonitor(ref, [:flush])
        delivery = counted(delivery)
        pump(%{delivery | monitors: monitors, flow: SubscriberQueue.unsubscribe(delivery.flow, pid)})
    end
  end

  @doc "Handles a `:DOWN` message: removes the subscriber. Returns `:not_subscribed` if `ref` monitors no subscriber."
  @spec died(t, pid, reference) :: {:ok, t} | :not_subscribed
  def died(%__MODULE__{} = delivery, pid, ref) do
    delivery = counted(delivery)

    case Map.pop(delivery.monitors, pid) do
      {^ref, monitors} ->
        {:ok, pump(%{delivery | monitors: monitors, flow: SubscriberQueue.unsubscribe(delivery.flow, pid)})}

      _other ->
        :not_subscribed
    end
  end

  @spec subscriber?(t, pid) :: boolean
  def subscriber?(%__MODULE__{monitors: monitors}, pid), do: is_map_key(monitors, pid)

  @spec count(t) :: non_neg_integer
  def count(%__MODULE__{monitors: monitors}), do: map_size(monitors)

  @spec ask(t, pid, pos_integer) :: {:ok, t} | {:error, Error.t()}
  def ask(%__MODULE__{} = delivery, pid, n) do
    delivery = counted(delivery)

    case SubscriberQueue.ask(delivery.flow, pid, n) do
      {:ok, actions, flow} -> {:ok, %{delivery | flow: flow} |> perform(actions) |> pump()}
      {:error, reason} -> {:error, %Error{reason: reason, operation: :ask, detail: why_not(reason)}}
    end
  end

  defp why_not(:not_subscribed), do: "the caller is no subscriber; call Lookout.subscribe/2 first"
  defp why_not(:active), do: "the caller subscribed with active: true and need not ask"

  @doc "Sends a final message to all subscribers, except those in `but`, immediately: it overtakes the queue."
  @spec broadcast(t, term, [pid]) :: :ok
  def broadcast(%__MODULE__{monitors: monitors} = delivery, message, but \\ []) do
    tell(delivery, Map.keys(monitors) -- but, message)
  end

  @doc "Sends `{tag, watcher, message}` to each pid; for the tags of `Lookout.FileSystem`, zero or more such messages."
  @spec tell(t, [pid], term) :: :ok
  def tell(%__MODULE__{tag: tag}, pids, message) do
    for shaped <- shape(tag, message), pid <- pids, do: send(pid, {tag, self(), shaped})
    :ok
  end

  defp shape(:lookout, message), do: [message]
  defp shape(_file_event, message), do: FileSystem.Events.of(message)

  ## Batches and notices

  @doc """
  Delivers a batch that costs `cost` credits, and returns the credit to grant now. While no subscriber is slow, the queue issues
  a pass: the next batches are sent without a call of the queue.
  """
  @spec batch(t, SubscriberQueue.item(), pos_integer) :: {non_neg_integer, t}
  def batch(%__MODULE__{pass: {pids, left}} = delivery, item, 1) when left > 0 do
    tell(delivery, pids, item)
    {0, emit(%{delivery | pass: {pids, left - 1}, passed: delivery.passed + 1}, item)}
  end

  def batch(delivery, item, cost) do
    {credit, delivery} = delivery |> push(item, cost) |> more_credit()
    {credit, %{delivery | pass: SubscriberQueue.pass(delivery.flow)}}
  end

  @doc "Queues an item and delivers what can be delivered."
  @spec push(t, SubscriberQueue.item(), pos_integer) :: t
  def push(%__MODULE__{} = delivery, item, cost \\ 1) do
    delivery = counted(delivery)
    emit(pump(%{delivery | flow: SubscriberQueue.push(delivery.flow, item, cost)}), item)
  end

  # Ends the pass and reports to the queue how many batches were sent by it. Each other call that changes the queue must come
  # after this.
  defp counted(%{pass: nil} = delivery), do: delivery

  defp counted(delivery),
    do: %{delivery | flow: SubscriberQueue.passed(delivery.flow, delivery.passed), pass: nil, passed: 0}

  defp emit(delivery, {:events, seq, events}) do
    Telemetry.emit([:lookout, :watcher, :batch], fn ->
      measurements = %{events: length(events), held: held(delivery), subscribers: count(delivery)}
      {measurements, %{watcher: self(), name: delivery.name, seq: seq}}
    end)

    delivery
  end

  defp emit(delivery, {:notice, notice}), do: emit_notice(delivery, notice, nil)
  defp emit(delivery, {:checkpoint, _cursor}), do: delivery
  defp emit(delivery, {:marker, _sync}), do: delivery

  defp emit_notice(delivery, notice, subscriber) do
    Telemetry.emit([:lookout, :watcher, :notice], fn ->
      kind = if is_tuple(notice), do: elem(notice, 0), else: notice
      metadata = %{watcher: self(), name: delivery.name, kind: kind, notice: notice, subscriber: subscriber}
      {%{count: 1}, metadata}
    end)

    delivery
  end

  @doc "Returns whether an item is still in the queue. If so, a process that subscribes now receives it."
  @spec waiting?(t, SubscriberQueue.item()) :: boolean
  def waiting?(%__MODULE__{flow: flow}, item), do: SubscriberQueue.waiting?(flow, item)

  @spec held(t) :: non_neg_integer
  def held(%__MODULE__{flow: flow}), do: flow.held

  @doc "The credit that `lookout_port` has left; negative after a batch that cost more."
  @spec granted(t) :: integer
  def granted(%__MODULE__{} = delivery), do: delivery.flow.granted - delivery.passed

  @doc "The credit for a `lookout_port` that has just started."
  @spec first_credit(t) :: {non_neg_integer, t}
  def first_credit(%__MODULE__{} = delivery) do
    delivery = counted(delivery)
    {credit, flow} = SubscriberQueue.first_credit(delivery.flow)
    {credit, %{delivery | flow: flow}}
  end

  @doc "The credit to grant now: 0 until half the window is free."
  @spec more_credit(t) :: {non_neg_integer, t}
  def more_credit(%__MODULE__{} = delivery) do
    delivery = counted(delivery)
    {credit, flow} = SubscriberQueue.more_credit(delivery.flow)
    {credit, %{delivery | flow: flow}}
  end

  ## Sync

  @doc """
  Opens a sync. Its caller counts as ready from here on. The watcher pushes the item `{:marker, id}` when `lookout_port` replies to the
  sync request, and `from` gets its reply when that marker leaves the queue.
  """
  @spec begin_sync(t, SubscriberQueue.sync_id(), GenServer.from(), timeout) :: t
  def begin_sync(%__MODULE__{} = delivery, id, {pid, _tag} = from, timeout) do
    delivery = counted(delivery)
    {actions, flow} = SubscriberQueue.begin_sync(delivery.flow, id, pid)
    delivery = %{delivery | flow: flow, syncs: Map.put(delivery.syncs, id, from)}
    delivery |> start_timer({:sync, id}, timeout) |> perform(actions) |> pump()
  end

  @doc "Ends a sync with a reply, before its marker leaves the queue. Does nothing if the sync has already ended."
  @spec end_sync(t, SubscriberQueue.sync_id(), {:error, Error.t() | :timeout}) :: t
  def end_sync(%__MODULE__{} = delivery, id, reply) do
    delivery = counted(delivery)
    pump(answer_sync(%{delivery | flow: SubscriberQueue.end_sync(delivery.flow, id)}, id, reply))
  end

  defp answer_sync(delivery, id, reply) do
    case Map.pop(delivery.syncs, id) do
      {nil, _syncs} ->
        delivery

      {from, syncs} ->
        GenServer.reply(from, reply)
        cancel_timer(%{delivery | syncs: syncs}, {:sync, id})
    end
  end

  ## Timers

  @doc "Handles the message of a delivery timer. Returns `{:expired, id}` if the sync `id` has timed out."
  @spec timeout(t, term, reference) :: {:ok | {:expired, term}, t}
  def timeout(%__MODULE__{} = delivery, tag, ref) do
    delivery = counted(delivery)

    case Timers.fired(delivery.timers, tag, ref) do
      {:ok, timers} -> on_timeout(tag, %{delivery | timers: timers})
      :stale -> {:ok, delivery}
    end
  end

  defp on_timeout(:look, delivery) do
    {_first, longest} = delivery.look
    {:ok, recheck(%{delivery | pause: min(delivery.pause * 2, longest)})}
  end

  # Fills the mailboxes first. So a subscriber that has just read one message is full again, and still counts as slow.
  # Attaches no lagging subscriber: it would be detached again before it could read.
  defp on_timeout(:lag, delivery) do
    delivery = pump(%{delivery | flow: SubscriberQueue.recheck_full(delivery.flow), lag_left: delivery.max_lag})
    {:ok, pump(%{delivery | flow: SubscriberQueue.detach_slow(delivery.flow, &mailbox/1)})}
  end

  defp on_timeout({:sync, id}, delivery) do
    {{:expired, id}, end_sync(delivery, id, {:error, sync_error(delivery)})}
  end

  # Returns the error of a sync that has timed out: `:timeout`, or `:lagging` if a subscriber delays it or none exists yet.
  defp sync_error(delivery) do
    {_actions, status, flow} = SubscriberQueue.advance(delivery.flow, &mailbox/1)
    held_up(status, flow)
  end

  defp held_up(:clear, _flow), do: :timeout

  defp held_up(:no_subscriber, _flow) do
    lagging("what exists (initial: true) waits for the first subscriber; subscribe before sync")
  end

  defp held_up(_slow, flow) do
    pid = SubscriberQueue.slow(flow)

    lagging(
      "the subscriber #{inspect(pid)}#{registered(pid)} takes no messages; let it empty its mailbox, ask for more, or unsubscribe"
    )
  end

  defp registered(pid) when node(pid) == node() do
    case Process.info(pid, :registered_name) do
      {:registered_name, name} when is_atom(name) -> " (#{inspect(name)})"
      _none -> ""
    end
  end

  defp registered(_remote), do: ""

  defp lagging(detail), do: %Error{reason: :lagging, operation: :sync, detail: detail}

  # Mailboxes that were full may have room now.
  defp recheck(delivery) do
    {actions, flow} = SubscriberQueue.recheck(delivery.flow, &mailbox/1)
    %{delivery | flow: flow} |> perform(actions) |> pump(actions != [])
  end

  # Delivers what can be delivered, and starts the timers that deliver the rest.
  defp pump(delivery, moved? \\ false) do
    {actions, status, flow} = SubscriberQueue.advance(delivery.flow, &mailbox/1)

    %{delivery | flow: flow}
    |> perform(actions)
    |> look_again(SubscriberQueue.recheck?(flow, status), moved? or actions != [])
    |> limit_lag(status, actions != [])
  end

  defp perform(delivery, actions), do: Enum.reduce(actions, delivery, &perform_one/2)

  # A notice `:lagged` is not pushed, so its telemetry event is emitted here. A notice `:omitted` of the queue has no telemetry
  # event: `push/3` has emitted one for each notice that it replaces.
  defp perform_one({:tell, [pid], {:notice, :lagged} = message}, delivery) do
    tell(delivery, [pid], message)
    emit_notice(delivery, :lagged, pid)
  end

  defp perform_one({:tell, pids, message}, delivery) do
    tell(delivery, pids, message)
    delivery
  end

  defp perform_one({:reached, sync_id}, delivery), do: answer_sync(delivery, sync_id, :ok)

  # The interval between two checks of full mailboxes is `first` after each delivery, and doubles up to `longest`.
  defp look_again(%{pause: nil} = delivery, false, _moved?), do: delivery
  defp look_again(delivery, false, _moved?), do: cancel_timer(%{delivery | pause: nil}, :look)

  defp look_again(%{look: {first, _longest}} = delivery, true, moved?) do
    pause = if moved?, do: first, else: delivery.pause || first
    start_timer(%{delivery | pause: pause}, :look, pause)
  end

  # The lag timer measures how long ready subscribers have waited for slow ones. A delivery does not restart it: a
  # subscriber that reads one message from time to time delays the others as well. If nobody waits any more, although nothing was
  # delivered, then a sync has timed out: the timer continues at the next one.
  defp limit_lag(delivery, :contended, _moved?), do: start_timer(delivery, :lag, delivery.lag_left)

  defp limit_lag(delivery, :all_slow, false) do
    {left, timers} = Timers.pause(delivery.timers, :lag)
    %{delivery | timers: timers, lag_left: left || delivery.lag_left}
  end

  defp limit_lag(delivery, _status, _moved?), do: cancel_timer(%{delivery | lag_left: delivery.max_lag}, :lag)

  defp start_timer(delivery, tag, ms), do: %{delivery | timers: Timers.start(delivery.timers, tag, ms)}
  defp cancel_timer(delivery, tag), do: %{delivery | timers: Timers.cancel(delivery.timers, tag)}

  defp mailbox(pid) do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, length} -> length
      nil -> nil
    end
  end
end
