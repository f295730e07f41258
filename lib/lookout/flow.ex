defmodule Lookout.Flow do
  @moduledoc false
  # Which subscriber gets which item, and when. Pure: the caller performs the actions and checks the mailboxes.
  #
  # Batches that `lookout_port` may still send (`granted`) and batches held here (`held`) are together at most `window`. The first
  # item of the queue goes to all attached subscribers at the same time, once all of them are ready; notices and markers keep their
  # place among the batches.
  #
  # A subscriber that wants `:all` is ready while its mailbox is short, one that wants a count while the count is not used up, and
  # either while a sync of its own is open. A lagging one is detached: it gets nothing but `:lagged`, when it comes back.
  #
  # The marker of a sync ends the sync: the items behind it go to the caller only if it has asked for them.

  alias Lookout.Event
  alias Lookout.Flow.Subscribers

  @type want :: Subscribers.want()
  @type look :: Subscribers.look()
  @type sync_id :: term
  @type item :: {:events, pos_integer, [Event.t()]} | {:notice, term} | {:marker, sync_id}
  @type action :: {:tell, [pid], term} | {:reached, sync_id}
  # `:all_slow`: nobody is ready. `:contended`: some wait for others. `:unheard`: what exists waits for the first subscriber.
  @type status :: :clear | :unheard | :all_slow | :contended

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
    # the callers of the open syncs
    syncs: %{},
    keep: false
  ]

  @doc "With `keep`, nothing is discarded before the first subscriber has come."
  @spec new(pos_integer, pos_integer, boolean) :: t
  def new(window, mailbox, keep), do: %__MODULE__{window: window, subscribers: Subscribers.new(mailbox), keep: keep}

  ## Subscribers

  @doc "Adds a subscriber, or changes what one wants. A lagging one is back with that."
  @spec subscribe(t, pid, want) :: {[action], t}
  def subscribe(%__MODULE__{} = flow, pid, want) do
    {welcome(flow, pid), %{flow | keep: false, subscribers: Subscribers.put(flow.subscribers, pid, want)}}
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(%__MODULE__{} = flow, pid), do: %{flow | subscribers: Subscribers.delete(flow.subscribers, pid)}

  @doc "Lets a subscriber that wants a count have `n` more batches."
  @spec ask(t, pid, pos_integer) :: {:ok, [action], t} | {:error, :not_subscribed | :active}
  def ask(%__MODULE__{} = flow, pid, n) do
    with {:ok, subscribers} <- Subscribers.ask(flow.subscribers, pid, n) do
      {:ok, welcome(flow, pid), %{flow | subscribers: subscribers}}
    end
  end

  @doc """
  From here until the marker of the sync is handed out, or `end_sync/2`, its caller counts as ready. It does not matter whether the
  caller is a subscriber.
  """
  @spec begin_sync(t, sync_id, pid) :: {[action], t}
  def begin_sync(%__MODULE__{} = flow, id, pid) do
    subscribers = flow.subscribers |> Subscribers.attach(pid) |> Subscribers.begin_sync(pid)
    {welcome(flow, pid), %{flow | subscribers: subscribers, syncs: Map.put(flow.syncs, id, pid)}}
  end

  @doc "Ends a sync before its marker is handed out. It does not matter whether the sync has ended already."
  @spec end_sync(t, sync_id) :: t
  def end_sync(%__MODULE__{} = flow, id) do
    case Map.pop(flow.syncs, id) do
      {nil, _syncs} -> flow
      {pid, syncs} -> %{flow | syncs: syncs, subscribers: Subscribers.end_sync(flow.subscribers, pid)}
    end
  end

  # What one that comes back is told first.
  defp welcome(flow, pid) do
    if Subscribers.lagging?(flow.subscribers, pid), do: [{:tell, [pid], {:notice, :lagged}}], else: []
  end

  ## Items

  @doc "Puts an item into the queue; for a batch, credit must have been granted. An overflow that is still in the queue is not queued twice."
  @spec push(t, item) :: t
  def push(%__MODULE__{} = flow, {:events, _seq, _events} = item) do
    enqueue(%{flow | held: flow.held + 1, granted: flow.granted - 1}, item)
  end

  def push(%__MODULE__{} = flow, {:notice, {:overflow, _dir}} = item) do
    if waiting_after_batches?(flow.queue, item), do: flow, else: enqueue(flow, item)
  end

  def push(%__MODULE__{} = flow, item), do: enqueue(flow, item)

  @doc "Who gets a batch at once, past an empty queue. Saves most of the work of a batch where nobody is slow."
  @spec pass(t, item) :: {:ok, [pid], t} | :queue
  def pass(%__MODULE__{} = flow, {:events, _seq, _events} = item) do
    if :queue.is_empty(flow.queue) and Subscribers.known_ready?(flow.subscribers),
      do: {:ok, Subscribers.attached(flow.subscribers), count(%{flow | granted: flow.granted - 1}, item)},
      else: :queue
  end

  def pass(_flow, _item), do: :queue

  @doc "Hands out what can be handed out. The actions of calls before must have been performed."
  @spec advance(t, look) :: {[action], status, t}
  def advance(%__MODULE__{} = flow, look) do
    {actions, status, flow} = advance(%{flow | subscribers: Subscribers.all_sent(flow.subscribers)}, look, [])
    {Enum.reverse(actions), status, flow}
  end

  defp advance(flow, look, actions) do
    case :queue.peek(flow.queue) do
      :empty -> {actions, :clear, flow}
      {:value, {:marker, id}} -> reach(id, flow, look, actions)
      {:value, _item} when flow.keep -> {actions, :unheard, flow}
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

  @doc "Detaches the slow while others are ready and something waits."
  @spec detach_slow(t, look) :: t
  def detach_slow(%__MODULE__{} = flow, look) do
    if :queue.is_empty(flow.queue),
      do: flow,
      else: %{flow | subscribers: flow.subscribers |> Subscribers.all_sent() |> Subscribers.detach_slow(look)}
  end

  @doc "Time has passed: mailboxes that were full may have room, and lagging subscribers that want `:all` may be back."
  @spec recheck(t, look) :: {[action], t}
  def recheck(%__MODULE__{} = flow, look) do
    back = Subscribers.caught_up(flow.subscribers, look)
    subscribers = Enum.reduce(back, Subscribers.recheck(flow.subscribers), &Subscribers.attach(&2, &1))
    {Enum.flat_map(back, &welcome(flow, &1)), %{flow | subscribers: subscribers}}
  end

  @doc "Whether `recheck/2` is needed for the queue, or for lagging subscribers, to go on."
  @spec recheck?(t, status) :: boolean
  def recheck?(%__MODULE__{} = flow, status), do: Subscribers.recheck?(flow.subscribers, status)

  ## Credit

  @doc "The credit for a `lookout_port` that has just started."
  @spec first_credit(t) :: {non_neg_integer, t}
  def first_credit(%__MODULE__{} = flow) do
    credit = max(flow.window - flow.held, 0)
    {credit, %{flow | granted: credit}}
  end

  @doc "The credit to grant now: nothing until half the window is free."
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
