defmodule Lookout.Runner.OwnChangesTest do
  use Lookout.RunnerCase, async: true

  # Starts a runner whose command writes into the watched directory, and returns when it has said so.
  defp looping(context, options) do
    script = "date >>#{context.watched}/own; date >>#{context.dir}/runs; "
    command = ["sh", "-c", script <> Keyword.get(options, :rest, "true")]
    runner = start!(context, [command: command, run_at_start: true] ++ Keyword.delete(options, :rest))
    assert_receive {:lookout_runner, ^runner, {:notice, {:self_triggered, paths}}}, 30_000
    {runner, paths}
  end

  defp starts(runner) do
    receive do
      {:lookout_runner, ^runner, {:started, _os_pid, paths}} -> [paths | starts(runner)]
    after
      0 -> []
    end
  end

  defp pausing(runner) do
    eventually(fn ->
      state = :sys.get_state(runner)
      if state.run == nil and state.schedule.settling, do: state
    end)
  end

  test "runs that start each other are reported once with their paths, and the next one waits", context do
    {runner, paths} = looping(context, [])
    assert paths == [context.watched <> "/own"]
    state = pausing(runner)
    assert Lookout.Runner.Loop.pause(state.loop) == 1_000
    # The first, and five that were started by the one before.
    assert length(starts(runner)) == 6

    # What the user changes does not wait.
    changed = change!(context, "by_user")
    {_os_pid, paths} = started(runner)
    assert changed in paths
    assert Lookout.Runner.Loop.pause(:sys.get_state(runner).loop) == 0
    refute_received {:lookout_runner, ^runner, {:notice, {:self_triggered, _paths}}}
    stop!(runner)
  end

  test "restarts that start each other are reported, and the next one waits", context do
    {runner, [_own]} = looping(context, on_busy: :restart, rest: "exec sleep 1000")

    state =
      eventually(fn ->
        state = :sys.get_state(runner)
        if state.since, do: state
      end)

    assert Lookout.Runner.Loop.pause(state.loop) == 1_000
    assert Process.read_timer(state.timers.running.settle) > state.options.max_settle
    stop!(runner)
  end

  test "signals that start each other are reported", context do
    rest = "trap 'date >>#{context.watched}/own' HUP; while :; do sleep 0.01; done"
    {runner, [_own]} = looping(context, on_busy: :signal, rest: rest)
    stop!(runner)
  end

  test "a file that is written in each run by somebody else is not reported where the runs are far apart", context do
    runner = start!(context, command: ["sleep", "1000"], on_busy: :restart, run_at_start: true)

    for _ <- 1..7 do
      started(runner)
      # As if the run were older than a start takes.
      :sys.replace_state(runner, &put_in(&1.run.since, &1.run.since - 10_000))
      File.write!(context.watched <> "/saved", "x")
    end

    assert Lookout.Runner.Loop.pause(:sys.get_state(runner).loop) == 0
    stop!(runner)
    refute_received {:lookout_runner, ^runner, {:notice, _notice}}
  end
end
