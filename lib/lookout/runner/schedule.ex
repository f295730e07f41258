defmodule Lookout.Runner.Schedule do
  @moduledoc false
  # State machine that decides when to start a run, and what to do with the current one. Pure: events in, actions out.
  # `Lookout.Runner.State` holds it (`schedule`); `Lookout.Runner.Server` calls it and performs the actions.
  #
  # A run is `due` from the end of the quiet time until it is started, or the current run is signalled. Only `step/1` starts,
  # stops or signals a run.

  @type on_busy :: :queue | :restart | :ignore | :signal
  @type action :: :settle | :start | :stop | :signal
  @type t :: %__MODULE__{
          on_busy: on_busy,
          run: :idle | :running | :stopping,
          due: boolean,
          settling: boolean
        }

  @enforce_keys [:on_busy]
  defstruct [:on_busy, run: :idle, due: false, settling: false]

  @spec new(on_busy) :: t
  def new(on_busy), do: %__MODULE__{on_busy: on_busy}

  @doc "Something has changed. The action `:settle`: restart the timer of the quiet time, and call `settled/1` when it fires."
  @spec changed(t) :: {[action], t}
  def changed(%__MODULE__{on_busy: :ignore, run: :running} = schedule), do: {[], schedule}
  def changed(%__MODULE__{} = schedule), do: {[:settle], %{schedule | settling: true}}

  @doc "The quiet time has passed without a change."
  @spec settled(t) :: {[action], t}
  def settled(%__MODULE__{} = schedule), do: step(%{schedule | settling: false, due: true})

  @doc "Delays the next run until the caller calls `settled/1`."
  @spec hold(t) :: t
  def hold(%__MODULE__{} = schedule), do: %{schedule | settling: true}

  @doc "Whether a run is due now or after the quiet time."
  @spec expected?(t) :: boolean
  def expected?(%__MODULE__{} = schedule), do: schedule.due or schedule.settling

  @doc "Makes a run due at once, without a change and without the quiet time."
  @spec demand(t) :: {[action], t}
  def demand(%__MODULE__{} = schedule), do: settled(schedule)

  @doc "Makes one more run due after the current one."
  @spec again(t) :: t
  def again(%__MODULE__{} = schedule), do: %{schedule | due: true}

  @doc "The run has ended, or could not be started."
  @spec finished(t) :: {[action], t}
  def finished(%__MODULE__{} = schedule), do: step(%{schedule | run: :idle})

  # The caller performs the actions `:start`, `:stop` and `:signal`, and calls `finished/1` after the run has ended.
  defp step(%{due: true, settling: false, run: :idle} = schedule),
    do: {[:start], %{schedule | due: false, run: :running}}

  defp step(%{due: true, settling: false, run: :running, on_busy: :restart} = schedule),
    do: {[:stop], %{schedule | run: :stopping}}

  defp step(%{due: true, settling: false, run: :running, on_busy: :signal} = schedule),
    do: {[:signal], %{schedule | due: false}}

  defp step(schedule), do: {[], schedule}
end
