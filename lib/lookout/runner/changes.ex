defmodule Lookout.Runner.Changes do
  @moduledoc false
  # The changed paths that a run gets: each path once, in the order of the first change. The list is bounded. It becomes
  # unknown when it exceeds the bound, and when the watcher has missed changes. Pure. `Lookout.Runner.State` holds two of them
  # (`changes`, `returned`), and `Lookout.Runner.Run` those of the current run; the server of the runner changes them.

  alias Lookout.Event

  @most_paths 65_536
  @most_bytes 16 * 1024 * 1024

  @type t :: %__MODULE__{known: boolean, places: %{binary => non_neg_integer}, bytes: non_neg_integer}

  defstruct known: true, places: %{}, bytes: 0

  @spec new :: t
  def new, do: %__MODULE__{}

  @doc "Adds the paths of the events; for a rename the old and the new path."
  @spec add(t, [Event.t()]) :: t
  def add(%__MODULE__{} = changes, events), do: Enum.reduce(events, changes, &add_event/2)

  defp add_event(%Event{from: nil, path: path}, changes), do: add_path(changes, path)
  defp add_event(%Event{from: from, path: path}, changes), do: changes |> add_path(from) |> add_path(path)

  defp add_path(%{known: false} = changes, _path), do: changes
  defp add_path(%{places: places} = changes, path) when is_map_key(places, path), do: changes

  defp add_path(%{places: places, bytes: bytes} = changes, path) do
    if map_size(places) < @most_paths and bytes + byte_size(path) <= @most_bytes,
      do: %{changes | places: Map.put(places, path, map_size(places)), bytes: bytes + byte_size(path)},
      else: unknown(changes)
  end

  @doc "Whether nothing has changed."
  @spec none?(t) :: boolean
  def none?(%__MODULE__{known: known, places: places}), do: known and places == %{}

  @doc "How many paths there are; 0 if they are unknown."
  @spec count(t) :: non_neg_integer
  def count(%__MODULE__{places: places}), do: map_size(places)

  @doc "Makes the list unknown: any path may have changed."
  @spec unknown(t) :: t
  def unknown(%__MODULE__{}), do: %__MODULE__{known: false}

  @doc "The paths of both, those of `earlier` first. Unknown if one of them is unknown."
  @spec join(t, t) :: t
  def join(%__MODULE__{known: true} = earlier, %__MODULE__{known: true} = later) do
    later |> paths() |> Enum.reduce(earlier, &add_path(&2, &1))
  end

  def join(earlier, _later), do: unknown(earlier)

  @doc "The paths; an empty list if they are unknown."
  @spec paths(t) :: [binary]
  def paths(%__MODULE__{places: places}), do: places |> Enum.sort_by(&elem(&1, 1)) |> Enum.map(&elem(&1, 0))
end
