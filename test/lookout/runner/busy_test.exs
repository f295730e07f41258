defmodule Lookout.Runner.BusyTest do
  use Lookout.RunnerCase, async: true

  describe "on_busy" do
    test ":queue: one more run follows, with what has changed meanwhile", context do
      runner = start!(context, command: ["sh", "-c", gate(context, "go")])
      change!(context, "a")
      started(runner)
      change!(context, "b")
      assert waiting(runner) == ["b"]
      change!(context, "c")
      assert waiting(runner) == ["b", "c"]
      open(context, "go")
      assert finished(runner) == 0
      {_os_pid, paths} = started(runner)
      assert names(paths) == ["b", "c"]
      assert finished(runner) == 0
    end

    test ":restart: the whole tree of a deaf command is ended, and the next run is told its paths too", context do
      command =
        "trap '' TERM; (setsid sh -c 'trap \"\" TERM; echo $$ >#{context.dir}/orphan; sleep 1000' &); sleep 1000; sleep 1000"

      runner = start!(context, command: command, shell: true, on_busy: :restart, grace: 50)
      change!(context, "a")
      {first, _paths} = started(runner)
      orphan = eventually(fn -> orphan(context) end)
      change!(context, "b")
      assert finished(runner) == {:signal, :kill}
      assert gone?(first)
      assert gone?(orphan)
      {_second, paths} = started(runner)
      assert names(paths) == ["a", "b"]
    end

    test ":restart: each change starts one run, whose cause are the paths changed since the run before", context do
      runner = start!(context, command: ["sleep", "1000"], on_busy: :restart, run_at_start: true)
      assert_receive {:lookout_runner, ^runner, {:cause, []}}, 10_000
      assert {_os_pid, []} = started(runner)

      for {changed, told} <- [{"a", ["a"]}, {"b", ["a", "b"]}, {"a", ["a", "b"]}] do
        File.write!(Path.join(context.watched, changed), told)
        assert_receive {:lookout_runner, ^runner, {:cause, paths}}, 10_000
        assert names(paths) == [changed]
        assert {_os_pid, paths} = started(runner)
        assert names(paths) == told
      end

      # Nothing is left that could start another one.
      assert waiting(runner) == []
      refute Lookout.Runner.Schedule.expected?(:sys.get_state(runner).schedule)
      refute_received {:lookout_runner, ^runner, {:started, _os_pid, _paths}}
    end

    test ":restart: many changes in a row never leave two commands, or none", context do
      command =
        "trap 'rm -f #{context.dir}/lock; exit 0' TERM; (set -C; echo >#{context.dir}/lock) || exit 9; while :; do sleep 0.01; done"

      runner = start!(context, command: command, shell: true, on_busy: :restart)

      for n <- 1..40 do
        change!(context, "#{n}")
        Process.sleep(:rand.uniform(20))
      end

      # The last run has been told of the last change, and all before it have ended.
      assert "40" in eventually(fn -> last_told(runner, []) end)
      refute 9 in statuses(runner)
    end

    test ":restart: a run that is killed when it has just told its end does not harm the runner", context do
      runner = start!(context, run: fn _paths -> Process.sleep(:infinity) end, on_busy: :restart, run_at_start: true)
      started(runner)
      %{run: %{pid: run}} = :sys.get_state(runner)
      ref = Process.monitor(run)
      send(runner, {:run, run, {:ended, :ok}})
      assert finished(runner) == :ok
      Process.exit(run, :kill)
      assert_receive {:DOWN, ^ref, :process, ^run, :killed}
      assert %{run: nil} = :sys.get_state(runner)
    end

    test ":ignore: nothing starts for changes during a run, and the next run is told of them", context do
      runner = start!(context, command: ["sh", "-c", gate(context, "go")], on_busy: :ignore)
      change!(context, "a")
      started(runner)
      change!(context, "b")
      assert waiting(runner) == ["b"]
      open(context, "go")
      assert finished(runner) == 0
      # Had a run been due, it would have started with that end.
      assert :sys.get_state(runner).run == nil
      change!(context, "c")
      {_os_pid, paths} = started(runner)
      assert names(paths) == ["b", "c"]
    end

    test ":ignore: what a run changes itself does not start another, of a command or of a function", context do
      for {name, task} <- [
            {"a", [command: ["sh", "-c", "echo x >>#{context.watched}/file"]]},
            {"b", [run: fn _paths -> File.write!(context.watched <> "/file", "y", [:append]) end]}
          ] do
        runner = start!(context, [on_busy: :ignore] ++ task)
        change!(context, name)
        started(runner)
        assert finished(runner) in [0, :ok]
        assert waiting(runner) == ["file"]
        assert %{run: nil, schedule: %{settling: false, due: false}} = :sys.get_state(runner)
        stop!(runner)
      end
    end

    test ":signal: the running command gets it", context do
      command = "trap 'echo hup >>#{context.dir}/hups' HUP; : >#{context.dir}/ready; while :; do sleep 0.01; done"
      runner = start!(context, command: command, shell: true, on_busy: :signal)
      change!(context, "a")
      {os_pid, _paths} = started(runner)
      eventually(fn -> File.exists?(Path.join(context.dir, "ready")) end)
      change!(context, "b")
      eventually(fn -> File.exists?(Path.join(context.dir, "hups")) end)
      refute gone?(os_pid)
      refute_received {:lookout_runner, _, {:finished, _}}
      assert :sys.get_state(runner).changes == Lookout.Runner.Changes.new()
    end

    for {signal, name} <- [{:usr1, :usr1}, {37, :rtmin_3}] do
      test ":signal: a command that dies of #{signal} runs again, with what has changed", context do
        runner = start!(context, command: ["sleep", "1000"], on_busy: :signal, signal: unquote(signal))
        change!(context, "a")
        started(runner)
        change!(context, "b")
        assert finished(runner) == {:signal, unquote(name)}
        {_os_pid, paths} = started(runner)
        assert names(paths) == ["b"]
      end
    end

    test ":signal: a launch that fails is tried again at once where the signal is due", context do
      program = Path.join(context.dir, "program")

      # The first launch waits for the gate, and finds no program; the second one finds it.
      env = fn ->
        cond do
          File.exists?(Path.join(context.dir, "go")) ->
            File.cp!("/bin/true", program)

          File.exists?(Path.join(context.dir, "wait")) ->
            eventually(fn -> File.exists?(Path.join(context.dir, "go")) end)

          true ->
            :ok
        end

        []
      end

      runner = start!(context, command: [program], env: env, on_busy: :signal)
      open(context, "wait")
      change!(context, "a")
      eventually(fn -> match?(%{run: %{launched: false}}, :sys.get_state(runner)) end)
      change!(context, "b")
      eventually(fn -> match?(%{run: %{asked: :signal}}, :sys.get_state(runner)) end)
      open(context, "go")
      assert_receive {:lookout_runner, ^runner, {:failed, %Lookout.Error{reason: :enoent}}}, 10_000
      {_os_pid, paths} = started(runner)
      assert names(paths) == ["a", "b"]
    end

    test "changes at the moment of an end are told to a run, in every mode but :ignore", context do
      for on_busy <- [:queue, :restart, :signal] do
        runner = start!(context, command: ["true"], on_busy: on_busy)

        told =
          for n <- 1..30, reduce: [] do
            told ->
              change!(context, "#{on_busy}-#{n}")
              told_until(runner, told, :finished)
          end

        told = told_until(runner, told, "#{on_busy}-30")
        assert Enum.sort(Enum.uniq(told)) == Enum.sort(for n <- 1..30, do: "#{on_busy}-#{n}")
        stop!(runner)
      end
    end
  end

  defp orphan(context) do
    case File.read(Path.join(context.dir, "orphan")) do
      {:ok, pid} when pid != "" -> String.trim(pid)
      _not_yet -> nil
    end
  end

  defp last_told(runner, last) do
    receive do
      {:lookout_runner, ^runner, {:started, _os_pid, paths}} -> last_told(runner, paths)
    after
      0 -> if Enum.any?(last, &(Path.basename(&1) == "40")), do: Enum.map(last, &Path.basename/1)
    end
  end

  defp statuses(runner) do
    receive do
      {:lookout_runner, ^runner, {:finished, status}} -> [status | statuses(runner)]
    after
      0 -> []
    end
  end

  # The names that the runs are told, until one has finished, or until `name` has been told.
  defp told_until(runner, told, until) do
    if until in told do
      told
    else
      receive do
        {:lookout_runner, ^runner, {:started, _os_pid, paths}} -> told_until(runner, told ++ names(paths), until)
        {:lookout_runner, ^runner, {:finished, _status}} when until == :finished -> told
      end
    end
  end
end
