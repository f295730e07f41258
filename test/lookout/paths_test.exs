defmodule Lookout.PathsTest do
  use ExUnit.Case, async: true

  alias Lookout.Paths

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
end
