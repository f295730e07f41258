defmodule Lookout.NodeInteropTest do
  use Lookout.NodeCase, async: true

  # `lookout_port --node` and VMs as users run them.

  describe "epmd" do
    defp start_epmd!(port) do
      {_output, 0} = System.cmd("epmd", ["-daemon", "-relaxed_command_check", "-port", "#{port}"])
      on_exit(fn -> stop_epmd(port) end)
    end

    defp stop_epmd(port), do: System.cmd("epmd", ["-port", "#{port}", "-kill"], stderr_to_stdout: true)

    defp registered?(epmd, port) do
      {output, _status} = System.cmd("epmd", ["-port", "#{epmd}", "-names"], stderr_to_stdout: true)
      output =~ "name watch at port #{port}"
    end

    test "knows the node, also when it is restarted, and VMs find it there", context do
      epmd = free_port!()
      # Without an epmd it runs, says so once, and goes on trying.
      %{program: program} = node = start_node!(context, epmd: epmd)
      assert_receive {^program, {:data, {:eol, complaint}}}, 20_000
      assert complaint =~ "epmd at 127.0.0.1:#{epmd}"
      start_epmd!(epmd)
      eventually(fn -> registered?(epmd, node.port) end)
      {_output, 0} = stop_epmd(epmd)
      start_epmd!(epmd)
      eventually(fn -> registered?(epmd, node.port) end)
      vm = start_vm!(node, epmd: epmd)
      assert :peer.call(vm, Node, :ping, [node.name]) == :pong
      signal(node.os_pid, "TERM")
      assert_receive {^program, {:exit_status, 0}}, 20_000
      eventually(fn -> not registered?(epmd, node.port) end)
    end
  end

  test "a VM that speaks IPv6 watches", context do
    node = start_node!(context, address: "[::1]", host: "::1")
    vm = start_vm!(node, host: "::1", arguments: [~c"-proto_dist", ~c"inet6_tcp"])
    client = open!(vm, node)
    watch!(vm, client, context.root)
  end

  test "a VM with -proto_dist inet_tls watches through a proxy that ends TLS", context do
    node = start_node!(context)
    proxy = start_tls_proxy!(context.node_dir, node.port)
    options = Path.join(context.node_dir, "tls.conf")
    File.write!(options, "[{client, [{verify, verify_none}]}].\n")
    arguments = [~c"-proto_dist", ~c"inet_tls", ~c"-ssl_dist_optfile", to_charlist(options)]
    vm = start_vm!(node, port: proxy, arguments: arguments)
    client = open!(vm, node)
    watch!(vm, client, context.root)
    File.write!(Path.join(context.root, "a"), "x")
    assert {{:ok, _seq}, messages} = reply(vm, client, {:sync, 2})
    assert {:created, :file, Path.join(context.root, "a")} in events(messages)
  end

  # Passes on what comes by TLS to the port, and back.
  defp start_tls_proxy!(dir, port) do
    key = Path.join(dir, "key.pem")
    certificate = Path.join(dir, "certificate.pem")

    {_output, 0} =
      System.cmd(
        "openssl",
        ~w(req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=watch -keyout) ++ [key, "-out", certificate],
        stderr_to_stdout: true
      )

    {:ok, _started} = Application.ensure_all_started(:ssl)
    {:ok, listener} = :ssl.listen(0, [:binary, certfile: certificate, keyfile: key, active: false, ip: {127, 0, 0, 1}])
    {:ok, {_address, proxy}} = :ssl.sockname(listener)

    start_supervised!(
      {Task,
       fn ->
         {:ok, accepted} = :ssl.transport_accept(listener)
         {:ok, inside} = :ssl.handshake(accepted)
         {:ok, outside} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: true])
         :ok = :ssl.setopts(inside, active: true)
         pass_on(inside, outside)
       end}
    )

    proxy
  end

  defp pass_on(inside, outside) do
    receive do
      {:ssl, ^inside, bytes} -> :gen_tcp.send(outside, bytes)
      {:tcp, ^outside, bytes} -> :ssl.send(inside, bytes)
      {:ssl_closed, ^inside} -> exit(:normal)
      {:tcp_closed, ^outside} -> exit(:normal)
    end

    pass_on(inside, outside)
  end

  describe "a VM that is stopped" do
    setup context do
      node = start_node!(context)
      [stopped, other] = for _vm <- 1..2, do: start_vm!(node)
      clients = for vm <- [stopped, other], do: open!(vm, node)
      for {vm, client} <- Enum.zip([stopped, other], clients), do: watch!(vm, client, context.root)
      {:ok, node: node, stopped: stopped, other: other, clients: clients}
    end

    test "holds up no other one, costs bounded memory, and has it all when it goes on", context do
      %{node: node, stopped: stopped, other: other, clients: [late, prompt], root: root} = context
      os_pid = :peer.call(stopped, System, :pid, [])
      signal(os_pid, "STOP")

      last =
        for round <- 1..20 do
          for number <- 1..500, do: File.write!(Path.join(root, "#{round}-#{number}-#{String.duplicate("n", 200)}"), "")
          assert {{:ok, last}, messages} = reply(other, prompt, {:sync, 100 + round})
          assert length(events(messages)) >= 500
          last
        end

      assert List.last(last) > 0
      {:ok, status} = File.read("/proc/#{node.os_pid}/statm")
      [_size, resident | _rest] = status |> String.split() |> Enum.map(&String.to_integer/1)
      assert resident * 4096 < 150_000_000
      signal(os_pid, "CONT")
      assert {{:ok, _last}, messages} = reply(stopped, late, {:sync, 2})
      assert length(for {:created, :file, _path} = event <- events(messages), do: event) == 10_000
    end
  end

  test "a node that was stopped goes on where it was", context do
    node = start_node!(context)
    vm = start_vm!(node)
    client = open!(vm, node)
    watch!(vm, client, context.root)
    signal(node.os_pid, "STOP")
    File.write!(Path.join(context.root, "a"), "x")
    on(vm, :request, [client, {:sync, 2}])
    signal(node.os_pid, "CONT")
    assert {:data, {:reply, 2, {:ok, _seq}}} = List.last(on(vm, :until, [client, :reply]))
  end

  test "the unit of systemd in examples/ is one", %{node_dir: dir} do
    if analyze = System.find_executable("systemd-analyze") do
      unit = File.read!(Path.expand("../../examples/lookout-node.service", __DIR__))
      path = Path.join(dir, "lookout-node.service")
      File.write!(path, String.replace(unit, "/usr/local/bin/lookout_port", System.find_executable("true")))
      assert {"", 0} = System.cmd(analyze, ["verify", "--man=no", path], stderr_to_stdout: true)
    end
  end
end
