defmodule Lookout.Console.Repository do
  @moduledoc false
  # Whether a path is within the work tree of a git repository. Only the names of directories are read, nothing is opened.

  @doc "Whether `.git` exists in the path or in a directory above it. A relative path begins at the current directory."
  @spec inside?(Path.t()) :: boolean
  def inside?(path), do: path |> Lookout.Options.path!() |> below?()

  defp below?("/"), do: repository?("/")
  defp below?(path), do: repository?(path) or below?(Path.dirname(path))

  # A directory, or a file in a linked work tree or a submodule.
  defp repository?(directory), do: match?({:ok, _stat}, File.lstat(Path.join(directory, ".git")))
end
