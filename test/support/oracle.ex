defmodule Lookout.Oracle do
  @moduledoc false
  # What a consumer knows of the tree (a strict mirror), with what was told of each entry since the last comparison with the
  # disk. The marks move with the entries that are renamed.

  alias Lookout.{Event, Mirror}

  # notes: path => {what it was at the last comparison (nil: not there), what was told since}
  defstruct [:mirror, notes: %{}]

  @doc "From a listing of the watched `roots`."
  def new(roots, entries), do: %__MODULE__{mirror: Mirror.new(roots, entries)}

  @doc "After the events. Raises where one does not fit what is known (P2)."
  def replay(oracle, events) do
    %{oracle | mirror: Mirror.replay(oracle.mirror, events), notes: Enum.reduce(events, oracle.notes, &note/2)}
  end

  defp note(%Event{change: :created, path: path}, notes), do: Map.put(notes, path, {nil, [:created]})
  defp note(%Event{change: :deleted, path: path}, notes), do: Map.delete(notes, path)

  defp note(%Event{change: :renamed, from: from, path: path}, notes) do
    {moved, others} = Enum.split_with(notes, fn {each, _note} -> each == from or below?(each, from) end)
    Enum.reduce(moved, Map.new(others), fn {old, note}, notes -> Map.put(notes, path <> strip(old, from), note) end)
  end

  defp note(%Event{change: change, path: path}, notes) do
    {before, told} = Map.get(notes, path, {nil, []})
    Map.put(notes, path, {before, [change | told]})
  end

  defp below?(path, directory) do
    String.starts_with?(path, directory <> "/")
  end

  defp strip(path, prefix), do: binary_part(path, byte_size(prefix), byte_size(path) - byte_size(prefix))

  @doc """
  Compares with what is on disk. Returns the sentences that say what is wrong, and the oracle for what comes next.
  """
  def compare(oracle, disk) do
    wrong = replayed(Mirror.types(oracle.mirror), disk) ++ Enum.flat_map(disk, &untold(&1, oracle.notes))
    {wrong, %{oracle | notes: Map.new(disk, fn {path, entry} -> {path, {entry, []}} end)}}
  end

  # P2: the mirror holds what is on disk.
  defp replayed(types, disk) do
    on_disk = Map.new(disk, fn {path, entry} -> {path, entry.type} end)

    for(
      {path, type} <- types,
      on_disk[path] != type,
      do: "#{show(path)} was told as #{type}, is #{on_disk[path] || "gone"}"
    ) ++
      for {path, type} <- on_disk, not is_map_key(types, path), do: "#{show(path)} is a #{type} that was not told"
  end

  # P1: what differs from the last comparison was told since.
  defp untold({path, entry}, notes) do
    case notes do
      %{^path => {%{} = before, told}} ->
        for what <- differences(before, entry), not told?(what, entry, told), do: "#{show(path)}: untold #{what}"

      _new ->
        []
    end
  end

  defp differences(before, %{type: :directory} = entry) do
    for key <- [:identity, :mode], Map.fetch!(before, key) != Map.fetch!(entry, key), do: key
  end

  defp differences(before, entry) do
    for key <- [:identity, :size, :mtime, :mode], Map.fetch!(before, key) != Map.fetch!(entry, key), do: key
  end

  defp told?(what, %{type: type}, told) when what in [:identity, :size] and type != :directory, do: :modified in told
  defp told?(_what, _entry, told), do: told != []

  defp show(path), do: inspect(path, binaries: :as_strings, printable_limit: :infinity)
end
