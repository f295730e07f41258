defmodule Lookout.NodeNamedTest do
  use Lookout.NodeCase, async: true

  # A named session of `lookout_port --node`.
  setup context do
    node = start_node!(context)
    {:ok, node: node, vm: start_vm!(node)}
  end

  defp open_named!(peer, node, last \\ 0, linger \\ 60_000) do
    client = open!(peer, node, {:open, "indexer", linger, last})
    assert {:data, {:session, session}} = on(peer, :next, [client])
    {client, session}
  end

  defp leave(peer, client), do: :peer.call(peer, Process, :exit, [client, :kill])

  # Until the former owner is known to be gone, the name is in use.
  defp reopen!(peer, node, last) do
    eventually(fn ->
      client = on(peer, :open, [node.name, {:open, "indexer", 60_000, last}])

      case on(peer, :next, [client]) do
        {:data, {:hello, 1, _version}} ->
          {:data, {:session, session}} = on(peer, :next, [client])
          {client, session}

        {:data, {:fatal, {:in_use, :open, nil, _detail}}} ->
          nil
      end
    end)
  end

  test "is resumed after the last batch that was dealt with, with what was merged meanwhile", context do
    %{node: node, vm: vm, root: root} = context
    {client, {:new, epoch}} = open_named!(vm, node)
    watch!(vm, client, root, credit: 32)
    File.write!(Path.join(root, "a"), "x")
    assert {{:ok, first}, _messages} = reply(vm, client, {:sync, 2})
    File.write!(Path.join(root, "b"), "x")
    assert {{:ok, second}, _messages} = reply(vm, client, {:sync, 3})
    assert second > first
    leave(vm, client)

    for number <- 1..300, do: File.write!(Path.join(root, "c"), "#{number}")
    File.rename!(Path.join(root, "a"), Path.join(root, "d"))
    other_vm = start_vm!(node)
    {other, {:resumed, ^epoch, ^first}} = reopen!(other_vm, node, epoch + first)
    on(other_vm, :request, [other, {:credit, 32}])
    assert {{:ok, _last}, messages} = reply(other_vm, other, {:sync, 1})
    assert seqs(messages) == Enum.to_list((first + 1)..(first + length(seqs(messages))))
    paths = for event <- events(messages), do: elem(event, 2)
    assert Path.join(root, "b") in paths
    assert Path.join(root, "c") in paths
    assert {:renamed, :file, Path.join(root, "d"), Path.join(root, "a")} in events(messages)
    # What 300 writes were is told in a few events.
    assert length(events(messages)) < 10
  end

  test "reports nothing, and keeps no credit, while it has no owner", %{node: node, vm: vm, root: root} do
    {client, {:new, epoch}} = open_named!(vm, node)
    watch!(vm, client, root, credit: :infinity)
    leave(vm, client)
    {other, {:resumed, ^epoch, 0}} = reopen!(vm, node, epoch)
    File.write!(Path.join(root, "a"), "x")
    assert {{:ok, %{credit: 0, batches: 0}}, []} = reply(vm, other, {:info, 1})
    on(vm, :request, [other, {:credit, 1}])
    assert {{:ok, _seq}, messages} = reply(vm, other, {:sync, 2})
    assert {:created, :file, Path.join(root, "a")} in events(messages)
  end

  test "is in use while it has an owner, and free when that has closed it", %{node: node, vm: vm} do
    {client, {:new, epoch}} = open_named!(vm, node)
    refused = on(vm, :open, [node.name, {:open, "indexer", 1000, 0}])
    assert {:data, {:fatal, {:in_use, :open, nil, detail}}} = on(vm, :next, [refused])
    assert detail =~ "app-"
    assert on(vm, :next, [refused]) == {:exit_status, :in_use}
    on(vm, :tell, [client, :close])
    assert List.last(on(vm, :until, [client, :down])) == {:down, :normal}
    assert {_client, {:new, later}} = open_named!(vm, node)
    assert later > epoch
  end

  test "begins anew, with another epoch, after a batch that is not kept", %{node: node, vm: vm, root: root} do
    {client, {:new, epoch}} = open_named!(vm, node)
    watch!(vm, client, root)

    for number <- 1..70 do
      File.write!(Path.join(root, "a"), "#{number}")
      assert {{:ok, _seq}, _messages} = reply(vm, client, {:sync, 10 + number})
    end

    leave(vm, client)
    assert {client, {:new, later}} = reopen!(vm, node, epoch + 1)
    assert later > epoch
    # It is another session: it watches nothing yet.
    assert {{:ok, %{roots: roots}}, []} = reply(vm, client, {:info, 1})
    assert roots == %{}
  end

  test "ends when nobody has come for its linger, and at once where that is 0", %{node: node, vm: vm} do
    {client, {:new, _epoch}} = open_named!(vm, node, 0, 50)
    leave(vm, client)
    await_sessions(vm, node, 0)
    {client, {:new, _epoch}} = open_named!(vm, node, 0, 0)
    leave(vm, client)
    await_sessions(vm, node, 0)
  end

  test "is left by an owner that takes its monitor off, and lingers where its VM is killed", context do
    %{node: node, vm: vm} = context
    {client, {:new, epoch}} = open_named!(vm, node)
    on(vm, :demonitor, [client])
    assert {_client, {:resumed, ^epoch, 0}} = reopen!(vm, node, epoch)
    signal(:peer.call(vm, System, :pid, []), "KILL")
    other_vm = start_vm!(node)
    assert {_client, {:resumed, ^epoch, 0}} = reopen!(other_vm, node, epoch)
  end

  test "gives a new owner no reply to a request of the former one", %{node: node, vm: vm, root: root} do
    {client, {:new, epoch}} = open_named!(vm, node)
    watch!(vm, client, root, [])
    File.write!(Path.join(root, "a"), "x")
    # Without credit it waits.
    on(vm, :request, [client, {:sync, 7}])
    on(vm, :request, [client, {:ping, 8}])
    assert {:data, {:reply, 8, :ok}} = on(vm, :next, [client])
    leave(vm, client)
    {other, {:resumed, ^epoch, 0}} = reopen!(vm, node, epoch)
    on(vm, :request, [other, {:credit, 10}])
    assert {{:ok, _seq}, messages} = reply(vm, other, {:sync, 1})
    assert for({:data, {:reply, id, _result}} <- messages, do: id) == []
    assert {:ok, []} = reply(vm, other, {:ping, 9})
  end

  test "takes no command, and a bad name is refused", %{node: node, vm: vm} do
    {client, {:new, _epoch}} = open_named!(vm, node)
    assert {{:error, {:not_allowed, :spawn, nil, _detail}}, []} = reply(vm, client, {:spawn, 1, ["true"], []})

    for open <- [{:open, "", 0, 0}, {:open, "a", -1, 0}, {:open, "a", 0, -1}, {:open, :a, 0, 0}, {:open, "a"}] do
      refused = on(vm, :open, [node.name, open])
      assert {:data, {:fatal, {:bad_request, :open, nil, _detail}}} = on(vm, :next, [refused])
      assert on(vm, :next, [refused]) == {:exit_status, :bad_request}
    end
  end
end
