defmodule Lookout.Runner.ChangesTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Runner.Changes

  defp add(changes, paths), do: Changes.add(changes, for(path <- paths, do: event(path)))
  defp event({from, path}), do: %Event{change: :renamed, type: :file, path: path, from: from}
  defp event(path), do: %Event{change: :modified, type: :file, path: path}

  test "each path once, in the order of its first change; a rename gives both" do
    changes = Changes.new() |> add(["/b", "/a", {"/c", "/d"}]) |> add(["/a", "/e", "/b"])
    assert Changes.paths(changes) == ["/b", "/a", "/c", "/d", "/e"]
  end

  test "joined, the earlier ones come first" do
    earlier = add(Changes.new(), ["/b", "/a"])
    later = add(Changes.new(), ["/c", "/b"])
    assert Changes.paths(Changes.join(earlier, later)) == ["/b", "/a", "/c"]
  end

  test "joined with what is unknown, it is unknown" do
    known = add(Changes.new(), ["/a"])

    for joined <- [Changes.join(known, Changes.unknown(known)), Changes.join(Changes.unknown(known), known)] do
      refute joined.known
      assert Changes.paths(joined) == []
    end
  end

  test "P3: too many paths, or too long ones, are kept no longer" do
    many = for n <- 1..65_536, do: "/#{n}"
    assert length(Changes.paths(add(Changes.new(), many))) == 65_536
    refute add(Changes.new(), many ++ ["/one more"]).known

    long = for n <- 1..17, do: String.duplicate("#{rem(n, 10)}", 1024 * 1024 - 1) <> <<n>>
    assert add(Changes.new(), Enum.take(long, 16)).known
    refute add(Changes.new(), long).known
  end

  test "what is unknown stays so" do
    refute add(Changes.unknown(Changes.new()), ["/a"]).known
  end
end
