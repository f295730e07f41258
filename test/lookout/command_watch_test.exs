defmodule Lookout.CommandWatchTest do
  # Not async: standard error is that of the VM.
  use Lookout.Case, async: false

  import ExUnit.CaptureIO

  alias Lookout.Command

  test "output is printed by lines, each to its device, and status 0 is :ok" do
    printed = fn device ->
      capture_io(device, fn -> assert Command.watch("echo out; printf 'no end'; echo err >&2", shell: true) == :ok end)
    end

    assert printed.(:stdio) == "out\nno end\n"
    assert capture_io(:stdio, fn -> assert printed.(:stderr) == "err\n" end) == "out\nno end\n"
  end

  test "another status is an exit" do
    assert catch_exit(Command.watch(["sh", "-c", "exit 3"])) == {:exit, 3}
    assert catch_exit(Command.watch(["sh", "-c", "kill -9 $$"])) == {:exit, {:signal, :kill}}
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "nothing stays in the mailbox of a caller that traps exits" do
    Process.flag(:trap_exit, true)
    assert Command.watch(["true"]) == :ok
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "options about messages raise" do
    for option <- [exit_details: true, active: false, owner: nil] do
      assert_raise ArgumentError, ~r/unknown option/, fn -> Command.watch(["true"], [option]) end
    end
  end

  test "a program that is missing is :shutdown" do
    assert catch_exit(Command.watch(["no-such-program"])) == :shutdown
  end

  test "standard input is an open pipe, and other messages stay where they are", %{dir: dir} do
    send(self(), :other)
    # Without input `read` would end at once.
    task =
      Task.async(fn ->
        Command.watch("echo $$ >#{dir}/new; mv #{dir}/new #{dir}/pid; read line; exit 9", shell: true)
      end)

    os_pid = eventually(fn -> with {:ok, pid} <- File.read(dir <> "/pid"), do: String.trim(pid), else: (_ -> nil) end)
    assert File.read_link!("/proc/#{os_pid}/fd/0") =~ ~r/^(pipe|socket):/
    Task.shutdown(task, :brutal_kill)
    eventually(fn -> gone?(os_pid) end)
    assert_received :other
  end

  test "P6: it ends with the process that called it, as a watcher of Phoenix does", %{dir: dir} do
    command = ["sh", "-c", "echo $$ >#{dir}/new; mv #{dir}/new #{dir}/pid; exec sleep 1000"]
    child = %{id: :watcher, start: {Task, :start_link, [Command, :watch, [command, [cd: dir]]]}, restart: :transient}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    os_pid = eventually(fn -> with {:ok, pid} <- File.read(dir <> "/pid"), do: String.trim(pid), else: (_ -> nil) end)
    Supervisor.stop(supervisor)
    eventually(fn -> gone?(os_pid) end)
  end
end
