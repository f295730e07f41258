defmodule Lookout.Watcher.State do
  @moduledoc false
  # The state of the GenServer of a watcher, and what its modules share: delivery, requests to `lookout_port`, and the
  # name for the log. `Lookout.Watcher.Server` is the process that holds it; the modules of the watcher change it there.

  alias Lookout.Port.Program
  alias Lookout.Support.{Discreet, StartHandshake, Timers}
  alias Lookout.Watcher.{Cursor, Delivery, Options, RecentBatches}

  @behaviour Discreet

  @type t :: %__MODULE__{
          options: Options.t(),
          start: StartHandshake.t(),
          program: Program.t(),
          delivery: Delivery.t(),
          dirs: [binary],
          unwatched: [[binary]],
          seq: non_neg_integer,
          seq_base: non_neg_integer,
          was_live: boolean,
          successor: boolean,
          missing: MapSet.t(binary),
          away: nil | Lookout.Error.t(),
          epoch: non_neg_integer,
          replays: boolean,
          setting_up: boolean,
          recent: RecentBatches.t(),
          cursor: nil | Cursor.t(),
          cursor_timers: Timers.t()
        }

  @watch_options ~w(recursive changes settle max_settle follow_symlinks await backend poll_interval gitignore ignore only)a

  @enforce_keys [:options, :start, :program, :delivery, :dirs]
  defstruct [
    :options,
    :start,
    :program,
    :delivery,
    # the watched directories, in the order given
    :dirs,
    # the directories that are still to be sent to `lookout_port`, one list for each request
    unwatched: [],
    # the number of the last batch, and of the last batch from before the last restart of `lookout_port`, which counts
    # from 1 again
    seq: 0,
    seq_base: 0,
    was_live: false,
    # whether `lookout_port` was restarted and the notice :restarted is still to come
    successor: false,
    # the watched directories whose last notice was :root_deleted
    missing: MapSet.new(),
    # the error with which the session on the node ended, until the watches of the next one are live
    away: nil,
    # of a session with a name: what the number of a batch is added to, to name it to the node
    epoch: 0,
    # whether the node is sending batches of a resumed session again
    replays: false,
    # whether the watches of a new session with a name are not live yet: it is not to be resumed
    setting_up: false,
    # the last batches, for subscribers that continue
    recent: RecentBatches.new(),
    # with the option :cursor, once the start has begun; and the timer of the next automatic checkpoint
    cursor: nil,
    cursor_timers: Timers.new(:cursor)
  ]

  @spec new(Options.t(), pid) :: t
  def new(%Options{} = options, parent) do
    %__MODULE__{
      options: options,
      start: StartHandshake.new(parent),
      program: Program.new(options.limits, :watch, options.node, Options.session(options)),
      delivery: Delivery.new(options),
      dirs: options.dirs
    }
  end

  @doc "Queues an item and delivers what can be delivered."
  @spec push(t, Lookout.Watcher.SubscriberQueue.item()) :: t
  def push(%__MODULE__{} = state, item), do: deliver(state, Delivery.push(state.delivery, item))

  @doc "Records a notice that stays valid until another one revokes it."
  @spec note(t, Lookout.notice()) :: t
  def note(%__MODULE__{} = state, {:root_deleted, dir}), do: %{state | missing: MapSet.put(state.missing, dir)}
  def note(%__MODULE__{} = state, {:root_created, dir}), do: %{state | missing: MapSet.delete(state.missing, dir)}
  def note(%__MODULE__{} = state, _notice), do: state

  @doc "The recorded notices that are valid now."
  @spec lasting(t) :: [Lookout.notice()]
  def lasting(%__MODULE__{} = state) do
    ready = if state.options.ready == :async and state.was_live, do: [:ready], else: []
    away = if state.away, do: [{:away, state.options.node}], else: []
    ready ++ away ++ Enum.map(state.missing, &{:root_deleted, &1})
  end

  @doc "Stores the delivery in the state, and grants `lookout_port` the credit that has become free."
  @spec deliver(t, Delivery.t()) :: t
  def deliver(%__MODULE__{} = state, delivery) do
    if Program.open?(state.program) do
      {credit, delivery} = Delivery.more_credit(delivery)
      %{state | delivery: delivery, program: Program.credit(state.program, credit)}
    else
      %{state | delivery: delivery}
    end
  end

  @doc "Sends a request to `lookout_port`; `kind` selects how its reply is handled."
  @spec request(t, Lookout.Port.Requests.kind(), timeout, (Lookout.Port.Protocol.id() -> tuple)) :: t
  def request(%__MODULE__{} = state, kind, timeout, build) do
    {_id, program} = Program.request(state.program, kind, timeout, build)
    %{state | program: program}
  end

  @doc """
  The options that each watch request carries. `changes`, `settle`, `max_settle` and `poll_interval` of a request take effect for all
  watches of `lookout_port`.
  """
  @spec watch_options(Options.t()) :: keyword
  def watch_options(%Options{} = options) do
    for {key, value} <- Map.take(options, @watch_options), value != nil, do: {key, value}
  end

  @doc "What logs show of it."
  @impl Discreet
  def summary(%__MODULE__{program: program} = state) do
    %{
      name: state.options.name,
      dirs: Discreet.words(state.dirs),
      node: state.options.node,
      phase: program.phase,
      os_pid: program.bridge && program.bridge.os_pid,
      seq: state.seq,
      subscribers: Delivery.count(state.delivery),
      held: Delivery.held(state.delivery),
      restarts: program.restarts
    }
  end

  @doc "The name of the watcher in the log."
  @spec label(t) :: binary
  def label(%__MODULE__{} = state), do: "Lookout #{inspect(state.options.name || self())}"
end
