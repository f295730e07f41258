defmodule Lookout.Flow do
  @moduledoc false
  # Who is told what, and when. Pure: the watcher performs the actions and looks at the mailboxes.
  #
  # Batches the program may still send (`granted`) and batches held here (`held`) are together at
  # most `window`. The first item of the queue goes to all attached subscribers at the same time,
  # once all of them are ready; notices and markers keep their place among the batches.
  #
  # A subscriber that wants `:all` is ready while its mailbox is short, one that wants a count while
  # the count is not used up, and either while a sync of its own is under way. A lagging one is
  # detached: it is told nothing but `:lagged`, when it comes back.
  #
  # A look costs more than a message does, so one look serves for as many messages as there was
  # room for, as long as nothing else changes.

  alias Lookout.Event

  @type want :: :all | non_neg_integer
  @type subscriber :: %{want: want, lagging: boolean, syncs: non_neg_integer}
  @type item :: {:events, pos_integer, [Event.t()]} | {:notice, term} | {:marker, term}
  @type action :: {:tell, [pid], term} | {:reached, term}
  # Messages in the mailbox of a local process, nil when it is dead.
  @type look :: (pid -> nil | non_neg_integer)
  # `:all_slow`: nobody can be told. `:contended`: some wait for others.
  @type status :: :clear | :unheard | :all_slow | :contended

  @type t :: %__MODULE__{
          window: pos_integer,
          mailbox: pos_integer,
          granted: non_neg_integer,
          held: non_neg_integer,
          queue: :queue.queue(item),
          subscribers: %{pid => subscriber},
          room: non_neg_integer,
          ready: [pid],
          keep: boolean
        }

  @enforce_keys [:window, :mailbox]
  defstruct [
    :window,
    :mailbox,
    granted: 0,
    held: 0,
    queue: :queue.new(),
    subscribers: %{},
    # so many messages may go to all subscribers, who are these, without a look; 0 when that is not known
    room: 0,
    ready: [],
    keep: false
  ]

  @doc "With `keep`, nothing is discarded before the first subscriber has come."
  @spec new(pos_integer, pos_integer, boolean) :: t
  def new(window, mailbox, keep), do: %__MODULE__{window: window, mailbox: mailbox, keep: keep}

  ## Subscribers

  @doc "Adds a subscriber, or changes what one wants. A lagging one is back with that."
  @spec subscribe(t, pid, want) :: {[action], t}
  def subscribe(%__MODULE__{} = flow, pid, want) do
    case flow.subscribers do
      %{^pid => known} -> flow |> put(pid, %{known | want: want}) |> welcome(pid)
      _new -> {[], put(%{flow | keep: false}, pid, %{want: want, lagging: false, syncs: 0})}
    end
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(%__MODULE__{} = flow, pid) do
    %{flow | subscribers: Map.delete(flow.subscribers, pid), room: 0}
  end

  @spec subscribed?(t, pid) :: boolean
  def subscribed?(%__MODULE__{} = flow, pid), do: Map.has_key?(flow.subscribers, pid)

  @doc "Lets a subscriber that wants a count have `n` more batches."
  @spec ask(t, pid, pos_integer) :: {:ok, [action], t} | {:error, :not_subscribed | :active}
  def ask(%__MODULE__{} = flow, pid, n) do
    case flow.subscribers do
      %{^pid => %{want: :all}} ->
        {:error, :active}

      %{^pid => %{want: left} = subscriber} ->
        {actions, flow} = flow |> put(pid, %{subscriber | want: left + n}) |> welcome(pid)
        {:ok, actions, flow}

      _stranger ->
        {:error, :not_subscribed}
    end
  end

  @doc "From here to `end_sync/2` the subscriber counts as ready. No matter if `pid` is none."
  @spec begin_sync(t, pid) :: {[action], t}
  def begin_sync(%__MODULE__{} = flow, pid) do
    flow |> update(pid, &%{&1 | syncs: &1.syncs + 1}) |> welcome(pid)
  end

  @spec end_sync(t, pid) :: t
  def end_sync(%__MODULE__{} = flow, pid) do
    update(flow, pid, &%{&1 | syncs: max(&1.syncs - 1, 0)})
  end

  ## Items

  @doc "Puts an item into the queue; for a batch, credit must have been granted. An overflow that is waiting to be told need not be told twice."
  @spec push(t, item) :: t
  def push(%__MODULE__{} = flow, {:events, _seq, _events} = item) do
    %{flow | queue: :queue.in(item, flow.queue), held: flow.held + 1, granted: flow.granted - 1}
  end

  def push(%__MODULE__{} = flow, {:notice, {:overflow, _dir}} = item) do
    if waiting_after_batches?(flow.queue, item), do: flow, else: enqueue(flow, item)
  end

  def push(%__MODULE__{} = flow, item), do: enqueue(flow, item)

  @doc "Who gets a batch at once, past the queue: nothing waits, and all are known to have room."
  @spec pass(t, item) :: {:ok, [pid], t} | :queue
  def pass(%__MODULE__{room: room} = flow, {:events, _seq, _events}) when room > 0 do
    if :queue.is_empty(flow.queue),
      do: {:ok, flow.ready, %{flow | room: room - 1, granted: flow.granted - 1}},
      else: :queue
  end

  def pass(_flow, _item), do: :queue

  @doc "Hands out what can be handed out."
  @spec advance(t, look) :: {[action], status, t}
  def advance(%__MODULE__{} = flow, look) do
    {actions, status, flow} = advance(flow, look, [])
    {Enum.reverse(actions), status, flow}
  end

  defp advance(flow, look, actions) do
    case :queue.peek(flow.queue) do
      :empty -> {actions, :clear, flow}
      {:value, {:marker, marker}} -> advance(drop(flow), look, [{:reached, marker} | actions])
      {:value, item} -> hand_out(item, flow, look, actions)
    end
  end

  defp hand_out(_item, %{keep: true} = flow, _look, actions), do: {actions, :unheard, flow}

  defp hand_out(item, %{room: room} = flow, look, actions) when room > 0 do
    advance(%{drop(flow) | room: room - 1}, look, [{:tell, flow.ready, item} | actions])
  end

  defp hand_out(item, flow, look, actions) do
    case split(flow, after_these(look, actions)) do
      {[], [], _room} -> advance(drop(flow), look, actions)
      {ready, [], room} -> flow |> drop() |> told(item, ready, room) |> advance(look, [{:tell, ready, item} | actions])
      {[], _slow, _room} -> {actions, :all_slow, flow}
      {_ready, _slow, _room} -> {actions, :contended, flow}
    end
  end

  @doc "Detaches the slow while others are ready and something waits."
  @spec detach_slow(t, look) :: t
  def detach_slow(%__MODULE__{} = flow, look) do
    {ready, slow, _room} = split(flow, look)

    if ready == [] or :queue.is_empty(flow.queue),
      do: flow,
      else: Enum.reduce(slow, flow, fn pid, flow -> update(flow, pid, &%{&1 | lagging: true}) end)
  end

  @doc """
  Takes back the lagging that want `:all` and whose mailbox is empty, or nearly: one with room for a few messages only would hold up
  the others again at once, and one that others write to as well may never be seen with none.
  """
  @spec reattach(t, look) :: {[action], t}
  def reattach(%__MODULE__{room: room} = flow, _look) when room > 0, do: {[], flow}

  def reattach(%__MODULE__{} = flow, look) do
    back = for {pid, %{lagging: true, want: :all}} <- flow.subscribers, nearly_empty?(look.(pid), flow), do: pid

    Enum.flat_map_reduce(back, flow, fn pid, flow -> welcome(flow, pid) end)
  end

  @doc "Whether mailboxes must be looked at again for the queue, or for the lagging, to go on."
  @spec must_look?(t, status) :: boolean
  def must_look?(%__MODULE__{room: room}, _status) when room > 0, do: false

  def must_look?(%__MODULE__{} = flow, status) do
    Enum.any?(flow.subscribers, fn {_pid, subscriber} ->
      subscriber.want == :all and (subscriber.lagging or status in [:all_slow, :contended])
    end)
  end

  ## Credit

  @doc "The credit for a program that has just started."
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

  # The ready, the slow, and for how many messages the former need not be looked at again. Dead ones are in neither list: the
  # message of their death is on its way to the watcher.
  defp split(flow, look) do
    Enum.reduce(flow.subscribers, {[], [], flow.mailbox}, fn {pid, subscriber}, {ready, slow, room} ->
      case room(subscriber, pid, flow, look) do
        nil -> {ready, slow, 0}
        0 -> {ready, [pid | slow], 0}
        n -> {[pid | ready], slow, min(n, room)}
      end
    end)
  end

  # What has just been decided on is in no mailbox yet.
  defp after_these(look, []), do: look

  defp after_these(look, actions) do
    told = Enum.count(actions, &match?({:tell, _pids, _message}, &1))
    fn pid -> with length when is_integer(length) <- look.(pid), do: length + told end
  end

  # After one message, whoever has a count or a sync is to be asked about again.
  defp room(%{lagging: true}, _pid, _flow, _look), do: nil
  defp room(%{syncs: n}, _pid, _flow, _look) when n > 0, do: 1
  defp room(%{want: :all}, pid, flow, look), do: free(look.(pid), flow)
  defp room(%{want: left}, _pid, _flow, _look), do: min(left, 1)

  defp nearly_empty?(nil, _flow), do: false
  defp nearly_empty?(length, flow), do: length <= div(flow.mailbox, 8)

  defp free(nil, _flow), do: nil
  defp free(length, flow), do: max(flow.mailbox - length, 0)

  defp welcome(flow, pid) do
    case flow.subscribers do
      %{^pid => %{lagging: true} = subscriber} ->
        {[{:tell, [pid], {:notice, :lagged}}], put(flow, pid, %{subscriber | lagging: false})}

      _attached ->
        {[], flow}
    end
  end

  defp told(flow, item, ready, room), do: %{charge(flow, item, ready) | room: max(room - 1, 0), ready: ready}

  defp charge(flow, {:events, _seq, _events}, ready) do
    Enum.reduce(ready, flow, fn pid, flow -> update(flow, pid, &use_up/1) end)
  end

  defp charge(flow, _notice, _ready), do: flow

  defp use_up(%{want: left} = subscriber) when is_integer(left), do: %{subscriber | want: max(left - 1, 0)}
  defp use_up(subscriber), do: subscriber

  defp enqueue(flow, item), do: %{flow | queue: :queue.in(item, flow.queue)}

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

  defp put(flow, pid, subscriber), do: %{flow | subscribers: Map.put(flow.subscribers, pid, subscriber), room: 0}

  defp update(flow, pid, change) do
    case flow.subscribers do
      %{^pid => subscriber} -> put(flow, pid, change.(subscriber))
      _stranger -> flow
    end
  end
end
