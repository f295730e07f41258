defmodule Lookout.Command.State do
  @moduledoc false
  # What the process of a command knows, and what its rooms share: asking the program, errors, the name.

  alias Lookout.{Error, Program, Start, Timers}
  alias Lookout.Command.{Flow, Input, Journal, Options}

  # Bytes of each stream that are on their way, held here or being written.
  @window 262_144

  @typedoc "Why the enumeration of the input ended: what `:erlang.raise/3` takes."
  @type raised :: {:error | :exit | :throw, term, list}

  @typedoc "How the command ended, as the program says it; or why it did not run to its end."
  @type last :: {:exit, 0..255 | {:signal, atom, pos_integer}} | {:error, Error.t()} | {:raised, raised}

  @type t :: %__MODULE__{
          options: Options.t(),
          start: Start.t(),
          program: Program.t(),
          flow: Flow.t(),
          journal: Journal.t(),
          input: Input.t(),
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
          told: boolean,
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
    # takes the output where there is no owner
    :journal,
    :input,
    # the process that enumerates the input, while it does
    feeder: nil,
    # how that failed: the command is being ended for it
    raised: nil,
    # the process that waits until the command is ready (wait_for), while it does
    readiness: nil,
    timers: Timers.new(:command),
    owner_ref: nil,
    os_pid: nil,
    # when it was started, in native units, until its end has been reported to :telemetry
    started_at: nil,
    # the last word
    last: nil,
    # the shortest grace of the stops that were asked for, and whether a process was left after it and killed
    grace: nil,
    killed: false,
    # whether that was handed out
    told: false,
    # whether the time of run/2 is up: who pulls gets what is held here, and then the error
    timed_out: false,
    # those that wait for the exit, and for a call of `next`
    awaiting: [],
    next: nil
  ]

  @spec new(Options.t(), nil | pid) :: t
  def new(%Options{} = options, parent) do
    %__MODULE__{
      options: options,
      start: Start.new(parent),
      program: Program.new(options.limits, :run),
      flow: Flow.new(@window, options.limits.mailbox, want(options)),
      journal: Journal.new(options.log_output),
      input: Input.new(if(input?(options), do: :open, else: :closed)),
      timers: Timers.start(Timers.new(:command), :run, options.timeout),
      owner_ref: options.owner && Process.monitor(options.owner)
    }
  end

  defp want(%{active: :pull}), do: {:messages, 0}
  defp want(%{owner: nil}), do: :all
  defp want(%{active: active}), do: active

  defp input?(options), do: options.request[:stdin] == :pipe or Keyword.has_key?(options.request, :pty)

  @doc "The credit that each stream begins with."
  @spec first_credit() :: pos_integer
  def first_credit, do: @window

  @doc "Messages in the mailbox of the owner."
  @spec mailbox(t) :: non_neg_integer
  def mailbox(%{options: %{owner: nil}}), do: 0

  def mailbox(%{options: %{owner: owner}}) do
    case Process.info(owner, :message_queue_len) do
      {:message_queue_len, length} -> length
      # Dead: the message of it is on its way.
      nil -> 0
    end
  end

  @doc "Asks the program; `kind` comes back with its answer."
  @spec request(t, term, (pos_integer -> tuple)) :: t
  def request(state, kind, build) do
    {_id, program} = Program.request(state.program, kind, :infinity, build)
    %{state | program: program}
  end

  @spec error(atom, atom, binary) :: Error.t()
  def error(reason, operation, detail), do: %Error{reason: reason, operation: operation, detail: detail}

  @doc "As it is called in a log."
  @spec label(t) :: binary
  def label(state), do: "Lookout.Command #{inspect(state.options.name || hd(state.options.argv))}"
end
