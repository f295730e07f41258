defmodule Lookout.NodeWireTest do
  use Lookout.NodeCase, async: true

  describe "a session" do
    setup context do
      node = start_node!(context)
      {:ok, node: node, vm: start_vm!(node)}
    end

    test "watches as over a port: hello, replies and events are the port's", %{node: node, vm: vm, root: root} do
      client = open!(vm, node)
      watch!(vm, client, root)
      File.write!(Path.join(root, "a"), "x")
      assert {{:ok, _seq}, messages} = reply(vm, client, {:sync, 2})
      assert {:created, :file, Path.join(root, "a")} in events(messages)
      assert {{:error, {:bad_request, :list, nil, _detail}}, []} = reply(vm, client, {:list, 3, :nothing})
    end

    test "is ended by :close, with a reason, and its monitor is fired", %{node: node, vm: vm} do
      client = open!(vm, node)
      on(vm, :tell, [client, :close])
      assert on(vm, :next, [client]) == {:exit_status, :normal}
      assert on(vm, :next, [client]) == {:down, :normal}
      assert {:ok, %{sessions: 0}} = on(vm, :genserver_call, [:lookout, node.name, :status])
    end

    test "ends with its owner", %{node: node, vm: vm} do
      client = open!(vm, node)
      assert {:ok, %{sessions: 1}} = on(vm, :genserver_call, [:lookout, node.name, :status])
      :peer.call(vm, Process, :exit, [client, :kill])
      eventually(fn -> match?({:ok, %{sessions: 0}}, on(vm, :genserver_call, [:lookout, node.name, :status])) end)
    end

    test "is independent of those of others: each has its engine and its numbers", %{node: node, vm: vm, root: root} do
      other_vm = start_vm!(node)
      [one, other] = for peer <- [vm, other_vm], do: {peer, open!(peer, node)}
      for {peer, client} <- [one, other], do: watch!(peer, client, root)
      File.write!(Path.join(root, "a"), "x")

      for {peer, client} <- [one, other] do
        {{:ok, _seq}, messages} = reply(peer, client, {:sync, 2})
        assert {:created, :file, Path.join(root, "a")} in events(messages)
        assert hd(seqs(messages)) == 1
      end
    end

    test "of a killed VM ends, while the other goes on", %{node: node, vm: vm} do
      other_vm = start_vm!(node)
      open!(vm, node)
      client = open!(other_vm, node)
      os_pid = :peer.call(vm, System, :pid, [])
      signal(os_pid, "KILL")
      eventually(fn -> match?({:ok, %{sessions: 1}}, on(other_vm, :genserver_call, [:lookout, node.name, :status])) end)
      assert {:ok, []} = reply(other_vm, client, {:ping, 1})
    end

    test "gets a request over the size limit refused, and the next one served", %{node: node, vm: vm} do
      client = open!(vm, node)
      on(vm, :request, [client, {:list, 1, [under: :binary.copy("a", 5_000_000)]}])
      assert {:data, {:reply, nil, {:error, {:frame_too_large, :read, nil, _detail}}}} = on(vm, :next, [client])
      assert {:ok, []} = reply(vm, client, {:ping, 2})
    end
  end

  describe "the node" do
    test "answers pings, is hidden, and calls are answered also to an alias", context do
      node = start_node!(context)
      vm = start_vm!(node)
      assert :peer.call(vm, Node, :ping, [node.name]) == :pong
      assert :peer.call(vm, Node, :list, []) == []
      assert :peer.call(vm, Node, :list, [:hidden]) == [node.name]
      assert {:error, :unknown_call} = on(vm, :genserver_call, [:lookout, node.name, :what])
    end

    test "says noproc of processes that it does not have, and notsup of erpc", context do
      node = start_node!(context)
      vm = start_vm!(node)
      assert :peer.call(vm, Node, :ping, [node.name]) == :pong
      assert on(vm, :down_of, [:nobody, node.name]) == :noproc
      assert on(vm, :genserver_call, [:nobody, node.name, :hello]) == {:exit, :noproc}
      assert {:error, {:erpc, :notsup}} = on(vm, :erpc, [node.name])
    end

    test "refuses another cookie, and its own name twice is the newer one's", context do
      node = start_node!(context)
      stranger = start_vm!(node, cookie: "guessed")
      assert :peer.call(stranger, Node, :ping, [node.name]) == :pang

      first = start_vm!(node, name: :twin)
      client = open!(first, node)
      second = start_vm!(node, name: :twin)
      assert :peer.call(second, Node, :ping, [node.name]) == :pong
      assert on(first, :next, [client]) == {:down, :noconnection}
      assert {:ok, %{sessions: 0}} = on(second, :genserver_call, [:lookout, node.name, :status])
    end

    test "ends on SIGTERM with status 0, and tells sessions, monitors and links", context do
      node = start_node!(context)
      vm = start_vm!(node)
      client = open!(vm, node)
      linked = on(vm, :watch_pid, [node.name, :link])
      monitor = on(vm, :watch_pid, [node.name, :monitor])
      signal(node.os_pid, "TERM")
      program = node.program
      assert_receive {^program, {:exit_status, 0}}, 20_000
      assert on(vm, :next, [client]) == {:exit_status, :shutdown}
      assert on(vm, :next, [client]) == {:down, :shutdown}
      assert on(vm, :signal_of, [linked]) == {:exit, :shutdown}
      assert on(vm, :signal_of, [monitor]) == {:down, :shutdown}
    end

    test "comes and goes for :net_kernel.monitor_nodes as a hidden node", context do
      node = start_node!(context)
      vm = start_vm!(node)
      watcher = on(vm, :watch_node, [node.name])
      assert on(vm, :signal_of, [watcher]) == {:nodeup, :hidden}
      signal(node.os_pid, "KILL")
      assert on(vm, :signal_of, [watcher]) == {:nodedown, :hidden}
      again = start_node!(context, port: node.port)
      assert :peer.call(vm, Node, :ping, [again.name]) == :pong
      assert on(vm, :signal_of, [watcher]) == {:nodeup, :hidden}
    end

    test "stays connected where nothing is sent but ticks", context do
      node = start_node!(context)
      # A tick each second; a node that answers none is away after five.
      vm = start_vm!(node, arguments: [~c"-kernel", ~c"net_ticktime", ~c"4"])
      client = open!(vm, node)
      Process.sleep(12_000)
      assert {:ok, []} = reply(vm, client, {:ping, 1})
      assert :peer.call(vm, Node, :list, [:hidden]) == [node.name]
    end

    test "listens on IPv6", context do
      node = start_node!(context, address: "[::1]")
      {:ok, socket} = :gen_tcp.connect(~c"::1", node.port, [:inet6, :binary, active: false])
      :ok = :gen_tcp.send(socket, <<6::16, 122, "watch">>)
      assert {:ok, <<119, 0, port::16, 72, _rest::binary>>} = :gen_tcp.recv(socket, 0, 20_000)
      assert port == node.port
    end

    test "has no more sessions than --max-sessions, and one more when one ends", context do
      node = start_node!(context, arguments: ["--max-sessions", "1"])
      vm = start_vm!(node)
      client = open!(vm, node)
      refused = on(vm, :open, [node.name])
      assert {:data, {:fatal, {:eagain, :open, nil, detail}}} = on(vm, :next, [refused])
      assert detail =~ "--max-sessions"
      assert on(vm, :next, [refused]) == {:exit_status, :eagain}
      assert on(vm, :next, [refused]) == {:down, :eagain}
      on(vm, :tell, [client, :close])
      assert {:down, :normal} = vm |> on(:until, [client, :down]) |> List.last()
      open!(vm, node)
    end

    test "refuses a cookie file that others may read", %{cookie: cookie} do
      File.chmod!(cookie, 0o644)
      arguments = ["--node", "watch@127.0.0.1", "--cookie-file", cookie]
      assert {output, 1} = System.cmd(Lookout.port_path(), arguments, stderr_to_stdout: true)
      assert output =~ cookie
      refute output =~ cookie()
    end
  end
end
