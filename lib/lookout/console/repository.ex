defmodule Lookout.Console.Repository do
  @moduledoc false
  # Checks whether a path is in the work tree of a git repository, with lstat(2) only; opens no file. It has no state;
  # `Lookout.Console.Session` calls it.

  @doc "Whether `.git` exists in the path or in a directory above it. A relative path is relative to the working directory."
  @spec inside?(Path.t()) :: boolean
  def inside?(path), do: path |> Lookout.Watcher.Options.path!() |> below?()

  defp below?("/"), do: repository?("/")
  defp below?(path), do: repository?(path) or below?(Path.dirname(path))

  # `.git` is a directory, or a file in a linked work tree or a submodule.
  defp repository?(directory), do: match?({:ok, _stat}, :file.read_link_info(Path.join(directory, ".git"), [:raw]))
end
