defmodule Lookout.Command.State do
  @moduledoc false
  # The state of the GenServer of a command, and what its modules share: requests to `lookout_port`, errors, and the
  # name for the log. `Lookout.Command.Server` is the process that holds it; the modules of the command change it there.

  alias Lookout.Error
  alias Lookout.Command.{Journal, Options, OutputQueue, StdinQueue}
  alias Lookout.Port.Program
  alias Lookout.Support.{Discreet, StartHandshake, Timers}

  @behaviour Discreet

  # The window of each stream, in bytes (see `Lookout.Command.OutputQueue`).
  @window 262_144

  @typedoc "How the enumeration of the input failed: the arguments of `:erlang.raise/3`."
  @type raised :: {:error | :exit | :throw, term, list}

  @typedoc "The final message: how the command ended, as `lookout_port` reports it, or why it did not run to its end."
  @type last :: {:exit, 0..255 | {:signal, atom, pos_integer}} | {:error, Error.t()} | {:raised, raised}

  @type t :: %__MODULE__{
          options: Options.t(),
          start: StartHandshake.t(),
          program: Program.t(),
          flow: OutputQueue.t(),
          journal: Journal.t(),
          input: StdinQueue.t(),
          writers: %{reference => GenServer.from(), GenServer.from() => reference},
          feeder: nil | pid,
          raised: nil | raised,
          readiness: nil | pid,
          timers: Timers.t(),
          owner_ref: nil | reference,
          os_pid: nil | pos_integer,
          started_at: nil | integer,
          last: nil | last,
          grace: nil | non_neg_integer,
          killed: boolean,
          final_delivered: boolean,
          timed_out: boolean,
          awaiting: [GenServer.from() | {:stop, GenServer.from()}],
          next: nil | GenServer.from()
        }

  @enforce_keys [:options, :start, :program, :flow, :journal, :input]
  defstruct [
    :options,
    :start,
    :program,
    :flow,
    # receives the output if there is no owner, and standard error until the command is ready
    :journal,
    :input,
    # the monitors of the processes whose writes are queued: both the caller of a reference, and the reference of a caller
    writers: %{},
    # the process that enumerates the input, while it is running
    feeder: nil,
    # how the enumeration failed; the command is being ended because of that
    raised: nil,
    # the process that waits until the command is ready (:wait_for), while it is running
    readiness: nil,
    timers: Timers.new(:command),
    owner_ref: nil,
    os_pid: nil,
    # when the command was started (monotonic, native units); nil again after the telemetry event :stop
    started_at: nil,
    # the final message
    last: nil,
    # the shortest grace of the requested stops, and whether a process was still alive after it and was sent KILL
    grace: nil,
    killed: false,
    # whether the final message was delivered
    final_delivered: false,
    # whether the :timeout of run/2 has passed: the caller of `next` gets the queued items, and then the error
    timed_out: false,
    # the callers that wait for the exit, and the caller of `next`
    awaiting: [],
    next: nil
  ]

  @spec new(Options.t(), nil | pid) :: t
  def new(%Options{} = options, parent) do
    %__MODULE__{
      options: options,
      start: StartHandshake.new(parent),
      program: Program.new(options.limits, :run, options.node),
      flow: OutputQueue.new(@window, options.limits.mailbox, want(options)),
      journal: Journal.new(options.log_output),
      input: StdinQueue.new(if(input?(options), do: :open, else: :closed)),
      timers: Timers.start(Timers.new(:command), :run, options.timeout),
      owner_ref: options.owner && Process.monitor(options.owner)
    }
  end

  defp want(%{active: :pull}), do: {:messages, 0}
  defp want(%{owner: nil}), do: :all
  defp want(%{active: active}), do: active

  defp input?(options), do: options.request[:stdin] == :pipe or Keyword.has_key?(options.request, :pty)

  @doc "The initial credit of each stream, in bytes."
  @spec first_credit() :: pos_integer
  def first_credit, do: @window

  @doc "The number of messages in the mailbox of the owner."
  @spec mailbox(t) :: non_neg_integer
  def mailbox(%{options: %{owner: nil}}), do: 0

  def mailbox(%{options: %{owner: owner}}) do
    case Process.info(owner, :message_queue_len) do
      {:message_queue_len, length} -> length
      # The owner is dead; its :DOWN message is on the way.
      nil -> 0
    end
  end

  @doc "Sends a request to `lookout_port`; `kind` selects how its reply is handled."
  @spec request(t, term, (pos_integer -> tuple)) :: t
  def request(state, kind, build) do
    {_id, program} = Program.request(state.program, kind, :infinity, build)
    %{state | program: program}
  end

  @spec error(atom, atom, binary) :: Error.t()
  def error(reason, operation, detail), do: %Error{reason: reason, operation: operation, detail: detail}

  @doc "What logs show of it."
  @impl Discreet
  def summary(%__MODULE__{options: options, program: program} = state) do
    %{
      name: options.name,
      argv: Discreet.words(options.argv),
      node: options.node,
      owner: options.owner,
      phase: program.phase,
      os_pid: state.os_pid,
      last: Discreet.raised(state.last),
      writes: StdinQueue.count(state.input),
      output: OutputQueue.count(state.flow),
      awaiting: length(state.awaiting)
    }
  end

  @doc "The name of the command in the log."
  @spec label(t) :: binary
  def label(state), do: "Lookout.Command #{inspect(state.options.name || hd(state.options.argv))}"
end
