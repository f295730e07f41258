defmodule Lookout.Runner.Loop do
  @moduledoc false
  # Detects runs that start each other: several runs in a row, each of which was started by changes that were made
  # during the previous run, with at least one path in common. Pure. `Lookout.Runner.State` holds it (`loop`), and the server of
  # the runner calls it.

  alias Lookout.Runner.Changes

  # The number of runs in a row that counts as a loop. Fewer may come from a person who saves a file during each run.
  @suspicious 5
  # Milliseconds before the next run in a loop; the pause doubles with each further run.
  @first_pause 1_000
  @longest_pause 60_000
  # The most paths that a warning names.
  @named 10

  @type t :: %__MODULE__{count: non_neg_integer, paths: MapSet.t(binary)}

  # the number of runs in a row, and the paths that are common to the changes that started them
  defstruct count: 0, paths: MapSet.new()

  @spec new :: t
  def new, do: %__MODULE__{}

  @doc """
  Records that a run starts because of `changes`. `own`: all of them were made during the previous run. Returns `{:warn, paths}` once in
  each loop.
  """
  @spec started(t, Changes.t(), boolean) :: {:ok | {:warn, [binary]}, t}
  def started(%__MODULE__{} = loop, %Changes{known: true, places: places} = changes, true) when places != %{} do
    paths = changes |> Changes.paths() |> MapSet.new()
    common = MapSet.intersection(loop.paths, paths)

    if MapSet.size(common) > 0,
      do: warn(%{loop | count: loop.count + 1, paths: common}),
      else: {:ok, %{loop | count: 1, paths: paths}}
  end

  def started(%__MODULE__{}, _changes, _own), do: {:ok, new()}

  defp warn(%{count: @suspicious} = loop), do: {{:warn, loop.paths |> Enum.sort() |> Enum.take(@named)}, loop}
  defp warn(loop), do: {:ok, loop}

  @doc "Milliseconds that the next run has to wait, unless a change is made while nothing is running."
  @spec pause(t) :: non_neg_integer
  def pause(%__MODULE__{count: count}) when count < @suspicious, do: 0

  def pause(%__MODULE__{count: count}),
    do: min(@first_pause * Integer.pow(2, min(count - @suspicious, 16)), @longest_pause)

  @doc "The text of the warning in the log."
  @spec warning([binary]) :: binary
  def warning(paths) do
    shown = Enum.map_join(paths, ", ", &inspect(&1, binaries: :as_strings))

    "each of the last runs was started by changes that were made during the run before, of #{shown}; " <>
      "the next ones wait longer and longer. Ignore what a run writes, or use on_busy: :ignore"
  end
end
