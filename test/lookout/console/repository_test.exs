defmodule Lookout.Console.RepositoryTest do
  use Lookout.Case, async: true

  alias Lookout.Console.Repository

  test "a path is inside where it, or a directory above it, has .git, be it a directory or a file", %{dir: dir} do
    refute Repository.inside?(dir)
    File.mkdir_p!(Path.join(dir, "a/b"))
    File.mkdir!(Path.join(dir, "a/.git"))
    File.mkdir!(Path.join(dir, "tree"))
    File.write!(Path.join(dir, "tree/.git"), "gitdir: /elsewhere\n")

    for inside <- ["a", "a/b", "a/b/missing", "tree"], do: assert(Repository.inside?(Path.join(dir, inside)))
    refute Repository.inside?(dir)
  end

  test "names are bytes", %{dir: dir} do
    refute Repository.inside?(dir <> "/" <> <<0xFF>>)
  end
end
