defmodule Lookout.Watcher.SubscriberQueue do
  @moduledoc false
  # Flow control between `lookout_port` and the subscribers of a watcher: decides which subscriber gets which item, and
  # when. Pure: the caller sends the messages and reads the lengths of the mailboxes. `Lookout.Watcher.Delivery` holds it (`flow`)
  # and is the only caller.
  #
  # The credit that `lookout_port` has left (`granted`) and the cost of the batches that are queued here add up to at most
  # `window`. A batch costs one credit, or more if its paths are long, so the window bounds bytes too. The first item of the
  # queue is sent to all attached subscribers at the same time, once all of them are ready. Notices and markers keep their
  # position among the batches. A notice costs no credit: the same one waits at most twice between two other items. Beyond
  # @notice_bytes of paths that wait, notices are omitted, and one notice `:omitted` has their number. Subscribers that want
  # a count get no more bytes than that between two batches: then only the others get the notices `:omitted`, and one with
  # the sum of them precedes the next batch or marker.
  #
  # A subscriber that wants `:all` is ready while its mailbox is short; for a batch that costs n credits, while it is n
  # times shorter. A subscriber that wants a count of batches is ready until it has received that count. Both are ready
  # while they have an open sync. A lagging subscriber is detached: it receives no items, and receives `:lagged` as the
  # first message after it is attached again.
  #
  # The marker in the queue ends its sync: the caller of the sync gets the items behind it only if it asked for them.

  alias Lookout.Event
  alias Lookout.Watcher.{Omission, Subscribers}

  @type want :: Subscribers.want()
  @type look :: Subscribers.look()
  @type sync_id :: term
  @type item :: {:events, pos_integer, [Event.t()]} | {:notice, term} | {:checkpoint, binary} | {:marker, sync_id}
  # A notice for the subscribers that want `:all`, or for those that want a count.
  @typep notice_for :: {:notice_for, :all | :count, term}
  @typedoc "The subscribers to which this number of the next batches may be sent."
  @type pass :: {[pid], pos_integer}
  @type action :: {:tell, [pid], term} | {:reached, sync_id}
  # `:clear`: the queue is empty. `:all_slow`: no subscriber is ready. `:contended`: ready subscribers wait for slow
  # ones. `:no_subscriber`: the initial listing (`initial: true`) waits for the first subscriber.
  @type status :: :clear | :no_subscriber | :all_slow | :contended

  @type t :: %__MODULE__{
          window: pos_integer,
          granted: integer,
          held: non_neg_integer,
          extra: %{pos_integer => pos_integer},
          queue: :queue.queue(item | notice_for),
          last_notices: {:gb_trees.tree(non_neg_integer, item), %{item => non_neg_integer}},
          omitted: nil | Omission.t(),
          withheld: nil | Omission.t(),
          notice_bytes: non_neg_integer,
          told_bytes: non_neg_integer,
          subscribers: Subscribers.t(),
          syncs: %{sync_id => pid},
          keep: boolean
        }

  @notice_bytes 1024 * 1024
  # As a batch, a notice with long paths goes only into a mailbox that is shorter (see `Lookout.Watcher.Server`).
  @credit_bytes 256 * 1024

  @no_notices {:gb_trees.empty(), %{}}

  @enforce_keys [:window, :subscribers]
  defstruct [
    :window,
    :subscribers,
    # the credit that is left; negative after a batch that cost more
    granted: 0,
    # how many batches are in the queue; and what those of them that cost more than one credit cost beyond it, by number
    held: 0,
    extra: %{},
    queue: :queue.new(),
    # the notices behind the queue, in order; and the number of each
    last_notices: @no_notices,
    # the notices that were omitted after those
    omitted: nil,
    # those of them about which only the subscribers that want `:all` have received a notice `:omitted`
    withheld: nil,
    # the bytes of the notices that wait
    notice_bytes: 0,
    # the bytes of the notices sent since the last batch, while a subscriber wants a count: its mailbox is not checked
    told_bytes: 0,
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
    actions = welcome(flow, pid) ++ withheld_from(flow, pid, want)
    {actions, settle(%{flow | keep: false, subscribers: Subscribers.put(flow.subscribers, pid, want)})}
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(%__MODULE__{} = flow, pid),
    do: settle(%{flow | subscribers: Subscribers.delete(flow.subscribers, pid)})

  @doc "Allows a subscriber that wants a count `n` more batches."
  @spec ask(t, pid, pos_integer) :: {:ok, [action], t} | {:error, :not_subscribed | :active}
  def ask(%__MODULE__{} = flow, pid, n) do
    with {:ok, subscribers} <- Subscribers.ask(flow.subscribers, pid, n) do
      {:ok, welcome(flow, pid), %{flow | subscribers: subscribers, told_bytes: 0}}
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

  # A subscriber that wanted a count and wants :all now gets no notice for those that want a count.
  defp withheld_from(%{withheld: nil}, _pid, _want), do: []
  defp withheld_from(_flow, _pid, count) when is_integer(count), do: []

  defp withheld_from(flow, pid, :all) do
    if Subscribers.kind(flow.subscribers, pid) == :count,
      do: [{:tell, [pid], {:notice, Omission.notice(flow.withheld)}}],
      else: []
  end

  # The last subscriber that wanted a count may have gone: it holds up no notice any more.
  defp settle(flow),
    do: if(Subscribers.any_count?(flow.subscribers), do: flow, else: %{flow | told_bytes: 0, withheld: nil})

  ## Items

  @doc """
  Appends an item to the queue. A batch uses up granted credit: `cost`. If the same notice already waits behind the last other item,
  it is moved to the end instead, so that notices, which cost no credit, cannot fill the queue: what a root's last notice says is kept.
  A notice about something below a root is omitted, and counted, while too many bytes of such notices wait.
  """
  @spec push(t, item, pos_integer) :: t
  def push(flow, item, cost \\ 1)

  def push(%__MODULE__{} = flow, {:events, seq, _events} = item, cost) do
    extra = if cost > 1, do: Map.put(flow.extra, seq, cost - 1), else: flow.extra
    enqueue(%{flow | held: flow.held + 1, extra: extra, granted: flow.granted - cost}, item)
  end

  def push(%__MODULE__{} = flow, {:notice, notice} = item, _cost) do
    {last, last_notices} = flow.last_notices
    number = if :gb_trees.is_empty(last), do: 0, else: elem(:gb_trees.largest(last), 0) + 1

    cond do
      earlier = last_notices[item] ->
        last = :gb_trees.insert(number, item, :gb_trees.delete(earlier, last))
        %{flow | last_notices: {last, %{last_notices | item => number}}}

      Omission.size(notice) && flow.notice_bytes + flow.told_bytes >= @notice_bytes ->
        %{flow | omitted: Omission.add(flow.omitted, notice)}

      true ->
        flow = %{flow | notice_bytes: flow.notice_bytes + bytes(item)}
        %{flow | last_notices: {:gb_trees.insert(number, item, last), Map.put(last_notices, item, number)}}
    end
  end

  def push(%__MODULE__{} = flow, item, _cost), do: enqueue(flow, item)

  @doc "Whether the item is in the queue."
  @spec waiting?(t, item) :: boolean
  def waiting?(%__MODULE__{queue: queue, last_notices: {_last, numbers}}, item),
    do: is_map_key(numbers, item) or :queue.member(item, queue)

  @doc """
  The batches that may be sent without a call of this module, if the queue is empty and all subscribers are known to have room, until credit
  is due. Each other call comes after one of `passed/2`.
  """
  @spec pass(t) :: nil | pass
  def pass(%__MODULE__{} = flow) do
    # The credit is due when half the window is free.
    due = div(flow.window + 1, 2) - free(flow)
    count = min(Subscribers.room(flow.subscribers), due - 1)
    if empty?(flow) and count > 0, do: {Subscribers.attached(flow.subscribers), count}
  end

  @doc "Records that `count` batches were sent by a pass."
  @spec passed(t, non_neg_integer) :: t
  def passed(%__MODULE__{} = flow, count),
    do: %{flow | granted: flow.granted - count, subscribers: Subscribers.passed(flow.subscribers, count), told_bytes: 0}

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
    flow = if :queue.is_empty(flow.queue), do: refill(flow), else: flow

    case :queue.peek(flow.queue) do
      :empty -> {actions, :clear, flow}
      {:value, {:marker, id}} -> reach(id, flow, look, actions)
      {:value, _item} when flow.keep -> {actions, :no_subscriber, flow}
      {:value, item} -> hand_out(item, flow, look, actions)
    end
  end

  defp refill(%{told_bytes: bytes} = flow) when bytes < @notice_bytes, do: enqueue_notices(flow, true)

  defp refill(flow) do
    flow = enqueue_notices(flow, false)
    if flow.omitted && Subscribers.any_all?(flow.subscribers), do: withhold(flow), else: flow
  end

  defp reach(id, flow, look, actions) do
    actions = if is_map_key(flow.syncs, id), do: [{:reached, id} | actions], else: actions
    flow |> drop() |> end_sync(id) |> advance(look, actions)
  end

  defp hand_out(item, flow, look, actions) do
    {readiness, subscribers} = Subscribers.check(flow.subscribers, look, 1 + extra(flow, item))
    flow = %{flow | subscribers: subscribers}

    case readiness do
      :none ->
        flow |> drop() |> advance(look, actions)

      :ready ->
        flow |> drop() |> count(item) |> advance(look, tell(subscribers, item) ++ actions)

      slow ->
        {actions, slow, flow}
    end
  end

  defp tell(subscribers, {:notice_for, kind, notice}) do
    case Subscribers.attached(subscribers, kind) do
      [] -> []
      pids -> [{:tell, pids, {:notice, notice}}]
    end
  end

  defp tell(subscribers, item), do: [{:tell, Subscribers.attached(subscribers), item}]

  @doc "Detaches the slow subscribers if another one is ready and the queue is not empty. The detached ones lag from then on."
  @spec detach_slow(t, look) :: t
  def detach_slow(%__MODULE__{} = flow, look) do
    if empty?(flow),
      do: flow,
      else: settle(%{flow | subscribers: flow.subscribers |> Subscribers.all_sent() |> Subscribers.detach_slow(look)})
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

  @doc "As `recheck/2`, but attaches no subscriber."
  @spec recheck_full(t) :: t
  def recheck_full(%__MODULE__{} = flow), do: %{flow | subscribers: Subscribers.recheck(flow.subscribers)}

  @doc "A subscriber for which the first item waits, after `advance/2`; nil if there is none."
  @spec slow(t) :: nil | pid
  def slow(%__MODULE__{} = flow), do: Subscribers.slow(flow.subscribers)

  @doc "Whether the queue, or a lagging subscriber, needs a call of `recheck/2` to make progress."
  @spec recheck?(t, status) :: boolean
  def recheck?(%__MODULE__{} = flow, status), do: Subscribers.recheck?(flow.subscribers, status)

  ## Credit

  @doc "The credit for a `lookout_port` that has just started."
  @spec first_credit(t) :: {non_neg_integer, t}
  def first_credit(%__MODULE__{} = flow) do
    credit = max(free(%{flow | granted: 0}), 0)
    {credit, %{flow | granted: credit}}
  end

  @doc "The credit to grant now: 0 until half the window is free."
  @spec more_credit(t) :: {non_neg_integer, t}
  def more_credit(%__MODULE__{} = flow) do
    free = free(flow)
    if free * 2 >= flow.window, do: {free, %{flow | granted: flow.granted + free}}, else: {0, flow}
  end

  ## Helpers

  defp enqueue(flow, item) do
    flow = enqueue_notices(flow, true)
    %{flow | queue: :queue.in(item, flow.queue)}
  end

  defp enqueue_notices(%{last_notices: {last, _numbers}} = flow, with_omitted) do
    queue = Enum.reduce(:gb_trees.values(last), flow.queue, &:queue.in/2)
    flow = %{flow | queue: queue, last_notices: @no_notices}
    if with_omitted, do: flow |> enqueue_withheld() |> enqueue_omitted(), else: flow
  end

  defp enqueue_withheld(%{withheld: nil} = flow), do: flow

  defp enqueue_withheld(flow),
    do: enqueue_notice(%{flow | withheld: nil}, {:notice_for, :count, Omission.notice(flow.withheld)})

  defp enqueue_omitted(%{omitted: nil} = flow), do: flow

  defp enqueue_omitted(flow),
    do: enqueue_notice(%{flow | omitted: nil}, {:notice, Omission.notice(flow.omitted)})

  # For those that want :all at once, and for those that want a count later.
  defp withhold(flow) do
    notice = Omission.notice(flow.omitted)
    enqueue_notice(%{flow | omitted: nil, withheld: Omission.add(flow.withheld, notice)}, {:notice_for, :all, notice})
  end

  defp enqueue_notice(flow, item),
    do: %{flow | queue: :queue.in(item, flow.queue), notice_bytes: flow.notice_bytes + bytes(item)}

  defp empty?(%{last_notices: {last, _numbers}} = flow) do
    :queue.is_empty(flow.queue) and :gb_trees.is_empty(last) and is_nil(flow.omitted) and is_nil(flow.withheld)
  end

  defp count(flow, item), do: told(%{flow | subscribers: Subscribers.count(flow.subscribers, clock(item))}, item)

  defp clock({:notice_for, _kind, _notice}), do: :notice
  defp clock(item), do: elem(item, 0)

  defp told(flow, {:events, _seq, _events}), do: %{flow | told_bytes: 0}
  defp told(flow, {:notice_for, :all, _notice}), do: flow

  defp told(flow, item),
    do: if(Subscribers.counts?(flow.subscribers), do: %{flow | told_bytes: flow.told_bytes + bytes(item)}, else: flow)

  defp drop(flow) do
    case :queue.out(flow.queue) do
      {{:value, {:events, seq, _events}}, queue} ->
        %{flow | queue: queue, held: flow.held - 1, extra: Map.delete(flow.extra, seq)}

      {{:value, item}, queue} ->
        %{flow | queue: queue, notice_bytes: flow.notice_bytes - bytes(item)}
    end
  end

  defp free(flow), do: flow.window - flow.granted - flow.held - Enum.sum(Map.values(flow.extra))

  defp extra(flow, {:events, seq, _events}), do: Map.get(flow.extra, seq, 0)
  defp extra(_flow, item), do: max(div(bytes(item), @credit_bytes) - 1, 0)

  # The bytes of a notice that may be omitted; 0 for any other item.
  defp bytes({:notice, notice}), do: Omission.size(notice) || 0
  defp bytes({:notice_for, _kind, notice}), do: Omission.size(notice)
  defp bytes(_item), do: 0
end
