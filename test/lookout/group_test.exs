defmodule Lookout.GroupTest do
  # Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Error, Group, NodeDouble}

  setup_all do: NodeDouble.distribute()

  setup do
    scope = :"lookout_group_#{System.unique_integer([:positive])}"
    start_supervised!({Group, scope})
    {:ok, scope: scope, name: {:via, Group, {scope, "inbox"}}}
  end

  # A node with a watcher of the name, which this node has heard of.
  defp watcher_there!(%{scope: scope, name: name, dir: dir}) do
    known = length(Group.members({scope, "inbox"}))
    storage = NodeDouble.start!(lookout: false, hidden: false)
    true = Node.connect(storage.node)
    {:ok, watcher} = :peer.call(storage.peer, Lookout.Remote, :start_in_group, [scope, [dirs: dir, name: name]])
    eventually(fn -> length(Group.members({scope, "inbox"})) == known + 1 end)
    {storage, watcher}
  end

  test "a name is the watcher of this node where there is one, else one of another node", context do
    %{name: name, dir: dir} = context
    assert {:error, %Error{reason: :noproc}} = Lookout.dirs(name)
    {_storage, there} = watcher_there!(context)
    assert GenServer.whereis(name) == there
    assert {:ok, ^there} = Lookout.subscribe(name, active: 32)
    assert {:error, %Error{reason: :remote}} = Lookout.subscribe(name)

    here = start_supervised!({Lookout, dirs: dir, name: name})
    assert {:ok, ^here} = Lookout.subscribe(name, active: 32)
    File.mkdir!(Path.join(dir, "a"))
    for watcher <- [here, there], do: assert_receive({:lookout, ^watcher, {:events, 1, [%{change: :created}]}})
    assert {:error, {:already_started, ^here}} = Lookout.start_link(dirs: dir, name: name)

    :ok = stop_supervised(name)
    assert GenServer.whereis(name) == there
  end

  test "a subscriber finds the next watcher when its own is gone with its node", context do
    {storage, first} = watcher_there!(context)
    {:ok, ^first} = Lookout.subscribe(context.name, active: 32)
    ref = Process.monitor(first)
    {_other, second} = watcher_there!(context)
    NodeDouble.stop(storage)
    assert_receive {:DOWN, ^ref, :process, ^first, :noconnection}
    eventually(fn -> GenServer.whereis(context.name) == second end)
    assert {:ok, ^second} = Lookout.subscribe(context.name, active: 32)
  end

  test "a watcher that ends, or whose start fails, leaves the name free", %{name: name, dir: dir} do
    assert {:error, %Error{reason: :enoent}} = Lookout.start_link(dirs: Path.join(dir, "missing"), name: name)
    assert GenServer.whereis(name) == nil
    {:ok, watcher} = Lookout.start_link(dirs: dir, name: name)
    assert GenServer.whereis(name) == watcher
    :ok = Lookout.stop(name)
    assert {:ok, again} = Lookout.start_link(dirs: dir, name: name)
    :ok = Lookout.stop(again)
  end

  test "P8: a scope that does not run is an error that says what to start", %{dir: dir} do
    name = {:via, Group, {:no_such_scope, "inbox"}}
    assert {:error, %Error{reason: :noproc} = error} = Lookout.start_link(dirs: dir, name: name)
    assert Exception.message(error) =~ "put {Lookout.Group, :no_such_scope} before this process"
    assert {:error, %Error{reason: :noproc}} = Lookout.subscribe(name, active: 1)
  end
end
