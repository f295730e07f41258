defmodule Lookout.DistributionTest do
  use Lookout.Case, async: true

  alias Lookout.Error

  # Two nodes that find each other by a port instead of epmd, led through their standard streams.
  setup do
    {:ok, socket} = :gen_tcp.listen(0, [])
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    {server, name} = node!("server", port, [])
    {client, _name} = node!("client", port, [~c"-dist_listen", ~c"false"])
    {:ok, server: server, name: name, client: client}
  end

  defp node!(name, port, arguments) do
    code_path = for dir <- :code.get_path(), argument <- [~c"-pa", dir], do: argument
    epmd = [~c"-start_epmd", ~c"false", ~c"-erl_epmd_port", Integer.to_charlist(port)]

    {:ok, peer, node} =
      :peer.start_link(%{
        name: :"lookout-#{name}-#{System.pid()}-#{port}",
        host: ~c"127.0.0.1",
        longnames: true,
        connection: :standard_io,
        args: epmd ++ arguments ++ code_path
      })

    {:ok, _started} = :peer.call(peer, :application, :ensure_all_started, [:elixir])
    {peer, node}
  end

  test "a subscriber may live on another node, if it says how many batches it wants", context do
    %{dir: dir, server: server, name: node, client: client} = context
    {:ok, watcher} = :peer.call(server, Lookout.Remote, :start, [[dirs: dir, name: :remote]])
    used = :peer.call(client, Lookout.Remote, :use, [{:remote, node}, dir], 30_000)

    assert {:error, %Error{reason: :remote, detail: detail}} = used.refused
    assert detail =~ "active: n"
    assert %{node: ^node, entries: 1, seq: seq, messages: [{:events, seq, [%{change: :created}]}]} = used
    assert :peer.call(server, Lookout, :stop, [watcher]) == :ok
    assert {:error, %Error{reason: :noproc}} = :peer.call(client, Lookout, :dirs, [{:remote, node}])
  end
end
