defmodule Lookout.CommandTreeTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  describe "stats/1" do
    test "are of the whole tree, in microseconds and bytes, and say where they are from" do
      line = "(while read -r -a s </proc/$BASHPID/stat && ((s[13] + s[14] < 20)); do :; done); echo done; read line"
      {:ok, pid} = Command.start_link(["bash", "-c", line], stdin: :pipe)
      assert_receive {:lookout_command, ^pid, {:stdout, "done\n"}}, 60_000
      assert {:ok, stats} = Command.stats(pid)
      assert Enum.sort(Map.keys(stats)) == [:cpu_from, :cpu_system, :cpu_user, :memory_from, :memory_peak]
      assert stats.cpu_user + stats.cpu_system >= 190_000
      assert stats.memory_peak > 500_000
      assert stats.cpu_from in [:cgroup, :proc] and stats.memory_from in [:cgroup, :proc]
      assert Command.stop(pid) == :ok
      assert {:error, %Error{reason: :not_running}} = Command.stats(pid)
    end
  end

  describe "cgroup: limits" do
    test "P8: hold, or nothing is started and the error says what is missing" do
      case Command.run("sleep 0 & wait; echo forked", shell: true, cgroup: [pids_max: 1], stderr: :stdout) do
        {:ok, output, _status} ->
          refute output =~ "forked"

        {:error, %Error{reason: reason, operation: operation, detail: detail}} ->
          assert {reason, operation} == {:enotsup, :cgroup}
          assert detail =~ "cgroup" and detail =~ "Delegate=yes"
      end
    end
  end

  describe "linger: :infinity" do
    test "what the command leaves behind at its own exit goes on" do
      assert {:ok, output, 3} =
               Command.run("setsid sleep 1000 >/dev/null 2>&1 & echo $!; exit 3", shell: true, linger: :infinity)

      pid = String.trim(output)
      # lookout_port, whose end ends what it knows, is gone.
      assert {_text, 0} = System.cmd("kill", ["-0", pid])
      assert {_text, 0} = System.cmd("kill", ["-KILL", pid])
    end

    test "P6: while the command runs its tree is ended with it" do
      {:ok, pid} = Command.start_link("setsid sleep 1000 & echo $!; wait", shell: true, linger: :infinity)
      assert_receive {:lookout_command, ^pid, {:stdout, child}}
      assert Command.stop(pid) == :ok
      refute File.exists?("/proc/#{String.trim(child)}")
    end
  end
end
