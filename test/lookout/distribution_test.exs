defmodule Lookout.DistributionTest do
  use Lookout.Case, async: true

  alias Lookout.Error

  # Two nodes that find each other by a port instead of epmd, led through their standard streams. The kernel chooses the
  # port when the server listens, so no other test can have it.
  setup do
    {server, name} = node!("server", 0, [])
    {client, _name} = node!("client", listening_port(server), [~c"-dist_listen", ~c"false"])
    {:ok, server: server, name: name, client: client}
  end

  # If an epmd runs on this host, the node has a connection to it, too.
  defp listening_port(peer) do
    ports = :peer.call(peer, :erlang, :ports, [])
    listening = for port <- ports, :peer.call(peer, :inet, :peername, [port]) == {:error, :enotconn}, do: port
    [{:ok, {_address, number}}] = for port <- listening, do: :peer.call(peer, :inet, :sockname, [port])
    number
  end

  defp node!(name, port, arguments) do
    code_path = for dir <- :code.get_path(), argument <- [~c"-pa", dir], do: argument
    epmd = [~c"-start_epmd", ~c"false", ~c"-erl_epmd_port", Integer.to_charlist(port)]

    {:ok, peer, node} =
      :peer.start_link(%{
        name: :"lookout-#{name}-#{System.pid()}-#{System.unique_integer([:positive])}",
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
    used = :peer.call(client, Lookout.Remote, :subscribe_and_list, [{:remote, node}, dir], 30_000)

    assert {:error, %Error{reason: :remote, detail: detail}} = used.refused
    assert detail =~ "active: n"
    assert %{node: ^node, entries: 1, seq: seq, messages: [{:events, seq, [%{change: :created}]}]} = used
    assert :peer.call(server, Lookout, :stop, [watcher]) == :ok
    assert {:error, %Error{reason: :noproc}} = :peer.call(client, Lookout, :dirs, [{:remote, node}])
  end

  describe "a watcher of another node" do
    setup %{dir: dir, server: server, name: node} do
      {:ok, watcher} = :peer.call(server, Lookout.Remote, :start, [[dirs: dir, name: :remote]])
      {:ok, watcher: watcher, remote: {:remote, node}}
    end

    test "is :nodedown for every call when its node is gone", context do
      %{server: server, client: client, watcher: watcher, remote: remote} = context
      {:ok, [_dir]} = :peer.call(client, Lookout, :dirs, [watcher])
      :peer.stop(server)

      for watcher <- [watcher, remote], {function, result} <- on(client, :results, [watcher]) do
        assert {^function, {:error, %Error{reason: :nodedown}}} = {function, result}
      end
    end

    test "is lost with the connection, as a monitor of its pid says, and takes the subscriber again", context do
      %{dir: dir, server: server, client: client, watcher: watcher, remote: remote} = context
      seen = on(client, :reconnect, [remote, dir])
      assert [{:events, 1, [%{change: :created}]}] = seen.before
      assert seen.down == :noconnection
      assert {:error, %Error{reason: :not_subscribed}} = seen.asked
      assert [{:events, 2, [%{change: :created}]}] = seen.again
      eventually(fn -> match?({:ok, %{subscribers: 0}}, :peer.call(server, Lookout, :info, [watcher])) end)
    end

    test "has a runner here, which asks for what it takes, and ends when the node is gone", context do
      seen = on(context.client, :run, [context.remote, context.dir, 100])
      assert seen.ran == 100
      assert %Error{reason: :nodedown} = seen.reason
    end

    test "takes no path that is relative to something of this node", context do
      for path <- ["lib", "~/lib", "~", ~c"lib"], message <- on(context.client, :paths, [context.remote, path]) do
        assert message =~ ~r/^Lookout: (add|remove|list): expected an absolute path, since .* is on another node/
      end

      assert [:ok, :ok | _listed] = on(context.client, :paths, [context.remote, context.dir <> "/a/.."])
      assert [:ok, :ok | _listed] = on(context.server, :paths, [:remote, "c_src"])
    end

    test "takes no request whose caller has given up", context do
      %{server: server, client: client, watcher: watcher, remote: remote} = context
      :ok = :peer.call(server, :sys, :suspend, [watcher])
      assert {:error, %Error{reason: :timeout}} = on(client, :call_with_short_timeout, [remote, {:add, "/usr/include"}])
      assert {:error, %Error{reason: :timeout}} = on(client, :call_with_short_timeout, [remote, {:remove, context.dir}])
      :ok = :peer.call(server, :sys, :resume, [watcher])
      assert :peer.call(client, Lookout, :dirs, [remote]) == {:ok, [context.dir]}
    end

    defp on(peer, function, arguments), do: :peer.call(peer, Lookout.Remote, function, arguments, 60_000)
  end
end
