defmodule Lookout.Support.PathsTest do
  use ExUnit.Case, async: true

  alias Lookout.Support.Paths

  test "a path is made absolute, without dots and doubled or trailing slashes" do
    assert Paths.expand("/a//b/./c/../d/") == {:ok, "/a/b/d"}
    assert Paths.expand("/../..") == {:ok, "/"}
    assert Paths.expand("x") == {:ok, Path.join(File.cwd!(), "x")}
  end

  test "the tilde is the home directory, but only as the first part" do
    home = System.user_home!()
    assert Paths.expand("~") == {:ok, home}
    assert Paths.expand("~/Desktop") == {:ok, home <> "/Desktop"}
    assert Paths.expand("/a/~") == {:ok, "/a/~"}
  end

  test "bytes that are no UTF-8 stay as they are" do
    assert Paths.expand(<<"/a/", 0xFF, 0xC3, "/b">>) == {:ok, <<"/a/", 0xFF, 0xC3, "/b">>}
  end

  test "a charlist is characters" do
    assert Paths.expand([?/, ?a, 0xE4, 0x20AC]) == {:ok, "/aä€"}
  end

  test "what is no path is refused" do
    for bad <- ["", "a\0b", [], [?/, 0], [?a | ?b], [-1], [0x110000], :a, nil, 1, ["a"], {1}] do
      assert Paths.expand(bad) == :error
    end
  end

  describe "portions for requests" do
    test "hold at most 4,096 paths each, in order" do
      assert Paths.portions([]) == [[]]
      assert Paths.portions(["/a", "/b"]) == [["/a", "/b"]]
      paths = for number <- 1..8_193, do: "/#{number}"
      portions = Paths.portions(paths)
      assert Enum.map(portions, &length/1) == [4_096, 4_096, 1]
      assert Enum.concat(portions) == paths
    end

    test "hold at most 1 MiB of paths each, so that a frame has room for the patterns too" do
      paths = for number <- 1..100, do: "/#{number}/" <> String.duplicate("x", 30_000)
      portions = Paths.portions(paths)
      assert Enum.concat(portions) == paths
      for portion <- portions, do: assert(IO.iodata_length(portion) in 1..1_048_576)
    end
  end
end
