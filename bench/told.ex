defmodule Lookout.Bench.Told do
  @moduledoc false
  # Which changes were missed: one rule for all watchers.
  #
  # A path counts where its existence, type, identity, size, mtime or mode (of a directory: existence, identity, mode)
  # differs between the two snapshots. It was missed unless the last that was told of it is what is true in the end. What
  # lies below a directory that was told as gone is told with it; a rename told with both names moves what was known below.

  @doc "A snapshot by lookout_walker: path => what of it counts."
  def snapshot!(program, root) do
    {output, 0} = System.cmd(program, [root])
    Map.new(entries(output))
  end

  defp entries(<<>>), do: []

  defp entries(
         <<type, device::64, inode::64, size::64, mtime::64, _ctime::64, mode::32, length::32,
           path::binary-size(length), rest::binary>>
       ) do
    content = if type == ?d, do: nil, else: {size, mtime}
    [{path, {type, device, inode, mode, content}} | entries(rest)]
  end

  @doc "The paths that differ, and those of them that were missed."
  def score(before, later, told) do
    changed = for path <- Map.keys(Map.merge(before, later)), before[path] != later[path], do: path
    known = Enum.reduce(told, Map.new(before, fn {path, _entry} -> {path, :untold} end), &apply_told/2)
    missed = Enum.reject(changed, &told?(&1, Map.has_key?(later, &1), known))
    %{changed: length(changed), missed: length(missed)}
  end

  defp apply_told({:moved, from, to}, known) do
    {moved, others} = Enum.split_with(known, fn {path, state} -> below?(path, from) and state != :gone end)
    known = Map.new(others) |> Map.put(from, :gone) |> Map.put(to, :present)

    Enum.reduce(moved, known, fn {path, _state}, known ->
      known
      |> Map.put(path, :gone)
      |> Map.put(to <> binary_part(path, byte_size(from), byte_size(path) - byte_size(from)), :present)
    end)
  end

  defp apply_told({state, path}, known), do: Map.put(known, path, state)

  defp below?(path, directory), do: String.starts_with?(path, directory <> "/")

  defp told?(path, true, known), do: known[path] in [:present, :unclear]
  defp told?(path, false, known), do: known[path] in [:gone, :unclear] or parent_gone?(path, known)

  defp parent_gone?(path, known) do
    case Path.dirname(path) do
      ^path -> false
      parent -> known[parent] in [:gone, :unclear] or parent_gone?(parent, known)
    end
  end
end
