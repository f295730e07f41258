defmodule Lookout.Runner.ScheduleTest do
  use ExUnit.Case, async: true

  alias Lookout.Runner.Schedule

  # What is done after each of the events.
  defp play(on_busy, events) do
    {actions, _schedule} = Enum.map_reduce(events, Schedule.new(on_busy), &apply(Schedule, &1, [&2]))
    actions
  end

  test "a change is settled before a run starts" do
    assert play(:queue, [:changed, :changed, :settled]) == [[:settle], [:settle], [:start]]
  end

  test ":queue: one run follows, however many changes there were" do
    events = [:changed, :settled, :changed, :settled, :changed, :settled, :finished, :finished]
    assert play(:queue, events) == [[:settle], [:start], [:settle], [], [:settle], [], [:start], []]
  end

  test ":restart: the run is stopped once, and another follows its end" do
    events = [:changed, :settled, :changed, :settled, :changed, :settled, :finished, :finished]
    assert play(:restart, events) == [[:settle], [:start], [:settle], [:stop], [:settle], [], [:start], []]
  end

  test ":ignore: a change during a run does nothing, one after it does" do
    events = [:changed, :settled, :changed, :finished, :changed, :settled]
    assert play(:ignore, events) == [[:settle], [:start], [], [], [:settle], [:start]]
  end

  test ":signal: the signal stands for the run" do
    events = [:changed, :settled, :changed, :settled, :finished, :changed, :settled]
    assert play(:signal, events) == [[:settle], [:start], [:settle], [:signal], [], [:settle], [:start]]
  end

  test "an end between a change and its quiet starts nothing before the quiet, and one run after it" do
    for on_busy <- [:queue, :restart, :signal] do
      assert [[:settle], [:start], [:settle], [], [:start]] =
               play(on_busy, [:changed, :settled, :changed, :finished, :settled])
    end
  end

  test "a demand starts a run at once, or after the one that goes on" do
    assert play(:queue, [:demand, :demand, :finished]) == [[:start], [], [:start]]
  end

  test "what is due again waits for the end of the run" do
    {_, schedule} = Schedule.demand(Schedule.new(:signal))
    assert {[:start], _} = schedule |> Schedule.again() |> Schedule.finished()
  end

  test "in any order of events no change is forgotten, and no two runs go on" do
    for on_busy <- [:queue, :restart, :ignore, :signal], seed <- 1..500 do
      :rand.seed(:exsss, seed)
      assert {:ok, _} = walk(Schedule.new(on_busy), %{running: false, waiting: false, seen: true}, 60)
    end
  end

  # `seen`: the last change was answered, by a run that started after it, or by a signal. In the end all is quiet.
  defp walk(schedule, world, 0) do
    {schedule, world} = if world.waiting, do: event(:settled, schedule, world), else: {schedule, world}
    {schedule, world} = if world.running, do: event(:finished, schedule, world), else: {schedule, world}
    {schedule, world} = if world.running, do: event(:finished, schedule, world), else: {schedule, world}
    assert world.seen or schedule.on_busy == :ignore
    refute world.running
    {:ok, schedule}
  end

  defp walk(schedule, world, left) do
    possible = [:changed] ++ if(world.waiting, do: [:settled], else: []) ++ if(world.running, do: [:finished], else: [])

    {schedule, world} = event(Enum.random(possible), schedule, world)
    walk(schedule, world, left - 1)
  end

  defp event(name, schedule, world) do
    {actions, schedule} = apply(Schedule, name, [schedule])

    world =
      case name do
        :changed -> %{world | seen: false}
        :settled -> %{world | waiting: false}
        :finished -> %{world | running: false}
      end

    {schedule, Enum.reduce(actions, world, &do_action/2)}
  end

  defp do_action(:settle, world), do: %{world | waiting: true}

  defp do_action(:start, world) do
    refute world.running
    %{world | running: true, seen: true}
  end

  defp do_action(:stop, world) do
    assert world.running
    world
  end

  defp do_action(:signal, world) do
    assert world.running
    %{world | seen: true}
  end
end
