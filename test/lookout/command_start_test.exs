defmodule Lookout.CommandStartTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  defp parent(pid), do: pid |> Process.info(:links) |> elem(1)

  describe "wait_for: path" do
    test "the start returns when the path exists, also below a directory that is missing", %{dir: dir} do
      path = Path.join(dir, "run/deep/socket")
      line = "read go; mkdir -p #{Path.dirname(path)}; : >#{path}; exec sleep 1000"
      name = :"ready_#{System.unique_integer([:positive])}"

      start =
        Task.async(fn ->
          {Command.start_link(line, shell: true, stdin: :pipe, wait_for: path, name: name), File.exists?(path)}
        end)

      eventually(fn -> Command.write(name, "go\n") == :ok end)
      assert {{:ok, pid}, true} = Task.await(start, 60_000)
      ref = Process.monitor(pid)
      # The end of the owner.
      assert_receive {:DOWN, ^ref, :process, ^pid, _reason}, 20_000
    end

    test "a path that exists already counts, and nothing of the wait is left", %{dir: dir} do
      before = length(parent(self()))
      {:ok, pid} = Command.start_link(["sleep", "1000"], wait_for: dir)
      assert length(parent(self())) == before + 1
      assert %{readiness: nil, timers: %{running: timers}} = :sys.get_state(pid)
      assert timers == %{}
      assert [_port_or_parent | _] = parent(pid)
      assert Enum.filter(parent(pid), &is_pid/1) == [self()]
      assert Command.stop(pid) == :ok
    end

    test "a link counts when its target exists, also if that comes later", %{dir: dir} do
      path = Path.join(dir, "link")
      File.ln_s!(Path.join(dir, "elsewhere/target"), path)
      name = :"linked_#{System.unique_integer([:positive])}"
      line = "read go; mkdir #{dir}/elsewhere; : >#{dir}/elsewhere/target; exec sleep 1000"
      options = [shell: true, stdin: :pipe, wait_for: path, name: name]
      start = Task.async(fn -> {Command.start_link(line, options), File.exists?(path)} end)
      eventually(fn -> Command.write(name, "go\n") == :ok end)
      assert {{:ok, _pid}, true} = Task.await(start, 60_000)
    end

    test "the death of the watcher fails the start, it does not leave it waiting", %{dir: dir} do
      name = :"blind_#{System.unique_integer([:positive])}"
      path = Path.join(dir, "never")
      start = Task.async(fn -> Command.start_link(["sleep", "1000"], wait_for: path, name: name) end)
      %{readiness: readiness} = eventually(fn -> Process.whereis(name) && waiting(:sys.get_state(name)) end)
      server = Process.whereis(name)
      watcher = eventually(fn -> Enum.find(parent(readiness), &(is_pid(&1) and &1 != server)) end)
      Process.exit(watcher, :kill)
      assert {:error, %Error{reason: :wait_failed, operation: :wait_for}} = Task.await(start, 60_000)
      assert Process.whereis(name) == nil
    end
  end

  defp waiting(%{readiness: nil}), do: nil
  defp waiting(state), do: state

  describe "wait_for: function" do
    test "it is called until it returns a truthy value" do
      calls = :counters.new(1, [])

      ready = fn ->
        :counters.add(calls, 1, 1)
        if :counters.get(calls, 1) == 3, do: :ready
      end

      {:ok, pid} = Command.start_link(["cat"], stdin: :pipe, wait_for: ready)
      assert :counters.get(calls, 1) == 3
      assert Command.close_stdin(pid) == :ok
      assert_receive {:lookout_command, ^pid, {:exit, 0}}
    end

    test "it may call the command by its name" do
      name = :"asked_#{System.unique_integer([:positive])}"

      {:ok, pid} =
        Command.start_link(["cat"], stdin: :pipe, name: name, wait_for: fn -> Command.write(name, "hi\n") == :ok end)

      assert_receive {:lookout_command, ^pid, {:stdout, "hi\n"}}
      assert Command.stop(pid) == :ok
    end

    test "one that raises, exits or throws fails the start" do
      for {function, text} <- [
            {fn -> raise "no luck" end, "no luck"},
            {fn -> exit(:no_way) end, "no_way"},
            {fn -> throw(:ball) end, "ball"},
            {fn -> Process.exit(self(), :kill) end, "killed"},
            {fn -> Process.exit(self(), :normal) end, "normal"}
          ] do
        assert {:error, %Error{reason: :wait_failed, operation: :wait_for, detail: detail}} =
                 Command.start_link(["sleep", "1000"], wait_for: function)

        assert detail =~ text
      end
    end

    test "P10: what it raises is not part of the error of a supervised command" do
      for {function, text} <- [{fn -> raise "s3cr3t" end, "** (RuntimeError)"}, {fn -> exit("s3cr3t") end, "** (exit)"}] do
        assert {:error, %Error{reason: :wait_failed, detail: detail}} =
                 Command.start_link(["sleep", "1000"], owner: nil, wait_for: function)

        assert detail =~ text
        refute detail =~ "s3cr3t"
      end
    end
  end

  test "of a command that is ready, what it wrote to standard error before is not kept", %{dir: dir} do
    line = "echo early >&2; touch #{dir}/ready; read x; exit 3"
    {:ok, pid} = Command.start_link(line, shell: true, stdin: :pipe, wait_for: "#{dir}/ready")
    assert :sys.get_state(pid).journal.tail == ""
    Command.close_stdin(pid)
    assert_receive {:lookout_command, ^pid, {:stderr, "early\n"}}
    assert Command.await(pid) == {:ok, 3}
  end

  describe "a command that is not ready" do
    test "in time is ended with its tree before the start fails, and leaves no message and no name", %{dir: dir} do
      line = "sleep 1000 & echo $$ >#{dir}/pid; echo started; wait"
      ready = fn -> false end
      name = :"late_#{System.unique_integer([:positive])}"

      assert Enum.any?([100, 1_000, 10_000, 60_000], fn timeout ->
               assert {:error, %Error{reason: :timeout, operation: :wait_for, detail: detail}} =
                        Command.start_link(line, shell: true, wait_for: ready, start_timeout: timeout, name: name)

               assert detail =~ "#{timeout} ms"
               assert Process.whereis(name) == nil
               File.exists?("#{dir}/pid")
             end)

      group = dir |> Path.join("pid") |> File.read!() |> String.trim()
      assert {_text, 1} = System.cmd("kill", ["-0", "--", "-" <> group], stderr_to_stdout: true)
      refute_received {:lookout_command, _pid, _message}
    end

    test "since it has ended is an error with its status and what it wrote last" do
      never = fn -> false end
      line = "echo why >&2; exit 3"

      assert {:error, %Error{reason: :exit_status, status: 3, stderr: "why\n"} = error} =
               Command.start_link(line, shell: true, owner: nil, wait_for: never)

      assert Exception.message(error) =~ "ended with 3 before it was ready"

      for active <- [true, false] do
        assert {:error, %Error{reason: :exit_status, status: 3, stderr: "why\n"}} =
                 Command.start_link(line, shell: true, active: active, wait_for: never)
      end

      assert {:error, %Error{reason: :exit_status, status: {:signal, :kill}}} =
               Command.start_link("kill -KILL $$", shell: true, wait_for: never)

      assert {:error, %Error{reason: :exit_status, status: 0}} = Command.start_link(["true"], wait_for: never)
      refute_received {:lookout_command, _pid, _message}
      refute_received {:EXIT, _pid, _reason}
    end

    test "since lookout_port was killed is an error" do
      me = self()
      ready = fn -> send(me, {:waits, self()}) && Process.sleep(:infinity) end
      {:ok, starter} = Task.start(fn -> send(me, {:result, Command.start_link(["sleep", "1000"], wait_for: ready)}) end)
      assert_receive {:waits, waiter}
      [server] = waiter |> parent() |> Enum.filter(&is_pid/1)
      [port] = server |> parent() |> Enum.filter(&is_port/1)
      {:os_pid, os_pid} = Port.info(port, :os_pid)
      System.cmd("kill", ["-KILL", "#{os_pid}"])
      assert_receive {:result, {:error, %Error{reason: :port_exited}}}
      eventually(fn -> not Process.alive?(waiter) end)
      refute Process.alive?(starter)
    end

    test "keeps a supervisor from the next child" do
      children = [
        {Command, {["false"], wait_for: fn -> false end}},
        {Task, fn -> raise "not to be started" end}
      ]

      Process.flag(:trap_exit, true)

      assert {:error, {:shutdown, {:failed_to_start_child, Command, %Error{reason: :exit_status, status: 1}}}} =
               Supervisor.start_link(children, strategy: :one_for_one)
    end
  end
end
