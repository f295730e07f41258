defmodule Lookout.CommandDeathTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error, OsProcess}

  # A deaf command with an orphan that has a session of its own and no descriptor. Says both process ids.
  @tree """
  trap '' TERM HUP INT
  (setsid sh -c 'trap "" TERM HUP INT; echo $$; exec sleep 1000 <&- >&- 2>&-' &)
  echo $$
  while :; do sleep 1000; done
  """

  # The process ids of a whole tree: the command and its orphan, the guardian and the native program.
  defp start_tree(options \\ []) do
    {:ok, pid} = Command.start_link(@tree, [shell: true] ++ options)
    tree = pid |> told([]) |> with_guards()
    {pid, tree}
  end

  defp told(_pid, [_, _] = os_pids), do: os_pids

  defp told(pid, os_pids) do
    assert_receive {:lookout_command, ^pid, {:stdout, lines}}, 10_000
    told(pid, os_pids ++ String.split(lines))
  end

  defp with_guards([os_pid | _] = os_pids) do
    {guardian, program} = eventually(fn -> OsProcess.guards(os_pid) end)
    %{all: [program, guardian | os_pids], program: program, guardian: guardian}
  end

  defp assert_gone(tree) do
    for os_pid <- tree.all, do: assert(eventually(fn -> gone?(os_pid) end))
  end

  describe "P6: the whole tree is gone" do
    test "when the command is stopped, before stop/2 returns" do
      {pid, tree} = start_tree()
      assert Command.stop(pid, 1) == :ok
      assert_received {:lookout_command, ^pid, {:exit, {:signal, :kill}}}
      for os_pid <- tree.all -- [tree.program], do: assert(gone?(os_pid))
      assert_gone(tree)
    end

    test "when its process is killed" do
      Process.flag(:trap_exit, true)
      {pid, tree} = start_tree()
      Process.exit(pid, :kill)
      assert_gone(tree)
    end

    test "when the owner ends, in whatever way" do
      for reason <- [:normal, :shutdown, :kill, :crash] do
        me = self()

        owner =
          spawn(fn ->
            {_pid, tree} = start_tree()
            send(me, {:tree, tree})
            receive do: ({:end, reason} -> exit(reason))
          end)

        assert_receive {:tree, tree}, 10_000
        if reason == :kill, do: Process.exit(owner, :kill), else: send(owner, {:end, reason})
        assert_gone(tree)
      end
    end

    test "when the native program is killed, and the owner is told" do
      {pid, tree} = start_tree()
      signal(tree.program, "KILL")
      assert_receive {:lookout_command, ^pid, {:error, %Error{reason: :port_exited} = error}}, 10_000
      assert Exception.message(error) =~ "signal 9"
      assert_gone(tree)
    end

    test "when the guardian is killed, and the owner is told" do
      {pid, tree} = start_tree()
      signal(tree.guardian, "KILL")
      assert_receive {:lookout_command, ^pid, {:exit, {:signal, :kill}}}, 10_000
      assert_gone(tree)
    end

    test "when the native program hangs and the command is to end" do
      Process.flag(:trap_exit, true)
      {pid, tree} = start_tree()
      signal(tree.program, "STOP")
      Process.exit(pid, :shutdown)
      assert_gone(tree)
    end

    test "when the VM is killed" do
      script = """
      IO.puts(System.pid())
      {:ok, pid} = Lookout.Command.start_link(#{inspect(@tree)}, shell: true)
      tell = fn tell -> receive do: ({_, ^pid, {:stdout, lines}} -> IO.write(lines)); tell.(tell) end
      tell.(tell)
      """

      elixir = System.find_executable("elixir")
      ebin = Application.app_dir(:lookout, "ebin")
      port = Port.open({:spawn_executable, elixir}, [:binary, line: 100, args: ["-pa", ebin, "-e", script]])

      assert_receive {^port, {:data, {:eol, vm}}}, 60_000
      on_exit(fn -> System.cmd("kill", ["-KILL", vm], stderr_to_stdout: true) end)
      assert_receive {^port, {:data, {:eol, one}}}, 60_000
      assert_receive {^port, {:data, {:eol, two}}}, 60_000
      tree = with_guards([one, two])
      signal(vm, "KILL")
      assert_gone(tree)
    end
  end

  test "a command that ends before anybody looks is told as well" do
    for _ <- 1..20 do
      {:ok, pid} = Command.start_link(["true"])
      assert_receive {:lookout_command, ^pid, {:exit, 0}}, 10_000
    end
  end
end
