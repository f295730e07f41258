defmodule Lookout.NodeCommandTest do
  # Commands of a real `lookout_port --node`. Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Command, Error, NodeDouble, NodeProgram}

  setup_all do: NodeDouble.distribute()

  setup %{dir: dir} do
    storage = NodeProgram.start!(dir, arguments: ["--commands"])
    {:ok, storage: storage, node: storage.node}
  end

  defp await_sessions(storage, count), do: eventually(fn -> NodeProgram.sessions(storage) == count end)

  test "a command runs on a node as it does here", %{dir: dir, storage: storage, node: node} do
    assert Command.run(["pwd"], node: node) == {:ok, "/\n", 0}
    assert Command.run(["pwd"], node: node, cd: dir) == {:ok, dir <> "\n", 0}
    assert Command.run("cat; exit 3", node: node, shell: true, input: "hello") == {:ok, "hello", 3}
    assert {:ok, "a\n", :timeout} = Command.run("echo a; exec sleep 1000", node: node, shell: true, timeout: 2_000)
    assert [node: node] |> then(&Command.stream(["yes"], &1)) |> Enum.take(1) |> hd() =~ "y\n"

    {:ok, pid} = Command.start_link(["cat"], node: node, stdin: :pipe)
    assert {:ok, os_pid} = Command.os_pid(pid)
    assert Command.write(pid, "bytes") == :ok
    assert_receive {:lookout_command, ^pid, {:stdout, "bytes"}}
    assert Command.signal(pid, :hup) == :ok
    assert_receive {:lookout_command, ^pid, {:exit, {:signal, :hup}}}
    assert gone?(os_pid)
    await_sessions(storage, 0)
  end

  test "P6: a command ends with its process here, and with the connection", %{storage: storage, node: node} do
    for ending <- [
          &Process.exit(&1, :kill),
          &Command.stop/1,
          &GenServer.stop(&1, :shutdown),
          fn _ -> :erlang.disconnect_node(node) end
        ] do
      {:ok, pid} = Command.start_link("sleep 1000 & wait", node: node, shell: true)
      {:ok, os_pid} = Command.os_pid(pid)
      Process.unlink(pid)
      ending.(pid)
      eventually(fn -> gone?(os_pid) and not Process.alive?(pid) end)
      await_sessions(storage, 0)
    end

    assert_receive {:lookout_command, _pid, {:error, %Error{reason: :nodedown, operation: :run} = error}}
    assert Exception.message(error) =~ "the connection to #{node} was lost"
  end

  test "P8: a command that cannot be started is an error", %{node: node} do
    assert {:error, %Error{reason: :enoent}} = Command.run(["no-such-program"], node: node)
    assert {:error, %Error{reason: :nodedown}} = Command.run(["true"], node: NodeDouble.name())
  end

  test "a command on a node is ready when a path there exists, which the node allows to watch", %{dir: dir, node: node} do
    line = "read line; touch ready; exec sleep 1000"
    name = :"#{__MODULE__}.#{System.unique_integer([:positive])}"
    options = [shell: true, node: node, cd: dir, stdin: :pipe, wait_for: dir <> "/ready", name: name]
    start = Task.async(fn -> {Command.start_link(line, options), File.exists?(dir <> "/ready")} end)
    # The command runs, and is not ready.
    eventually(fn -> Command.write(name, "go\n") == :ok end)
    assert {{:ok, _pid}, true} = Task.await(start, 60_000)

    options = [node: node, wait_for: "/nowhere/ready", start_timeout: :infinity]

    assert {:error, %Error{reason: :not_allowed, operation: :wait_for} = error} =
             Command.start_link(["sleep", "1000"], options)

    assert Exception.message(error) =~ "it cannot be watched"
  end

  test "P7: a command on a node takes no path that depends on something of this one", %{node: node} do
    for option <- [cd: "lib", cd: "~", stdout: {:file, "out"}, stderr: {:append, "~/err"}, wait_for: "ready"] do
      assert_raise ArgumentError, ~r/expected an absolute path, since it is one of lookout-double/, fn ->
        Command.start_link(["true"], [{:node, node}, option])
      end
    end
  end
end
