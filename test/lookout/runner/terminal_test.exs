defmodule Lookout.Runner.TerminalTest do
  # What a program at a terminal needs of a runner: a run on demand, the command that runs, its terminal.
  use Lookout.RunnerCase, async: true

  alias Lookout.{Command, Error, Runner}

  defp output_until(sofar \\ "", wanted) do
    if sofar =~ wanted do
      sofar
    else
      assert_receive {:output, {:stdout, bytes}}, 10_000
      output_until(sofar <> bytes, wanted)
    end
  end

  defp start_terminal!(context, command, options) do
    me = self()
    into = fn output -> send(me, {:output, output}) end
    start!(context, [command: ["sh", "-c", command], pty: {10, 40}, into: into] ++ options)
  end

  test "a run that is asked for starts without a change, and does not wait for quiet", context do
    runner = start!(context, command: ["true"], settle: 3_600_000)
    assert Runner.run(runner) == :ok
    assert {_os_pid, []} = started(runner)
    assert finished(runner) == 0
    path = change!(context, "a")
    eventually(fn -> :sys.get_state(runner).schedule.settling end)
    assert Runner.run(runner) == :ok
    assert {_os_pid, [^path]} = started(runner)
  end

  test "a run that is asked for during another one follows it, or restarts it", context do
    runner = start!(context, command: ["sleep", "1000"], on_busy: :restart, run_at_start: true)
    started(runner)
    assert Runner.run(runner) == :ok
    assert finished(runner) == {:signal, :term}
    started(runner)
  end

  test "with interactive: true the terminal of the command takes input, else it is at its end", context do
    runner = start_terminal!(context, "read line; echo \"got <$line>\"", interactive: true, run_at_start: true)
    started(runner)
    {:ok, command} = Runner.command(runner)
    :ok = Command.write(command, "words\n")
    output_until("got <words>")
    assert finished(runner) == 0

    start_terminal!(context, "read line; echo \"got <$line>\"", run_at_start: true)
    output_until("got <>")
  end

  test "a new size is given to the command that runs and to later ones", context do
    # WINCH ends a `read` of some shells.
    trap = "trap 'stty size' WINCH; stty size; until read line; do :; done"
    runner = start_terminal!(context, trap, interactive: true, run_at_start: true)
    output_until("10 40")
    assert Runner.resize(runner, {11, 41}) == :ok
    output_until("11 41")
    {:ok, command} = Runner.command(runner)
    :ok = Command.write(command, "\n")
    assert finished(runner) == 0
    assert Runner.resize(runner, {12, 42}) == :ok
    assert Runner.run(runner) == :ok
    output_until("12 42")
  end

  test "without a command that runs there is none, and without a terminal no size", context do
    runner = start!(context, command: ["true"])
    assert {:error, %Error{reason: :not_running}} = Runner.command(runner)
    assert {:error, %Error{reason: :no_terminal}} = Runner.resize(runner, {10, 40})
    assert_raise ArgumentError, ~r/expected \{rows, columns\}/, fn -> Runner.resize(runner, {0, 40}) end

    assert_raise ArgumentError, ~r/interactive: true is for a :command with :pty/, fn ->
      Runner.start_link(dirs: context.watched, command: ["true"], interactive: true)
    end
  end
end
