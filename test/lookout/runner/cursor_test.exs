defmodule Lookout.Runner.CursorTest do
  use Lookout.RunnerCase, async: true

  alias Lookout.Runner

  defp resume!(context, options), do: start!(context, [cursor: context.dir <> "/cursor"] ++ options)

  # The paths of the next run, which then ends.
  defp ran(runner) do
    {_os_pid, paths} = started(runner)
    assert finished(runner) in [0, :ok]
    names(paths)
  end

  defp kill!(runner) do
    ref = Process.monitor(runner)
    Process.exit(runner, :kill)
    assert_receive {:DOWN, ^ref, :process, ^runner, :killed}, 10_000
  end

  defp coverage(runner), do: :sys.get_state(runner).coverage

  describe "P9: with a cursor" do
    test "what exists at the very first start, and what changes while no runner runs, starts a run", context do
      change!(context, "a")
      runner = resume!(context, command: ["true"])
      assert ran(runner) == ["a"]
      stop!(runner)

      change!(context, "b")
      runner = resume!(context, command: ["true"])
      assert ran(runner) == ["b"]
      stop!(runner)

      # Nothing has changed, so the next run is that of the next change.
      runner = resume!(context, command: ["true"])
      :ok = Lookout.sync(:sys.get_state(runner).watcher)
      change!(context, "c")
      assert ran(runner) == ["c"]
    end

    test "a run that was cut off is repeated, and one that has ended is not", context do
      me = self()

      blocks = fn paths ->
        send(me, {:paths, self(), names(paths)})
        receive(do: (:end -> :ok))
      end

      runner = resume!(context, run: blocks, checkpoint_every: 100)
      change!(context, "a")
      assert_receive {:paths, run, ["a"]}, 10_000
      # The cursor behind the change has arrived, and is not committed.
      eventually(fn -> coverage(runner).running end)
      kill!(runner)
      refute Process.alive?(run)

      runner = resume!(context, run: blocks, checkpoint_every: 100)
      assert_receive {:paths, run, ["a"]}, 10_000
      eventually(fn -> coverage(runner).running end)
      send(run, :end)
      assert finished(runner) == :ok
      assert coverage(runner).running == nil
      kill!(runner)

      runner = resume!(context, run: blocks)
      :ok = Lookout.sync(:sys.get_state(runner).watcher)
      change!(context, "b")
      assert_receive {:paths, run, ["b"]}, 10_000
      send(run, :end)
    end

    test "changes that no run was given yet are given to one after the next start", context do
      runner = resume!(context, command: ["true"], settle: 3_600_000, checkpoint_every: 100)
      change!(context, "a")
      eventually(fn -> coverage(runner).waiting end)
      stop!(runner)
      runner = resume!(context, command: ["./missing"])
      assert_receive {:lookout_runner, ^runner, {:failed, _error}}, 10_000
      stop!(runner)
      runner = resume!(context, command: ["true"])
      assert ran(runner) == ["a"]
    end

    test "a cursor that is lost is a notice, and a run with all that exists", context do
      runner = resume!(context, command: ["true"])
      change!(context, "a")
      assert ran(runner) == ["a"]
      stop!(runner)
      [snapshot] = Path.wildcard(context.dir <> "/cursor/snapshot-*")
      File.write!(snapshot, "x")
      options = [dirs: context.watched, cursor: context.dir <> "/cursor", command: ["true"]]
      assert {:error, %Lookout.Error{reason: :bad_snapshot}} = Runner.start_link(options)
      runner = resume!(context, command: ["true"], on_bad_cursor: :restart)
      assert_receive {:lookout_runner, ^runner, {:notice, {:cursor_lost, :bad_snapshot}}}, 10_000
      assert ran(runner) == ["a"]
    end
  end

  test "a runner does not commit for a watcher that others may have", context do
    options = [dirs: context.watched, cursor: context.dir <> "/cursor", checkpoint_every: 100]
    {:ok, watcher} = Lookout.start_link(options)
    runner_options = [watcher: watcher, command: ["true"], notify: self(), into: nil, settle: 0]
    {:ok, runner} = Runner.start_link(runner_options)
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    change!(context, "a")
    assert ran(runner) == ["a"]
    assert_receive {:lookout, ^watcher, {:checkpoint, _cursor}}, 10_000
    stop!(runner)
    refute File.exists?(context.dir <> "/cursor/committed")
    :ok = Lookout.stop(watcher)
  end

  test "the options of a cursor are checked" do
    assert_raise ArgumentError, ~r/:cursor is for a watcher of the runner's own/, fn ->
      Runner.start_link(watcher: :w, cursor: "c", command: ["true"])
    end

    assert_raise ArgumentError, ~r/needs the option :cursor/, fn ->
      Runner.start_link(dirs: "d", checkpoint_every: 1_000, command: ["true"])
    end
  end
end
