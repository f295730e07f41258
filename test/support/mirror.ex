defmodule Lookout.Mirror do
  @moduledoc false
  # A tree kept by replaying events, strictly: an event that does not fit the tree raises. No look at the disk.

  alias Lookout.{Entry, Event}

  defstruct [:roots, types: %{}, children: %{}]

  @doc "The mirror of a listing of the watched `roots`."
  def new(roots, entries) do
    Enum.reduce(entries, %__MODULE__{roots: roots}, fn %Entry{} = entry, mirror ->
      add(mirror, entry.path, entry.type)
    end)
  end

  @doc "The mirror after the events."
  def replay(mirror, events), do: Enum.reduce(events, mirror, &step/2)

  @doc "The path and type of each entry."
  def types(mirror), do: mirror.types

  @doc "What is on disk below `root`, by `find`: path and type."
  def disk(root) do
    {output, 0} = System.cmd("find", [root, "-mindepth", "1", "-printf", "%y%p\\0"])

    for <<letter, path::binary>> <- :binary.split(output, <<0>>, [:global]), into: %{} do
      {path, type(letter)}
    end
  end

  defp type(?f), do: :file
  defp type(?d), do: :directory
  defp type(?l), do: :symlink
  defp type(_other), do: :other

  defp step(%Event{change: :created} = event, mirror), do: add(mirror, event.path, event.type, event)

  defp step(%Event{change: :deleted} = event, mirror) do
    known!(mirror, event.path, event)
    if children(mirror, event.path) != [], do: violation!("deleted with children", event)
    cut(mirror, event.path)
  end

  defp step(%Event{change: :renamed, from: from, path: path} = event, mirror) do
    known!(mirror, from, event)
    mirror = if is_map_key(mirror.types, path), do: replace(mirror, event), else: mirror
    mirror |> parent!(path, event) |> move(from, path)
  end

  defp step(%Event{} = event, mirror) do
    known!(mirror, event.path, event)
    mirror
  end

  defp add(mirror, path, type, event \\ nil) do
    if is_map_key(mirror.types, path), do: violation!("created twice", event || path)

    %{parent!(mirror, path, event || path) | types: Map.put(mirror.types, path, type)}
    |> link(path)
  end

  # As with rename(2), a file may be replaced, or a directory that is empty.
  defp replace(mirror, event) do
    if children(mirror, event.path) != [], do: violation!("renamed onto a directory with children", event)
    cut(mirror, event.path)
  end

  defp move(mirror, from, path) do
    type = mirror.types[from]
    below = children(mirror, from)
    moved = mirror |> cut(from) |> Map.update!(:types, &Map.put(&1, path, type)) |> link(path)

    Enum.reduce(below, moved, fn name, mirror -> move(mirror, from <> "/" <> name, path <> "/" <> name) end)
  end

  defp link(mirror, path) do
    {parent, name} = split(path)
    %{mirror | children: Map.update(mirror.children, parent, MapSet.new([name]), &MapSet.put(&1, name))}
  end

  defp cut(mirror, path) do
    {parent, name} = split(path)
    children = Map.update(mirror.children, parent, MapSet.new(), &MapSet.delete(&1, name))
    %{mirror | types: Map.delete(mirror.types, path), children: children}
  end

  defp children(mirror, path), do: mirror.children |> Map.get(path, MapSet.new()) |> MapSet.to_list()

  defp known!(%{types: types}, path, event) do
    case types do
      %{^path => type} when type == event.type -> :ok
      %{^path => type} -> violation!("known as #{type}", event)
      _unknown -> violation!("not known", event)
    end
  end

  # A root may be a single file, which has no parent in the mirror.
  defp parent!(mirror, path, event) do
    {parent, _name} = split(path)

    if parent in mirror.roots or path in mirror.roots or mirror.types[parent] == :directory,
      do: mirror,
      else: violation!("no such parent directory", event)
  end

  defp split(path) do
    {at, 1} = path |> :binary.matches("/") |> List.last()
    {binary_part(path, 0, at), binary_part(path, at + 1, byte_size(path) - at - 1)}
  end

  defp violation!(what, event) do
    raise "not replayable: #{what}: #{inspect(event, binaries: :as_strings, printable_limit: :infinity)}"
  end
end
