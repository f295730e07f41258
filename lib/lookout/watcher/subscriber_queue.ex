defmodule Lookout.Watcher.SubscriberQueue do
  @moduledoc false
  # Flow control between `lookout_port` and the subscribers of a watcher: decides which subscriber gets which item, and
  # when. Pure: the caller sends the messages and reads the lengths of the mailboxes.
  #
  # The batches that `lookout_port` may still send (`granted`) and the batches queued here (`held`) add up to at most
  # `window`. The first item of the queue is sent to all attached subscribers at the same time, once all of them are
  # ready. Notices and markers keep their position among the batches.
  #
  # A subscriber that wants `:all` is ready while its mailbox is short. A subscriber that wants a count of batches is
  # ready until it has received that count. Both are ready while they have an open sync. A lagging subscriber is
  # detached: it receives no items, and receives `:lagged` as the first message after it is attached again.
  #
  # The marker in the queue ends its sync: the caller of the sync gets the items behind it only if it asked for them.

  alias Lookout.Event
  alias Lookout.Watcher.Subscribers

  @type want :: Subscribers.want()
  @type look :: Subscribers.look()
  @type sync_id :: term
  @type item :: {:events, pos_integer, [Event.t()]} | {:notice, term} | {:checkpoint, binary} | {:marker, sync_id}
  @typedoc "The subscribers to which so many of the next batches may be sent."
  @type pass :: {[pid], pos_integer}
  @type action :: {:tell, [pid], term} | {:reached, sync_id}
  # `:clear`: the queue is empty. `:all_slow`: no subscriber is ready. `:contended`: ready subscribers wait for slow
  # ones. `:no_subscriber`: the initial listing (`initial: true`) waits for the first subscriber.
  @type status :: :clear | :no_subscriber | :all_slow | :contended

  @type t :: %__MODULE__{
          window: pos_integer,
          granted: non_neg_integer,
          held: non_neg_integer,
          queue: :queue.queue(item),
          subscribers: Subscribers.t(),
          syncs: %{sync_id => pid},
          keep: boolean
        }

  @enforce_keys [:window, :subscribers]
  defstruct [
    :window,
    :subscribers,
    granted: 0,
    held: 0,
    queue: :queue.new(),
    # the caller of each open sync
    syncs: %{},
    keep: false
  ]

  @doc "With `keep`, items wait in the queue until the first process subscribes. Without it, items that nobody receives are dropped."
  @spec new(pos_integer, pos_integer, boolean) :: t
  def new(window, mailbox, keep), do: %__MODULE__{window: window, subscribers: Subscribers.new(mailbox), keep: keep}

  ## Subscribers

  @doc "Adds a subscriber, or changes what a subscriber wants. Attaches a lagging subscriber again."
  @spec subscribe(t, pid, want) :: {[action], t}
  def subscribe(%__MODULE__{} = flow, pid, want) do
    {welcome(flow, pid), %{flow | keep: false, subscribers: Subscribers.put(flow.subscribers, pid, want)}}
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(%__MODULE__{} = flow, pid), do: %{flow | subscribers: Subscribers.delete(flow.subscribers, pid)}

  @doc "Allows a subscriber that wants a count `n` more batches."
  @spec ask(t, pid, pos_integer) :: {:ok, [action], t} | {:error, :not_subscribed | :active}
  def ask(%__MODULE__{} = flow, pid, n) do
    with {:ok, subscribers} <- Subscribers.ask(flow.subscribers, pid, n) do
      {:ok, welcome(flow, pid), %{flow | subscribers: subscribers}}
    end
  end

  @doc """
  Opens a sync. Its caller counts as ready until the marker of the sync leaves the queue or `end_sync/2` is called. The caller
  need not be a subscriber.
  """
  @spec begin_sync(t, sync_id, pid) :: {[action], t}
  def begin_sync(%__MODULE__{} = flow, id, pid) do
    subscribers = flow.subscribers |> Subscribers.attach(pid) |> Subscribers.begin_sync(pid)
    {welcome(flow, pid), %{flow | subscribers: subscribers, syncs: Map.put(flow.syncs, id, pid)}}
  end

  @doc "Ends a sync before its marker leaves the queue. Does nothing if the sync has already ended."
  @spec end_sync(t, sync_id) :: t
  def end_sync(%__MODULE__{} = flow, id) do
    case Map.pop(flow.syncs, id) do
      {nil, _syncs} -> flow
      {pid, syncs} -> %{flow | syncs: syncs, subscribers: Subscribers.end_sync(flow.subscribers, pid)}
    end
  end

  # The first message to a lagging subscriber that is attached again.
  defp welcome(flow, pid) do
    if Subscribers.lagging?(flow.subscribers, pid), do: [{:tell, [pid], {:notice, :lagged}}], else: []
  end

  ## Items

  @doc """
  Appends an item to the queue. A batch uses up one granted credit. An `:overflow` notice is not appended if the queue already has the
  same one behind its last batch.
  """
  @spec push(t, item) :: t
  def push(%__MODULE__{} = flow, {:events, _seq, _events} = item) do
    enqueue(%{flow | held: flow.held + 1, granted: flow.granted - 1}, item)
  end

  def push(%__MODULE__{} = flow, {:notice, {:overflow, _dir}} = item) do
    if waiting_after_batches?(flow.queue, item), do: flow, else: enqueue(flow, item)
  end

  def push(%__MODULE__{} = flow, item), do: enqueue(flow, item)

  @doc """
  The batches that may be sent without a call of this module, if the queue is empty and all subscribers are known to have room, until credit
  is due. Each other call comes after one of `passed/2`.
  """
  @spec pass(t) :: nil | pass
  def pass(%__MODULE__{} = flow) do
    # The credit is due when half the window is free.
    due = div(flow.window + 1, 2) - (flow.window - flow.granted - flow.held)
    count = min(Subscribers.room(flow.subscribers), due - 1)
    if :queue.is_empty(flow.queue) and count > 0, do: {Subscribers.attached(flow.subscribers), count}
  end

  @doc "So many batches were sent by a pass."
  @spec passed(t, non_neg_integer) :: t
  def passed(%__MODULE__{} = flow, count),
    do: %{flow | granted: flow.granted - count, subscribers: Subscribers.passed(flow.subscribers, count)}

  @doc """
  Takes as many items as possible from the queue and returns the actions that deliver them. The caller must have performed the actions
  of all previous calls.
  """
  @spec advance(t, look) :: {[action], status, t}
  def advance(%__MODULE__{} = flow, look) do
    {actions, status, flow} = advance(%{flow | subscribers: Subscribers.all_sent(flow.subscribers)}, look, [])
    {Enum.reverse(actions), status, flow}
  end

  defp advance(flow, look, actions) do
    case :queue.peek(flow.queue) do
      :empty -> {actions, :clear, flow}
      {:value, {:marker, id}} -> reach(id, flow, look, actions)
      {:value, _item} when flow.keep -> {actions, :no_subscriber, flow}
      {:value, item} -> hand_out(item, flow, look, actions)
    end
  end

  defp reach(id, flow, look, actions) do
    actions = if is_map_key(flow.syncs, id), do: [{:reached, id} | actions], else: actions
    flow |> drop() |> end_sync(id) |> advance(look, actions)
  end

  defp hand_out(item, flow, look, actions) do
    {readiness, subscribers} = Subscribers.check(flow.subscribers, look)
    flow = %{flow | subscribers: subscribers}

    case readiness do
      :none ->
        flow |> drop() |> advance(look, actions)

      :ready ->
        flow |> drop() |> count(item) |> advance(look, [{:tell, Subscribers.attached(subscribers), item} | actions])

      slow ->
        {actions, slow, flow}
    end
  end

  @doc "Detaches the slow subscribers if another one is ready and the queue is not empty. The detached ones lag from then on."
  @spec detach_slow(t, look) :: t
  def detach_slow(%__MODULE__{} = flow, look) do
    if :queue.is_empty(flow.queue),
      do: flow,
      else: %{flow | subscribers: flow.subscribers |> Subscribers.all_sent() |> Subscribers.detach_slow(look)}
  end

  @doc """
  Called by a timer: checks full mailboxes again at the next `advance/2`, and attaches the lagging subscribers that want `:all` and have
  emptied their mailboxes.
  """
  @spec recheck(t, look) :: {[action], t}
  def recheck(%__MODULE__{} = flow, look) do
    back = Subscribers.caught_up(flow.subscribers, look)
    subscribers = Enum.reduce(back, Subscribers.recheck(flow.subscribers), &Subscribers.attach(&2, &1))
    {Enum.flat_map(back, &welcome(flow, &1)), %{flow | subscribers: subscribers}}
  end

  @doc "Whether the queue, or a lagging subscriber, needs a call of `recheck/2` to make progress."
  @spec recheck?(t, status) :: boolean
  def recheck?(%__MODULE__{} = flow, status), do: Subscribers.recheck?(flow.subscribers, status)

  ## Credit

  @doc "The credit for a `lookout_port` that has just started."
  @spec first_credit(t) :: {non_neg_integer, t}
  def first_credit(%__MODULE__{} = flow) do
    credit = max(flow.window - flow.held, 0)
    {credit, %{flow | granted: credit}}
  end

  @doc "The credit to grant now, in batches: 0 until half the window is free."
  @spec more_credit(t) :: {non_neg_integer, t}
  def more_credit(%__MODULE__{} = flow) do
    free = flow.window - flow.granted - flow.held
    if free * 2 >= flow.window, do: {free, %{flow | granted: flow.granted + free}}, else: {0, flow}
  end

  ## Helpers

  defp enqueue(flow, item), do: %{flow | queue: :queue.in(item, flow.queue)}

  defp count(flow, item), do: %{flow | subscribers: Subscribers.count(flow.subscribers, elem(item, 0))}

  defp drop(flow) do
    {{:value, item}, queue} = :queue.out(flow.queue)
    %{flow | queue: queue, held: if(elem(item, 0) == :events, do: flow.held - 1, else: flow.held)}
  end

  defp waiting_after_batches?(queue, item) do
    case :queue.peek_r(queue) do
      {:value, ^item} -> true
      {:value, {:events, _seq, _events}} -> false
      {:value, _other} -> waiting_after_batches?(:queue.drop_r(queue), item)
      :empty -> false
    end
  end
end
