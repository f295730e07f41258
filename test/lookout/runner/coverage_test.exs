defmodule Lookout.Runner.CoverageTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Runner.{Changes, Coverage, Run}

  @none Changes.new()
  @some Changes.add(Changes.new(), [%Event{change: :created, type: :file, path: "/a"}])

  defp reported(coverage, cursor, place) do
    {nil, coverage} = Coverage.reported(coverage, cursor, place)
    coverage
  end

  test "changes wait for a run, are with the current one, or with those that have ended" do
    assert Coverage.place(nil, [@none, @none]) == :ended
    assert Coverage.place(%Run{}, [@none, @none]) == :running
    assert Coverage.place(%Run{}, [@none, @some]) == :waiting
    assert Coverage.place(nil, [Changes.unknown(@none), @none]) == :waiting
  end

  test "a cursor is committed at once where all runs have ended" do
    assert {"1", _coverage} = Coverage.reported(Coverage.new(), "1", :ended)
  end

  test "a cursor is committed when the run has ended that was given the changes before it" do
    waiting = reported(Coverage.new(), "1", :waiting)
    assert {nil, ^waiting} = Coverage.ended(waiting)
    assert {"1", coverage} = waiting |> Coverage.given() |> Coverage.ended()
    assert {nil, _coverage} = Coverage.ended(coverage)
    assert {"2", _coverage} = waiting |> Coverage.given() |> reported("2", :running) |> Coverage.ended()
  end

  test "a cursor behind changes that were made during the run is committed after the next one" do
    coverage = Coverage.new() |> reported("1", :running) |> reported("2", :waiting)
    assert {"1", coverage} = Coverage.ended(coverage)
    assert {"2", _coverage} = coverage |> Coverage.given() |> Coverage.ended()
  end

  test "a run that was stopped leaves its changes, and its cursor, to the next one" do
    coverage = Coverage.new() |> reported("1", :running) |> Coverage.returned()
    assert {nil, _coverage} = Coverage.ended(coverage)
    assert {"1", _coverage} = coverage |> Coverage.given() |> Coverage.ended()
    # Of two cursors the later one is committed, when all changes before it were given.
    coverage = Coverage.new() |> reported("1", :running) |> reported("2", :waiting) |> Coverage.returned()
    assert {"2", _coverage} = coverage |> Coverage.given() |> Coverage.ended()
  end

  test "a batch after the last cursor is not in it" do
    assert Coverage.new().current
    refute Coverage.changed(Coverage.new()).current
    assert {"1", %{current: true}} = Coverage.new() |> Coverage.changed() |> Coverage.reported("1", :ended)
  end
end
