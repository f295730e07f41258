defmodule Lookout.Runner.Coverage do
  @moduledoc false
  # Which cursor of the runner's own watcher may be committed (option `:cursor`): one before which every change was given
  # to a run that has ended. Pure. `Lookout.Runner.State` holds it (`coverage`), and the server of the runner calls it.

  alias Lookout.Runner.Changes

  @type cursor :: binary
  @typedoc "Where the changes are that came before a cursor, the last ones: with a run that has ended, with the current one, or with none yet."
  @type place :: :ended | :running | :waiting
  @type t :: %__MODULE__{running: nil | cursor, waiting: nil | cursor, current: boolean}

  defstruct [
    # the last cursor before which all changes are with the current run, or with runs that have ended
    :running,
    # the last cursor before which some changes are still to be given to a run
    :waiting,
    # whether no batch came after the last cursor
    current: true
  ]

  @spec new :: t
  def new, do: %__MODULE__{}

  @doc "Where the last changes are, by the current run (nil: none) and the changes that wait for a run."
  @spec place(nil | struct, [Changes.t()]) :: place
  def place(run, waiting) do
    cond do
      not Enum.all?(waiting, &Changes.none?/1) -> :waiting
      run -> :running
      true -> :ended
    end
  end

  @doc "A batch of changes has arrived."
  @spec changed(t) :: t
  def changed(%__MODULE__{} = coverage), do: %{coverage | current: false}

  @doc "A cursor has arrived. Returns the cursor to commit, or nil."
  @spec reported(t, cursor, place) :: {nil | cursor, t}
  def reported(%__MODULE__{} = coverage, cursor, place) do
    coverage = %{coverage | current: true}

    case place do
      :ended -> {cursor, coverage}
      :running -> {nil, %{coverage | running: cursor}}
      :waiting -> {nil, %{coverage | waiting: cursor}}
    end
  end

  @doc "All changes were given to the current run: it has started, or was sent a signal for them."
  @spec given(t) :: t
  def given(%__MODULE__{} = coverage),
    do: %{coverage | running: coverage.waiting || coverage.running, waiting: nil}

  @doc "The current run has ended. Returns the cursor to commit, or nil."
  @spec ended(t) :: {nil | cursor, t}
  def ended(%__MODULE__{} = coverage), do: {coverage.running, %{coverage | running: nil}}

  @doc "The changes of the current run wait for the next one."
  @spec returned(t) :: t
  def returned(%__MODULE__{} = coverage),
    do: %{coverage | running: nil, waiting: coverage.waiting || coverage.running}
end
