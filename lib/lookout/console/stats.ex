defmodule Lookout.Console.Stats do
  @moduledoc false
  # Formats the statistics of a watcher (`Lookout.info/2`) as a line. Pure. `Lookout.Console.Session` and `Since` call it.

  @spec line(map) :: binary
  def line(info) do
    "stats: #{count(info.events, "change", "changes")} in #{count(info.batches, "batch", "batches")}; " <>
      "#{tree(info)}, #{count(info.watches, "watch", "watches")}, " <>
      "#{count(info.overflows, "overflow", "overflows")}, #{count(info.restarts, "restart", "restarts")}; #{mebibytes(info.memory)}"
  end

  @doc "The numbers of directories and files in the tree."
  @spec tree(map) :: binary
  def tree(info), do: "#{count(info.directories, "directory", "directories")}, #{count(info.files, "file", "files")}"

  defp count(1, one, _many), do: "1 #{one}"
  defp count(n, _one, many), do: "#{n} #{many}"

  defp mebibytes(bytes), do: :erlang.float_to_binary(bytes / 1_048_576, decimals: 1) <> " MiB"
end
