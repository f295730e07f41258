defmodule Lookout.Runner.LoopTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Runner.{Changes, Loop}

  defp changes(paths),
    do: Changes.add(Changes.new(), for(path <- paths, do: %Event{change: :modified, type: :file, path: path}))

  # What each start of a run says, and the pause after it.
  defp follow(starts) do
    {followed, _loop} =
      Enum.map_reduce(starts, Loop.new(), fn {paths, own}, loop ->
        {verdict, loop} = Loop.started(loop, changes(paths), own)
        {{verdict, Loop.pause(loop)}, loop}
      end)

    followed
  end

  test "runs that start each other are reported once, with the paths that all of them have in common, and pause longer and longer" do
    starts = [{["/user"], false}] ++ for(n <- 1..8, do: {["/b", "/#{n}", "/a"], true})
    assert [_user, _1, _2, _3, _4, fifth, sixth, seventh, eighth] = followed = follow(starts)
    assert Enum.take(followed, 5) == List.duplicate({:ok, 0}, 5)
    assert fifth == {{:warn, ["/a", "/b"]}, 1_000}
    assert [sixth, seventh, eighth] == [{:ok, 2_000}, {:ok, 4_000}, {:ok, 8_000}]
  end

  test "the pause has a limit" do
    assert {_verdict, 60_000} = for(_ <- 1..50, do: {["/a"], true}) |> follow() |> List.last()
  end

  test "a change from outside ends it, and another loop is reported again" do
    loop = for(_ <- 1..5, do: {["/a"], true})
    assert [_, _, _, _, {{:warn, ["/a"]}, _}, {:ok, 0} | again] = follow(loop ++ [{["/a"], false}] ++ loop)
    assert List.last(again) == {{:warn, ["/a"]}, 1_000}
  end

  test "changes of other paths each time are no loop, nor are changes that are unknown" do
    assert Enum.all?(follow(for n <- 1..20, do: {["/#{n}"], true}), &(&1 == {:ok, 0}))
    {:ok, loop} = Loop.started(%Loop{count: 9, paths: MapSet.new(["/a"])}, Changes.unknown(Changes.new()), true)
    assert Loop.pause(loop) == 0
  end
end
