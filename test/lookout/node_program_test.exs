defmodule Lookout.NodeProgramTest do
  # Watchers and commands with a real `lookout_port --node`. Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Command, Entry, Error, NodeDouble, NodeProgram}

  setup_all do: NodeDouble.distribute()

  setup %{dir: dir} do
    root = Path.join(dir, "in")
    File.mkdir!(root)
    {:ok, storage: NodeProgram.start!(dir), root: root}
  end

  defp watch!(storage, dirs, options \\ [], limits \\ []) do
    start_watcher!([node: storage.node, dirs: dirs, subscribe: [self()]] ++ options, [backoff: {1, 20}] ++ limits)
  end

  defp make(dir, name), do: File.mkdir!(Path.join(dir, name))
  defp await_notice(watcher, notice), do: assert_receive({:lookout, ^watcher, {:notice, ^notice}}, 20_000)
  defp await_sessions(storage, count), do: eventually(fn -> NodeProgram.sessions(storage) == count end)

  test "a watcher of its directories has every function of a local one", %{dir: dir, root: root, storage: storage} do
    watcher = watch!(storage, root, ignore: ["*.o"], gitignore: true)
    make(root, "a")
    make(root, "b.o")
    assert changes(watcher, root) == [{:created, "a"}]
    assert {:ok, 1, [%Entry{type: :directory}]} = Lookout.list(watcher, under: root, stat: true)
    other = Path.join(dir, "other")
    File.mkdir!(other)
    make(other, "c")
    assert Lookout.add(watcher, other) == :ok
    assert changes(watcher, other) == [{:created, "c"}]
    assert Lookout.remove(watcher, other) == :ok
    node = storage.node
    assert {:ok, %{node: ^node, roots: roots}} = Lookout.info(watcher)
    assert Map.keys(roots) == [root]
    assert Lookout.stop(watcher) == :ok
    await_sessions(storage, 0)

    killed = watch!(storage, root)
    await_sessions(storage, 1)
    Process.exit(killed, :kill)
    await_sessions(storage, 0)
  end

  test "P8: what it does not allow is an error", %{root: root, storage: storage} do
    assert {:error, %Error{reason: :not_allowed, path: "/usr"}} = Lookout.start_link(dirs: "/usr", node: storage.node)

    assert {:error, %Error{reason: :not_allowed}} =
             Lookout.start_link(dirs: root, node: storage.node, backend: :fswatch)

    assert {:error, %Error{reason: :not_allowed} = error} = Command.run(["true"], node: storage.node)
    assert Exception.message(error) =~ "--commands"
  end

  test "a connection that is lost, and a node that is started again, begin a new epoch", context do
    %{dir: dir, root: root, storage: storage} = context
    watcher = watch!(storage, root)
    true = :erlang.disconnect_node(storage.node)
    await_notice(watcher, {:away, storage.node})
    await_notice(watcher, :restarted)
    make(root, "a")
    assert [{1, ["a"]}] = stream(watcher)

    assert NodeProgram.stop(storage) == 0
    await_notice(watcher, {:away, storage.node})
    assert {:error, %Error{reason: :nodedown}} = Lookout.sync(watcher)
    NodeProgram.start!(dir, name: storage.node)
    await_notice(watcher, :restarted)
    make(root, "b")
    assert [{2, ["b"]}] = stream(watcher)
  end
end
