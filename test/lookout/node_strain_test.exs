defmodule Lookout.NodeStrainTest do
  # A `lookout_port --node` beside strangers, and in long silence. `mix test --include slow` runs those that take a minute.
  use Lookout.NodeCase, async: true

  @strangers 10_000
  # How many of them are open here at once; the node closes the oldest at more than 64.
  @open_here 256

  @tag timeout: 300_000
  test "10,000 connections that say nothing cost no memory, and other clients notice nothing", context do
    node = start_node!(context)
    vm = start_vm!(node)
    client = open!(vm, node)
    watch!(vm, client, context.root)
    before = resident(node)

    strangers =
      for number <- 1..@strangers, reduce: :queue.new() do
        strangers ->
          if rem(number, 1_000) == 0, do: assert_served(context, vm, client, number)
          {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, node.port, [:binary, active: false], 60_000)
          close_oldest(:queue.in(socket, strangers))
      end

    assert resident(node) - before < 4 * 1024 * 1024
    assert {:ok, %{sessions: 1}} = on(vm, :genserver_call, [:lookout, node.name, :status])

    # With the last of them still there, a newcomer is authenticated.
    newcomer = start_vm!(node)
    assert {:ok, []} = reply(newcomer, open!(newcomer, node), {:ping, 1})
    for socket <- :queue.to_list(strangers), do: :gen_tcp.close(socket)
  end

  # It is answered, and has an event of its own.
  defp assert_served(%{root: root}, vm, client, number) do
    path = Path.join(root, "file_#{number}")
    File.write!(path, "x")
    assert {{:ok, _seq}, messages} = reply(vm, client, {:sync, number})
    assert {:created, :file, path} in events(messages)
  end

  defp close_oldest(strangers) do
    if :queue.len(strangers) > @open_here do
      {{:value, socket}, strangers} = :queue.out(strangers)
      :gen_tcp.close(socket)
      strangers
    else
      strangers
    end
  end

  defp resident(node) do
    [_all, kib] = Regex.run(~r/^VmRSS:\s+(\d+) kB/m, File.read!("/proc/#{node.os_pid}/status"))
    String.to_integer(kib) * 1024
  end

  @tag :slow
  @tag timeout: 180_000
  test "a connection without a message stays beyond many tick times of the VM", context do
    node = start_node!(context)
    vm = start_vm!(node, arguments: [~c"-kernel", ~c"net_ticktime", ~c"8"])
    assert :peer.call(vm, :net_kernel, :get_net_ticktime, []) == 8
    # Without a name the session would end with the connection.
    client = open!(vm, node)
    watch!(vm, client, context.root)
    Process.sleep(60_000)
    assert {:ok, []} = reply(vm, client, {:ping, 1})
    File.write!(Path.join(context.root, "a"), "x")
    assert {{:ok, _seq}, messages} = reply(vm, client, {:sync, 2})
    assert {:created, :file, Path.join(context.root, "a")} in events(messages)
  end
end
