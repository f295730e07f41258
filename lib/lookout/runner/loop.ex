defmodule Lookout.Runner.Loop do
  @moduledoc false
  # Whether runs start each other: each of the last ones was started by changes of the same paths, made during the run before it. Pure.

  alias Lookout.Runner.Changes

  # So many runs in a row; fewer may be a person who saves a file during each run.
  @suspicious 5
  # Milliseconds before the next run, doubled for each further one.
  @first_pause 1_000
  @longest_pause 60_000
  # Paths that a warning names.
  @named 10

  @type t :: %__MODULE__{count: non_neg_integer, paths: MapSet.t(binary)}

  # the runs in a row, and the paths that all of them were started by
  defstruct count: 0, paths: MapSet.new()

  @spec new :: t
  def new, do: %__MODULE__{}

  @doc """
  A run starts because of these changes; `own` where all of them were made during the run before. `{:warn, paths}` once in each loop.
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

  @doc "Milliseconds that the next run waits, unless something else changes."
  @spec pause(t) :: non_neg_integer
  def pause(%__MODULE__{count: count}) when count < @suspicious, do: 0

  def pause(%__MODULE__{count: count}),
    do: min(@first_pause * Integer.pow(2, min(count - @suspicious, 16)), @longest_pause)

  @doc "What a log has of it."
  @spec warning([binary]) :: binary
  def warning(paths) do
    shown = Enum.map_join(paths, ", ", &inspect(&1, binaries: :as_strings))

    "each of the last runs was started by changes that were made during the run before, of #{shown}; " <>
      "the next ones wait longer and longer. Ignore what a run writes, or use on_busy: :ignore"
  end
end
