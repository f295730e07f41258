defmodule Lookout.Watcher.Subscribers do
  @moduledoc false
  # The subscribers of a watcher, and which of them can receive the next item. Pure. `Lookout.Watcher.SubscriberQueue` holds it
  # (`subscribers`) and is the only caller.
  #
  # All attached subscribers receive each item at the same time, so two logical clocks serve all of them: one counts the
  # batches sent to them, the other counts all messages. Each subscriber has a limit on one of the clocks and is ready
  # while that clock is below the limit:
  #
  #   * A subscriber that wants a count has a limit on the batches: the value of the clock when it asked, plus the
  #     count.
  #   * A subscriber that wants `:all` has a limit on the messages: the value of the clock at the last check of its
  #     mailbox, plus the room in the mailbox then.
  #   * A process with an open sync is exempt from its limit.
  #
  # The limits are in ordered sets. The smallest limit shows whether all subscribers are ready, the largest whether any
  # subscriber is ready. Sending an item advances the clocks and changes no limit. Each function below costs O(log n),
  # unless its doc states otherwise. The check of a mailbox (`Process.info/2`) costs more than a message. Therefore a
  # mailbox with room is not checked again before that room is used up, and a full one not before the next `recheck/1`;
  # the exception is `check/3`, which checks one full mailbox at a time, and all mailboxes for a batch that costs more than
  # the batch before it.

  alias Lookout.Watcher.Limits

  @type want :: :all | non_neg_integer
  @typep kind :: :all | :count

  # Returns the number of messages in the mailbox of a local process, or nil if the process is dead.
  @type look :: (pid -> nil | non_neg_integer)

  @type t :: %__MODULE__{
          mailbox: pos_integer,
          cost: pos_integer,
          batches: non_neg_integer,
          messages: non_neg_integer,
          sent: non_neg_integer,
          attached: %{pid => {kind, Limits.limit()}},
          counts: Limits.t(),
          rooms: Limits.t(),
          full: %{pid => []},
          syncing: %{pid => pos_integer},
          exempt: non_neg_integer,
          lagging: %{pid => kind},
          lagging_all: non_neg_integer
        }

  @enforce_keys [:mailbox]
  defstruct [
    :mailbox,
    # of the next item, in credit
    cost: 1,
    # the clocks, and the value of `messages` up to which all messages have really been sent
    batches: 0,
    messages: 0,
    sent: 0,
    # each subscriber that receives items, with its limit
    attached: %{},
    # of the attached ones: the limits of those that want a count; the limits of those that want :all; and those that
    # want :all and whose mailbox was full at its last check
    counts: Limits.new(),
    rooms: Limits.new(),
    full: %{},
    # the count of open syncs of each process (subscriber or not), and how many attached subscribers have an open sync
    syncing: %{},
    exempt: 0,
    # the detached subscribers, which receive nothing until they are attached again, and how many of them want :all
    lagging: %{},
    lagging_all: 0
  ]

  @spec new(pos_integer) :: t
  def new(mailbox), do: %__MODULE__{mailbox: mailbox}

  @doc "The subscribers that receive the next item. O(n), as is sending it."
  @spec attached(t) :: [pid]
  def attached(%__MODULE__{attached: attached}), do: Map.keys(attached)

  @doc "Those of them that want this. O(n)."
  @spec attached(t, :all | :count) :: [pid]
  def attached(%__MODULE__{attached: attached}, kind), do: for({pid, {^kind, _limit}} <- attached, do: pid)

  @doc "What an attached subscriber wants; nil for any other process."
  @spec kind(t, pid) :: nil | :all | :count
  def kind(%__MODULE__{attached: attached}, pid) do
    case attached do
      %{^pid => {kind, _limit}} -> kind
      _other -> nil
    end
  end

  @doc "Returns whether an attached subscriber may want a count. A subscriber with an open sync always counts as such."
  @spec any_count?(t) :: boolean
  def any_count?(%__MODULE__{} = subscribers), do: subscribers.exempt > 0 or counts?(subscribers)

  @doc "Whether a subscriber that receives items, and has no open sync, wants `:all`."
  @spec any_all?(t) :: boolean
  def any_all?(%__MODULE__{} = subscribers), do: subscribers.full != %{} or not Limits.empty?(subscribers.rooms)

  @doc "Whether a subscriber that receives items wants a count, and has no open sync."
  @spec counts?(t) :: boolean
  def counts?(%__MODULE__{counts: counts}), do: not Limits.empty?(counts)

  ## Changes

  @doc "Adds a subscriber, or changes what a subscriber wants. Attaches a lagging subscriber again."
  @spec put(t, pid, want) :: t
  def put(%__MODULE__{} = subscribers, pid, want) do
    enter(delete(subscribers, pid), pid, subscription(subscribers, want))
  end

  @spec delete(t, pid) :: t
  def delete(%__MODULE__{} = subscribers, pid) do
    case subscribers do
      %{attached: %{^pid => subscription}} -> leave(subscribers, pid, subscription)
      %{lagging: %{^pid => kind}} -> forget_lagging(subscribers, pid, kind)
      _other -> subscribers
    end
  end

  @doc "Allows a subscriber that wants a count `n` more batches. Attaches a lagging subscriber again."
  @spec ask(t, pid, pos_integer) :: {:ok, t} | {:error, :not_subscribed | :active}
  def ask(%__MODULE__{} = subscribers, pid, n) do
    case subscribers do
      %{attached: %{^pid => {:count, limit}}} -> {:ok, put(subscribers, pid, left(subscribers, limit) + n)}
      %{lagging: %{^pid => :count}} -> {:ok, put(subscribers, pid, n)}
      %{attached: %{^pid => _all}} -> {:error, :active}
      %{lagging: %{^pid => _all}} -> {:error, :active}
      _other -> {:error, :not_subscribed}
    end
  end

  # Batches sent beyond the limit during a sync do not count against the next ones that the subscriber asks for.
  defp left(subscribers, limit), do: max(limit - subscribers.batches, 0)

  @spec lagging?(t, pid) :: boolean
  def lagging?(%__MODULE__{lagging: lagging}, pid), do: is_map_key(lagging, pid)

  @doc "Attaches a lagging subscriber, so that it receives items again."
  @spec attach(t, pid) :: t
  def attach(%__MODULE__{lagging: lagging} = subscribers, pid) do
    case lagging do
      %{^pid => :all} -> put(subscribers, pid, :all)
      %{^pid => :count} -> put(subscribers, pid, 0)
      _attached -> subscribers
    end
  end

  @doc "Opens a sync of the process. Until `end_sync/2` the process is ready whenever it is attached."
  @spec begin_sync(t, pid) :: t
  def begin_sync(%__MODULE__{} = subscribers, pid) do
    refile(subscribers, pid, &Map.update(&1, pid, 1, fn count -> count + 1 end))
  end

  @spec end_sync(t, pid) :: t
  def end_sync(%__MODULE__{} = subscribers, pid) do
    refile(subscribers, pid, fn syncing ->
      case syncing do
        %{^pid => 1} -> Map.delete(syncing, pid)
        %{^pid => count} -> %{syncing | pid => count - 1}
      end
    end)
  end

  # The index that holds an attached subscriber depends on what it wants and on whether it has an open sync.
  defp refile(subscribers, pid, change) do
    case subscribers.attached do
      %{^pid => {kind, limit} = subscription} ->
        subscribers = leave(subscribers, pid, subscription)
        limit = if kind == :count, do: max(limit, subscribers.batches), else: limit
        enter(%{subscribers | syncing: change.(subscribers.syncing)}, pid, {kind, limit})

      _not_attached ->
        %{subscribers | syncing: change.(subscribers.syncing)}
    end
  end

  @doc "Advances the clocks for an item that is sent to all attached subscribers."
  @spec count(t, :events | :notice | :checkpoint) :: t
  def count(%__MODULE__{} = subscribers, :events) do
    %{subscribers | batches: subscribers.batches + 1, messages: subscribers.messages + 1}
  end

  def count(%__MODULE__{} = subscribers, kind) when kind in [:notice, :checkpoint],
    do: %{subscribers | messages: subscribers.messages + 1}

  @doc "Advances the clocks for batches that were sent to all attached subscribers."
  @spec passed(t, non_neg_integer) :: t
  def passed(%__MODULE__{} = subscribers, count),
    do: %{subscribers | batches: subscribers.batches + count, messages: subscribers.messages + count}

  @doc "Records that all counted messages have been sent, so that the length of a mailbox includes them from now on."
  @spec all_sent(t) :: t
  def all_sent(%__MODULE__{} = subscribers), do: %{subscribers | sent: subscribers.messages}

  ## Checks

  @doc "How many batches can be sent to all attached subscribers without a check of a mailbox; 0 if there is none."
  @spec room(t) :: non_neg_integer | :infinity
  def room(%__MODULE__{} = subscribers) do
    if subscribers.attached == %{} or slow?(subscribers),
      do: 0,
      else:
        min(Limits.left(subscribers.rooms, subscribers.messages), Limits.left(subscribers.counts, subscribers.batches))
  end

  @doc """
  Whether all attached subscribers are ready (`:ready`), or only some of them (`:contended`), or not one (`:all_slow`). `:none`: there
  is no attached subscriber. Stops at the first mailbox without room, so at most one of the checked mailboxes is full. The next item
  costs `cost` credits: it may be sent to a mailbox with so many times fewer messages.
  """
  @spec check(t, look, pos_integer) :: {:none | :ready | :contended | :all_slow, t}
  def check(%__MODULE__{} = subscribers, look, cost) do
    subscribers = subscribers |> set_cost(cost) |> check_mailboxes(look)

    cond do
      subscribers.attached == %{} -> {:none, subscribers}
      not slow?(subscribers) -> {:ready, subscribers}
      true -> who_waits(subscribers, look)
    end
  end

  # What is known about the room in the mailboxes does not hold for a batch that costs more.
  defp set_cost(%{cost: cost} = subscribers, cost), do: subscribers

  defp set_cost(subscribers, cost) when cost > subscribers.cost do
    Enum.reduce(Limits.pids(subscribers.rooms), %{subscribers | cost: cost}, &put(&2, &1, :all))
  end

  defp set_cost(subscribers, cost), do: %{subscribers | cost: cost}

  defp who_waits(subscribers, look) do
    case find_ready(subscribers, look) do
      {true, subscribers} -> {:contended, subscribers}
      {false, subscribers} -> {:all_slow, subscribers}
    end
  end

  defp slow?(subscribers) do
    subscribers.full != %{} or Limits.smallest(subscribers.counts) <= subscribers.batches
  end

  @doc "A subscriber that the last `check/3` found not to be ready; nil if there is none."
  @spec slow(t) :: nil | pid
  def slow(%__MODULE__{} = subscribers) do
    if Limits.smallest(subscribers.counts) <= subscribers.batches,
      do: Limits.first(subscribers.counts),
      else: List.first(Map.keys(subscribers.full))
  end

  # Checks mailboxes until one subscriber is found to be slow, or all are known to be ready.
  defp check_mailboxes(subscribers, look) do
    cond do
      Limits.smallest(subscribers.counts) <= subscribers.batches ->
        subscribers

      subscribers.full != %{} ->
        {pid, _value, _iterator} = subscribers.full |> :maps.iterator() |> :maps.next()
        subscribers = check_mailbox(subscribers, pid, look)
        if is_map_key(subscribers.full, pid), do: subscribers, else: check_mailboxes(subscribers, look)

      Limits.smallest(subscribers.rooms) <= subscribers.messages ->
        subscribers |> check_next(look) |> check_mailboxes(look)

      true ->
        subscribers
    end
  end

  # A subscriber that wants :all and has used up its known room is checked before it counts as slow.
  defp find_ready(subscribers, look) do
    cond do
      subscribers.exempt > 0 -> {true, subscribers}
      Limits.largest(subscribers.counts) > subscribers.batches -> {true, subscribers}
      Limits.largest(subscribers.rooms) > subscribers.messages -> {true, subscribers}
      Limits.empty?(subscribers.rooms) -> {false, subscribers}
      true -> subscribers |> check_next(look) |> find_ready(look)
    end
  end

  defp check_next(subscribers, look), do: check_mailbox(subscribers, Limits.first(subscribers.rooms), look)

  # Removes a dead subscriber; its :DOWN message is on the way to the watcher.
  defp check_mailbox(subscribers, pid, look) do
    subscribers = leave(subscribers, pid, subscribers.attached[pid])

    case look.(pid) do
      nil ->
        subscribers

      length ->
        room = max(div(subscribers.mailbox, subscribers.cost), 1)
        limit = subscribers.sent + room - length
        if limit > subscribers.messages, do: enter(subscribers, pid, {:all, limit}), else: enter_full(subscribers, pid)
    end
  end

  @doc "Lets the full mailboxes be checked again. O(n) in the number of full mailboxes."
  @spec recheck(t) :: t
  def recheck(%__MODULE__{full: full} = subscribers) when full == %{}, do: subscribers

  def recheck(%__MODULE__{full: full} = subscribers) do
    Enum.reduce(full, subscribers, fn {pid, []}, subscribers -> put(subscribers, pid, :all) end)
  end

  @doc "Whether the check of a mailbox could attach a lagging subscriber again or, in the given status, release an item."
  @spec recheck?(t, :clear | :no_subscriber | :contended | :all_slow) :: boolean
  def recheck?(%__MODULE__{} = subscribers, status) do
    subscribers.lagging_all > 0 or (status in [:contended, :all_slow] and subscribers.full != %{})
  end

  @doc "Detaches the subscribers that are not ready, if another one is ready; they lag from then on. O(n) in their number."
  @spec detach_slow(t, look) :: t
  def detach_slow(%__MODULE__{} = subscribers, look) do
    case find_ready(subscribers, look) do
      {true, subscribers} -> subscribers |> detach_counts() |> detach_rooms(look) |> detach_full()
      {false, subscribers} -> subscribers
    end
  end

  defp detach_counts(subscribers) do
    if Limits.smallest(subscribers.counts) <= subscribers.batches do
      subscribers |> detach(Limits.first(subscribers.counts)) |> detach_counts()
    else
      subscribers
    end
  end

  defp detach_rooms(subscribers, look) do
    if Limits.smallest(subscribers.rooms) <= subscribers.messages,
      do: subscribers |> check_next(look) |> detach_rooms(look),
      else: subscribers
  end

  defp detach_full(subscribers), do: Enum.reduce(Map.keys(subscribers.full), subscribers, &detach(&2, &1))

  defp detach(subscribers, pid) do
    {kind, _limit} = subscription = subscribers.attached[pid]
    subscribers = leave(subscribers, pid, subscription)
    all = if kind == :all, do: 1, else: 0

    %{subscribers | lagging: Map.put(subscribers.lagging, pid, kind), lagging_all: subscribers.lagging_all + all}
  end

  @doc """
  The lagging subscribers that want `:all` and whose mailbox is empty or nearly empty (at most an eighth of its limit). A subscriber
  with room for a few messages only would hold up the others again at once, and the mailbox of a process that receives other messages
  too may never be empty when it is checked. O(n) in the number of lagging subscribers.
  """
  @spec caught_up(t, look) :: [pid]
  def caught_up(%__MODULE__{lagging_all: 0}, _look), do: []

  def caught_up(%__MODULE__{} = subscribers, look) do
    for {pid, :all} <- subscribers.lagging, length = look.(pid), length <= div(subscribers.mailbox, 8), do: pid
  end

  ## Helpers

  defp subscription(subscribers, :all), do: {:all, subscribers.messages}
  defp subscription(subscribers, count), do: {:count, subscribers.batches + count}

  defp enter(subscribers, pid, {kind, limit} = subscription) do
    subscribers = %{subscribers | attached: Map.put(subscribers.attached, pid, subscription)}

    cond do
      is_map_key(subscribers.syncing, pid) -> %{subscribers | exempt: subscribers.exempt + 1}
      kind == :count -> %{subscribers | counts: Limits.add(subscribers.counts, pid, limit)}
      kind == :all -> %{subscribers | rooms: Limits.add(subscribers.rooms, pid, limit)}
    end
  end

  defp enter_full(subscribers, pid) do
    %{
      subscribers
      | attached: Map.put(subscribers.attached, pid, {:all, subscribers.messages}),
        full: Map.put(subscribers.full, pid, [])
    }
  end

  defp leave(subscribers, pid, {kind, limit}) do
    subscribers = %{subscribers | attached: Map.delete(subscribers.attached, pid)}

    cond do
      is_map_key(subscribers.syncing, pid) -> %{subscribers | exempt: subscribers.exempt - 1}
      is_map_key(subscribers.full, pid) -> %{subscribers | full: Map.delete(subscribers.full, pid)}
      kind == :count -> %{subscribers | counts: Limits.delete(subscribers.counts, pid, limit)}
      kind == :all -> %{subscribers | rooms: Limits.delete(subscribers.rooms, pid, limit)}
    end
  end

  defp forget_lagging(subscribers, pid, kind) do
    all = if kind == :all, do: 1, else: 0

    %{subscribers | lagging: Map.delete(subscribers.lagging, pid), lagging_all: subscribers.lagging_all - all}
  end
end
