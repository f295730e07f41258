defmodule Lookout.Runner.EndTest do
  use Lookout.RunnerCase, async: true

  alias Lookout.{Error, Runner}

  describe "the watcher" do
    test "may be one that is running already", context do
      watcher = start_watcher!(dirs: context.watched)
      runner = start_supervised!({Runner, watcher: watcher, command: ["true"], notify: self(), into: nil, settle: 0})
      path = change!(context, "a")
      assert {_os_pid, [^path]} = started(runner)
    end

    test "that is missing, or a directory that is, gives an error, and the caller lives on", context do
      assert {:error, %Error{reason: :noproc}} = Runner.start_link(watcher: :no_such_watcher, command: ["true"])
      missing = Path.join(context.dir, "missing")
      assert {:error, %Error{reason: :enoent}} = Runner.start_link(dirs: missing, command: ["true"])
    end

    test "whose program is killed makes a run due, of which the paths are unknown", context do
      command = ["sh", "-c", "printf '%s' \"$LOOKOUT_PATHS_OMITTED\" >#{context.dir}/told"]
      runner = start!(context, command: command, paths: :stdin)
      :sys.get_state(runner).watcher |> os_pid() |> signal("KILL")
      assert_receive {:lookout_runner, ^runner, {:notice, :restarted}}, 10_000
      assert {_os_pid, []} = started(runner)
      assert finished(runner) == 0
      assert File.read!(Path.join(context.dir, "told")) == "unknown"
    end

    test "takes its runner with it, with its reason", context do
      Process.flag(:trap_exit, true)

      for {fun, reason} <- [
            {&Lookout.stop/1, :normal},
            {&Process.exit(&1, :kill), :killed},
            {&GenServer.stop(&1, :shutdown), :shutdown}
          ] do
        {:ok, watcher} = Lookout.start_link(context.watched)
        {:ok, runner} = Runner.start_link(watcher: watcher, command: ["true"])
        fun.(watcher)
        assert_receive {:EXIT, ^runner, ^reason}, 10_000
      end
    end

    test "and its runner are started again by their supervisor", context do
      name = :"#{__MODULE__}.#{System.unique_integer([:positive])}"

      children = [
        {Lookout, dirs: context.watched, name: name},
        {Runner, watcher: name, command: ["true"], notify: self(), into: nil, settle: 0}
      ]

      {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      [runner] = for {Runner, pid, _type, _modules} <- Supervisor.which_children(supervisor), do: pid
      Process.exit(Process.whereis(name), :kill)

      other =
        eventually(fn ->
          Enum.find_value(Supervisor.which_children(supervisor), fn
            {Runner, pid, _type, _modules} when is_pid(pid) and pid != runner -> pid
            _child -> nil
          end)
        end)

      change!(context, "a")
      started(other)
      :ok = Supervisor.stop(supervisor)
    end

    test "of the runner's own ends with it", context do
      runner = start!(context, command: ["true"])
      %{watcher: watcher} = :sys.get_state(runner)
      :ok = Runner.stop(runner)
      refute Process.alive?(watcher)
    end
  end

  describe "P6: nothing is left" do
    @tree "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM HUP INT; echo $$; exec sleep 1000' &); echo $$; while :; do sleep 1000; done"

    # A runner whose command has an orphan; the process ids of both.
    defp start_tree(context) do
      me = self()
      into = fn {:stdout, bytes} -> send(me, {:pids, bytes}) end

      options = [
        dirs: context.watched,
        command: @tree,
        shell: true,
        into: into,
        run_at_start: true,
        grace: 50
      ]

      {:ok, runner} = Runner.start_link(options)
      {runner, pids([])}
    end

    defp pids([_, _] = pids), do: pids

    defp pids(pids) do
      assert_receive {:pids, bytes}, 10_000
      pids(pids ++ String.split(bytes))
    end

    test "of the command when the runner is stopped, before stop/1 returns", context do
      {runner, pids} = start_tree(context)
      assert Runner.stop(runner) == :ok
      for pid <- pids, do: assert(gone?(pid))
    end

    test "of the command when the runner is stopped while it is launched, and the run itself is not waited for in vain",
         context do
      runner = start!(context, command: ["sleep", "100"], run_at_start: true)
      :sys.suspend(runner)
      ref = Process.monitor(:sys.get_state(runner).run.pid)
      assert Runner.stop(runner) == :ok
      assert_received {:DOWN, ^ref, :process, _pid, :normal}
    end

    test "when the runner is killed, or its supervisor ends it", context do
      Process.flag(:trap_exit, true)

      for reason <- [:kill, :shutdown] do
        {runner, pids} = start_tree(context)
        Process.exit(runner, reason)
        for pid <- pids, do: assert(eventually(fn -> gone?(pid) end))
        assert_receive {:EXIT, ^runner, _reason}, 10_000
      end
    end

    test "when the watcher stops", context do
      Process.flag(:trap_exit, true)
      {runner, pids} = start_tree(context)
      Process.exit(:sys.get_state(runner).watcher, :kill)
      for pid <- pids, do: assert(eventually(fn -> gone?(pid) end))
    end

    test "when the native program of the command is killed, and that is told", context do
      runner = start!(context, command: ["sleep", "1000"])
      change!(context, "a")
      {os_pid, _paths} = started(runner)
      %{run: %{command: command}} = :sys.get_state(runner)
      signal(:sys.get_state(command).program.bridge.os_pid, "KILL")
      assert {:error, %Error{reason: :port_exited}} = finished(runner)
      assert eventually(fn -> gone?(os_pid) end)
    end

    test "when the VM is killed during a run", context do
      script = """
      {:ok, _} = Lookout.Runner.start_link(dirs: #{inspect(context.watched)}, command: #{inspect(@tree)}, shell: true, run_at_start: true)
      IO.puts(System.pid())
      Process.sleep(:infinity)
      """

      elixir = System.find_executable("elixir")
      ebin = Application.app_dir(:lookout, "ebin")
      port = Port.open({:spawn_executable, elixir}, [:binary, line: 100, args: ["-pa", ebin, "-e", script]])

      lines =
        for _line <- 1..3 do
          assert_receive {^port, {:data, {:eol, line}}}, 60_000
          line
        end

      # The shell that execs the VM is the port's process.
      {:os_pid, vm} = Port.info(port, :os_pid)
      assert "#{vm}" in lines
      on_exit(fn -> System.cmd("kill", ["-KILL", "#{vm}"], stderr_to_stdout: true) end)
      signal(vm, "KILL")
      for pid <- lines, do: assert(eventually(fn -> gone?(pid) end))
    end
  end
end
