defmodule Lookout.Watcher.State do
  @moduledoc false
  # What the process of a watcher knows, and what its rooms share: handing out, asking the program, the name.

  alias Lookout.{Delivery, Options, Program, Start}

  @type t :: %__MODULE__{
          options: Options.t(),
          start: Start.t(),
          program: Program.t(),
          delivery: Delivery.t(),
          dirs: [binary],
          unwatched: [[binary]],
          seq: non_neg_integer,
          seq_base: non_neg_integer,
          was_live: boolean,
          successor: boolean,
          missing: [binary]
        }

  @watch_options ~w(recursive changes settle max_settle follow_symlinks await backend poll_interval gitignore ignore only)a

  @enforce_keys [:options, :start, :program, :delivery, :dirs]
  defstruct [
    :options,
    :start,
    :program,
    :delivery,
    # what is watched, in the order given
    :dirs,
    # what the program must still be told to watch, by so many requests
    unwatched: [],
    # of the last batch taken, and of the last one that the program's predecessors sent
    seq: 0,
    seq_base: 0,
    was_live: false,
    # the program is a successor that has not been announced
    successor: false,
    # the watched directories of which it was reported last that they do not exist
    missing: []
  ]

  @spec new(Options.t(), pid) :: t
  def new(%Options{} = options, parent) do
    %__MODULE__{
      options: options,
      start: Start.new(parent),
      program: Program.new(options.limits),
      delivery: Delivery.new(options),
      dirs: options.dirs
    }
  end

  @doc "Queues an item and hands out what can be handed out."
  @spec push(t, Lookout.Flow.item()) :: t
  def push(%__MODULE__{} = state, item), do: deliver(state, Delivery.push(state.delivery, item))

  @doc "Records a notice that is valid until another one replaces it."
  @spec note(t, Lookout.notice()) :: t
  def note(%__MODULE__{} = state, {:root_deleted, dir}), do: %{state | missing: Enum.uniq([dir | state.missing])}
  def note(%__MODULE__{} = state, {:root_created, dir}), do: %{state | missing: List.delete(state.missing, dir)}
  def note(%__MODULE__{} = state, _notice), do: state

  @doc "The notices that are valid now."
  @spec lasting(t) :: [Lookout.notice()]
  def lasting(%__MODULE__{} = state) do
    ready = if state.options.ready == :async and state.was_live, do: [:ready], else: []
    ready ++ Enum.map(state.missing, &{:root_deleted, &1})
  end

  @doc "Takes the delivery as it is now. What was delivered makes room for more."
  @spec deliver(t, Delivery.t()) :: t
  def deliver(%__MODULE__{} = state, delivery) do
    if Program.open?(state.program) do
      {credit, delivery} = Delivery.more_credit(delivery)
      %{state | delivery: delivery, program: Program.credit(state.program, credit)}
    else
      %{state | delivery: delivery}
    end
  end

  @doc "Asks the program; `kind` says what the answer is for."
  @spec request(t, Lookout.Requests.kind(), timeout, (Lookout.Protocol.id() -> tuple)) :: t
  def request(%__MODULE__{} = state, kind, timeout, build) do
    {_id, program} = Program.request(state.program, kind, timeout, build)
    %{state | program: program}
  end

  @doc "What the options say on each watch. `changes`, `settle`, `max_settle` and `poll_interval` are set for all of `lookout_port` by each."
  @spec watch_options(Options.t()) :: keyword
  def watch_options(%Options{} = options) do
    for {key, value} <- Map.take(options, @watch_options), value != nil, do: {key, value}
  end

  @doc "How the log names it."
  @spec label(t) :: binary
  def label(%__MODULE__{} = state), do: "Lookout #{inspect(state.options.name || self())}"
end
