defmodule Lookout.RunnerTest do
  use Lookout.RunnerCase, async: true

  import ExUnit.CaptureIO
  import Lookout.LogCapture

  alias Lookout.{Error, Runner}

  describe "a run" do
    test "follows a change, and is told before and after", context do
      runner = start!(context, command: ["sh", "-c", "exit 3"])
      path = change!(context, "a")
      assert {os_pid, [^path]} = started(runner)
      assert is_nil(os_pid) or is_integer(os_pid)
      assert finished(runner) == 3
    end

    test "waits for quiet, and is told all that has changed", context do
      runner = start!(context, command: ["true"], settle: 300)
      a = change!(context, "a")
      b = change!(context, "b")
      File.chmod!(a, 0o700)
      assert {_os_pid, [^a, ^b]} = started(runner)
      assert finished(runner) == 0
      refute_received {:lookout_runner, _, {:started, _, _}}
    end

    test "waits for quiet for :max_settle at most", context do
      runner = start!(context, command: ["true"], settle: 3_600_000, max_settle: 50)
      change!(context, "a")
      started(runner)
    end

    test "starts even though changes never cease", context do
      runner = start!(context, command: ["true"], settle: 100)

      writer =
        spawn_link(fn ->
          for n <- Stream.iterate(1, &(&1 + 1)) do
            change!(context, Integer.to_string(n))
            Process.sleep(5)
          end
        end)

      started(runner)
      Process.unlink(writer)
      Process.exit(writer, :kill)
    end

    test "starts at once where that is asked for, without paths", context do
      runner = start!(context, command: ["true"], run_at_start: true)
      assert {_os_pid, []} = started(runner)
      assert finished(runner) == 0
    end

    test "ends by a signal", context do
      runner = start!(context, command: ["sh", "-c", "kill -KILL $$"], run_at_start: true)
      assert finished(runner) == {:signal, :kill}
    end

    test "has the directory and the variables that were given", context do
      me = self()
      into = &send(me, &1)

      start!(context,
        command: "pwd -P; echo $A",
        shell: true,
        cd: context.dir,
        env: %{"A" => "1"},
        into: into,
        run_at_start: true
      )

      assert_receive {:stdout, output}, 10_000
      assert output =~ context.dir
    end

    test "is told of both names of a rename", context do
      path = change!(context, "a")
      runner = start!(context, command: ["true"])
      File.rename!(path, path <> "b")
      {_os_pid, paths} = started(runner)
      assert Enum.sort(paths) == [path, path <> "b"]
    end
  end

  describe "a function" do
    test "is called with the paths, in a process of its own", context do
      me = self()
      runner = start!(context, run: &send(me, {:called, self(), &1}))
      path = change!(context, "a")
      assert_receive {:called, pid, [^path]}, 10_000
      assert pid not in [me, runner]
      assert {nil, [^path]} = started(runner)
      assert finished(runner) == :ok
    end

    test "that raises or exits ends its run and nothing else", context do
      for {fun, reason} <- [
            {fn _paths -> raise "no" end, ~r/RuntimeError.*no/},
            {fn _paths -> exit(:why) end, ~r/\A:why\z/},
            {fn _paths -> throw(:ball) end, ~r/ball/},
            {fn _paths -> Process.exit(self(), :kill) end, ~r/killed/}
          ] do
        runner = start!(context, run: fun)
        change!(context, "#{System.unique_integer()}")
        assert {:exit, found} = finished(runner)
        assert inspect(found) =~ reason
        change!(context, "#{System.unique_integer()}")
        assert {:exit, _reason} = finished(runner)
        stop!(runner)
      end
    end

    test "that fails is in the log", context do
      failing = [{fn _paths -> raise "no luck" end, "no luck"}, {fn _paths -> exit(:why) end, ":why"}]

      for {fun, text} <- failing do
        log =
          logged(fn ->
            runner = start!(context, run: fun)
            change!(context, "#{System.unique_integer()}")
            assert {:exit, _reason} = finished(runner)
            stop!(runner)
          end)

        assert log =~ ~r/Lookout.Runner.*: a run failed.*#{text}/s
      end
    end

    test "is killed for a restart, and called anew with all paths", context do
      me = self()

      runner =
        start!(context,
          on_busy: :restart,
          run: fn paths ->
            Process.flag(:trap_exit, true)
            send(me, {:called, self(), names(paths)})
            Process.sleep(:infinity)
          end
        )

      change!(context, "a")
      assert_receive {:called, pid, ["a"]}, 10_000
      change!(context, "b")
      assert finished(runner) == {:exit, :killed}
      assert_receive {:called, other, ["a", "b"]}, 10_000
      refute Process.alive?(pid)
      stop_now!(runner)
      refute Process.alive?(other)
    end
  end

  # The function does not end by itself: its grace is what the end takes.
  defp stop_now!(runner) do
    %{run: %{pid: pid}} = :sys.get_state(runner)
    Process.exit(pid, :kill)
    stop!(runner)
  end

  describe "output" do
    test "comes after the start and before the end, as raw bytes of either stream", context do
      me = self()
      into = &send(me, {:output, &1})
      runner = start!(context, command: "printf 'a\\377'; printf b >&2", shell: true, into: into)
      change!(context, "a")
      assert finished(runner) == 0
      assert {:messages, messages} = Process.info(self(), :messages)
      assert [{_, ^runner, {:cause, _}}, {_, ^runner, {:started, _, _}} | outputs] = messages
      assert Enum.sort(outputs) == [output: {:stderr, "b"}, output: {:stdout, <<"a", 0xFF>>}]
    end

    test "is text to the runner's own output", context do
      output =
        capture_io(fn ->
          {:ok, runner} =
            Runner.start_link(
              dirs: context.watched,
              command: ["sh", "-c", "printf 'caf\\303'; sleep 0.1; printf '\\251'"],
              notify: self(),
              run_at_start: true
            )

          finished(runner)
          Runner.stop(runner)
        end)

      assert output == "café"
    end

    test "that ends within a character is text, too", context do
      output =
        capture_io(fn ->
          options = [command: ["printf", "caf\\303"], dirs: context.watched, notify: self(), run_at_start: true]
          {:ok, runner} = Runner.start_link(options)
          finished(runner)
          Runner.stop(runner)
        end)

      assert output == "caf\uFFFD"
    end

    test "of a function that raises ends the run, and nothing is left of the command", context do
      runner = start!(context, command: "echo a; sleep 1000", shell: true, into: fn _output -> raise "full" end)
      change!(context, "a")
      {os_pid, _paths} = started(runner)
      assert {:exit, %RuntimeError{message: "full"}} = finished(runner)
      assert gone?(os_pid)
      change!(context, "b")
      started(runner)
    end

    test "that nobody takes does not hold up a restart", context do
      runner =
        start!(context,
          command: ["yes"],
          on_busy: :restart,
          grace: 0,
          into: fn _output -> Process.sleep(:infinity) end
        )

      change!(context, "a")
      {first, _paths} = started(runner)
      change!(context, "b")
      finished(runner)
      assert gone?(first)
      started(runner)
    end
  end

  describe "P8: a command that cannot be started" do
    test "is told, and tried again at the next change with the same paths and more", context do
      program = Path.join(context.dir, "program")
      runner = start!(context, command: [program])
      change!(context, "a")
      assert_receive {:lookout_runner, ^runner, {:failed, %Error{reason: :enoent}}}, 10_000
      File.write!(program, "#!/bin/sh\n")
      File.chmod!(program, 0o755)
      change!(context, "b")
      {_os_pid, paths} = started(runner)
      assert names(paths) == ["a", "b"]
      assert finished(runner) == 0
    end

    test "does not keep the runner from starting", context do
      runner = start!(context, command: ["no-such-program"], run_at_start: true)
      assert_receive {:lookout_runner, ^runner, {:failed, %Error{reason: :enoent}}}, 10_000
      assert Process.alive?(runner)
    end

    test "is an error of start_link where it never can be", context do
      assert {:error, %Error{reason: :empty_argv}} = Runner.start_link(dirs: context.watched, command: [])
    end
  end

  describe "options" do
    test "that make no sense raise, and are named", context do
      dirs = [dirs: context.watched]
      command = [command: ["true"]]

      for {options, message} <- [
            {dirs ++ command ++ [colour: 1], ~r/unknown option :colour/},
            {dirs ++ command ++ [on_busy: :wait], ~r/option :on_busy: expected .*got: :wait/},
            {dirs ++ command ++ [settle: -1], ~r/option :settle/},
            {dirs ++ command ++ [max_settle: :never], ~r/option :max_settle/},
            {dirs ++ command ++ [missing: true], ~r/option :missing/},
            {dirs ++ command ++ [only: ["./lib"]], ~r|write "/lib"|},
            {dirs ++ command ++ [signal: :nope], ~r/option :signal/},
            {dirs ++ command ++ [paths: :arg], ~r/option :paths/},
            {dirs ++ command ++ [into: ""], ~r/option :into/},
            {dirs ++ command ++ [notify: 1], ~r/option :notify/},
            {dirs ++ command ++ [nice: 99], ~r/option :nice/},
            {dirs ++ command ++ [recursive: 1], ~r/option :recursive/},
            {dirs ++ [command: [true]], ~r/expected a command/},
            {dirs ++ command ++ [run: & &1], ~r/not both/},
            {dirs, ~r/:command or :run/},
            {command, ~r/:watcher .* or :dirs/},
            {command ++ [watcher: :a] ++ dirs, ~r/option :dirs is for a watcher of the runner's own/},
            {dirs ++ [run: &(&1 + 1), cd: "/"], ~r/option :cd is for a :command/},
            {dirs ++ [run: & &1, on_busy: :signal], ~r/on_busy: :signal/},
            {dirs ++ [run: & &1, paths: :stdin], ~r/option :paths is for a :command/},
            {dirs ++ command ++ [paths: :args], ~r/{paths}/},
            {dirs ++ command ++ [paths: :stdin, pty: true], ~r/:pty/},
            {:lib, ~r/expected options/}
          ] do
        assert_raise ArgumentError, message, fn -> Runner.start_link(options) end
      end
    end

    test "the first of two counts", context do
      runner = start!(context, settle: 0, settle: :never, command: ["true"])
      assert Process.alive?(runner)
    end

    test "a child specification has the name as its id, and gives the command its grace" do
      assert %{id: Runner, shutdown: 11_000, modules: [Runner.Server]} =
               Runner.child_spec(dirs: "lib", command: ["true"])

      assert %{id: :a, shutdown: 6_100} = Runner.child_spec(dirs: "lib", command: ["true"], name: :a, grace: 100)
    end

    test "P7: a child specification with a grace that is no time, or options that are none, says so" do
      expected = ~r/^Lookout.Runner: option :grace: expected milliseconds from 0 to 3_600_000, got: "5s"$/
      assert_raise ArgumentError, expected, fn -> Runner.child_spec(dirs: "lib", command: ["true"], grace: "5s") end
      assert_raise ArgumentError, ~r/expected options such as .*, got: "lib"$/, fn -> Runner.child_spec("lib") end
    end

    test "a name that is taken is said", context do
      name = :"#{__MODULE__}.#{System.unique_integer([:positive])}"
      runner = start!(context, command: ["true"], name: name)

      assert Runner.start_link(dirs: context.watched, command: ["true"], name: name) ==
               {:error, {:already_started, runner}}
    end
  end
end
