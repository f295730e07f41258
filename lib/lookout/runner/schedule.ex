defmodule Lookout.Runner.Schedule do
  @moduledoc false
  # When to run, and what to do about a run that is going on. Pure: events in, actions out.
  #
  # A run is `due` from the end of the quiet time on until it is started; one place, `step/1`, decides what comes next, so
  # that it does not matter in which order a change and an end become known.

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

  @doc "Something has changed. `:settle`: wait for quiet, anew, and call `settled/1`."
  @spec changed(t) :: {[action], t}
  def changed(%__MODULE__{on_busy: :ignore, run: :running} = schedule), do: {[], schedule}
  def changed(%__MODULE__{} = schedule), do: {[:settle], %{schedule | settling: true}}

  @doc "It is quiet."
  @spec settled(t) :: {[action], t}
  def settled(%__MODULE__{} = schedule), do: step(%{schedule | settling: false, due: true})

  @doc "A run that is due, or will be, waits: call `settled/1`."
  @spec hold(t) :: t
  def hold(%__MODULE__{} = schedule), do: %{schedule | settling: true}

  @doc "Whether a run is due, or will be when it is quiet."
  @spec expected?(t) :: boolean
  def expected?(%__MODULE__{} = schedule), do: schedule.due or schedule.settling

  @doc "A run is due whatever has changed, and waits for no quiet."
  @spec demand(t) :: {[action], t}
  def demand(%__MODULE__{} = schedule), do: settled(schedule)

  @doc "One more run is due when the one that goes on has ended."
  @spec again(t) :: t
  def again(%__MODULE__{} = schedule), do: %{schedule | due: true}

  @doc "The run has ended, or could not be started."
  @spec finished(t) :: {[action], t}
  def finished(%__MODULE__{} = schedule), do: step(%{schedule | run: :idle})

  # `:start`, `:stop` (then `finished/1` follows) and `:signal` are for the caller to do.
  defp step(%{due: true, settling: false, run: :idle} = schedule),
    do: {[:start], %{schedule | due: false, run: :running}}

  defp step(%{due: true, settling: false, run: :running, on_busy: :restart} = schedule),
    do: {[:stop], %{schedule | run: :stopping}}

  defp step(%{due: true, settling: false, run: :running, on_busy: :signal} = schedule),
    do: {[:signal], %{schedule | due: false}}

  defp step(schedule), do: {[], schedule}
end
