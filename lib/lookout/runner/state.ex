defmodule Lookout.Runner.State do
  @moduledoc false
  # The state of the GenServer of a runner, and its name for the log. `Lookout.Runner.Server` is the process that holds it, and
  # changes it.

  alias Lookout.Runner.{Changes, Coverage, Loop, Options, Run, Schedule}
  alias Lookout.Support.{Discreet, StartHandshake, Timers}

  @behaviour Discreet

  @type t :: %__MODULE__{
          options: Options.t(),
          start: StartHandshake.t(),
          schedule: Schedule.t(),
          changes: Changes.t(),
          returned: Changes.t(),
          outside: boolean,
          coverage: Coverage.t(),
          loop: Loop.t(),
          timers: Timers.t(),
          since: nil | integer,
          watcher: nil | pid,
          watcher_ref: nil | reference,
          stopped: nil | {:reason, term},
          run: nil | %Run{}
        }

  @enforce_keys [:options, :start, :schedule]
  defstruct [
    :options,
    :start,
    :schedule,
    changes: Changes.new(),
    # the changes given to a run that did not complete; the next run gets them too, but they are not its cause
    returned: Changes.new(),
    # whether some of `changes` were not made by a run itself
    outside: false,
    # which cursor may be committed
    coverage: Coverage.new(),
    loop: Loop.new(),
    timers: Timers.new(:runner),
    # when the first change of the current quiet time arrived (monotonic milliseconds)
    since: nil,
    watcher: nil,
    watcher_ref: nil,
    # {:reason, reason} after the watcher has sent its final message
    stopped: nil,
    run: nil
  ]

  @spec new(Options.t(), nil | pid) :: t
  def new(%Options{} = options, parent) do
    %__MODULE__{options: options, start: StartHandshake.new(parent), schedule: Schedule.new(options.on_busy)}
  end

  @doc "What logs show of it."
  @impl Discreet
  def summary(%__MODULE__{options: options} = state) do
    %{
      name: options.name,
      task: task(options.task),
      dirs: dirs(options.watcher),
      watcher: state.watcher,
      on_busy: options.on_busy,
      command: state.run && state.run.command,
      running: state.run != nil,
      changes: Changes.count(state.changes) + Changes.count(state.returned)
    }
  end

  defp task({:command, {argv, _options}}), do: argv |> List.wrap() |> Discreet.words()
  defp task({:function, function}), do: function

  defp dirs({:own, options}), do: Discreet.words(options.dirs)
  defp dirs({:named, _watcher}), do: nil

  @doc "The name of the runner in the log."
  @spec label(t) :: binary
  def label(%__MODULE__{} = state), do: "Lookout.Runner #{inspect(state.options.name || self())}"
end
