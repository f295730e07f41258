defmodule Lookout.Port.NodeConnection do
  @moduledoc false
  # A session of a `lookout_port` that runs as a node of the cluster (`lookout_port --node`), as in docs/protocol.md, "Over
  # Erlang distribution". The monitor of its process `lookout` names the session: it is an alias, and all that the node
  # sends has it. It has no state but `Lookout.Port.Connection`. `Lookout.Port.Bridge` opens it and calls its functions;
  # `Lookout.Port.Connection` sends with it, and `Lookout.Port.Program` gets the errors from it.
  #
  # Nothing here waits for the node: the VM connects in the background, keeps what is sent meanwhile, and reports a
  # connection that fails or is lost as a :DOWN message with the reason :noconnection.

  @behaviour Lookout.Port.Connection

  alias Lookout.Error
  alias Lookout.Port.Connection

  # Milliseconds within which the cause of a connection that could not be made is looked for.
  @diagnosis 2_000

  @impl true
  def open({node, opening}) do
    if Node.alive?(), do: {:ok, begin(node, opening)}, else: {:error, no_node(node)}
  end

  defp begin(node, opening) do
    ref = :erlang.monitor(:process, {:lookout, node}, alias: :explicit_unalias)
    Connection.enqueue(%Connection{transport: __MODULE__, port: ref, node: node}, opening)
  end

  @impl true
  def encode(request), do: {:command, request}

  # The connection is made by the monitor. Without one (:noconnect) the frame is lost, and the :DOWN message is on its way.
  @impl true
  def command(%Connection{port: ref, node: node}, frame) do
    :erlang.send({:lookout, node}, {ref, frame}, [:noconnect, :nosuspend]) != :nosuspend
  end

  @impl true
  def shut_down(bridge, _ping_id, _timeout), do: close(bridge)

  @impl true
  def close(bridge) do
    command(bridge, :close)
    leave(bridge)
  end

  # The end of the monitor tells the node that this session has no owner any more.
  @impl true
  def leave(%Connection{port: ref}) do
    :erlang.unalias(ref)
    :erlang.demonitor(ref, [:flush])
    Connection.forget(ref)
  end

  @impl true
  def kill(bridge), do: leave(bridge)

  ## Errors

  @doc "The error for a :DOWN message of a session that was open, or that was to be opened (`first`)."
  @spec lost(node, term, boolean, atom) :: Error.t()
  def lost(node, :noconnection, true, operation), do: error(:nodedown, operation, unreachable(node))

  def lost(node, :noconnection, false, operation),
    do: error(:nodedown, operation, "the connection to #{node} was lost")

  def lost(node, :noproc, _first, operation) do
    error(
      :noproc,
      operation,
      "#{node} has no process named lookout; it has to be a lookout_port that was started with --node"
    )
  end

  def lost(node, reason, _first, operation) do
    error(:nodedown, operation, "the process lookout of #{node} has ended: #{inspect(reason)}")
  end

  @doc "The error for a session that the node has ended, where it has given no detail."
  @spec ended(node, atom | integer, atom) :: Error.t()
  def ended(node, reason, operation) when is_atom(reason), do: error(reason, operation, "#{node} #{why(reason)}")

  def ended(node, status, operation),
    do: error(:port_exited, operation, "the lookout_port of #{node} ended with exit status #{status}")

  defp why(:in_use), do: "has an owner for this session already; stop that one, or take another name (option :session)"
  defp why(:not_allowed), do: "does not allow this; its options --allow and --commands say what it does"
  defp why(:eagain), do: "has no room for one more session; raise its option --max-sessions"
  defp why(:command_lost), do: "has lost the program that ran the command, which was killed; the command was ended"
  defp why(:shutdown), do: "is being shut down"
  defp why(:stalled), do: "has ended the session, because too much that it had sent was not taken"
  defp why(reason), do: "has ended the session: #{inspect(reason)}"

  defp no_node(node) do
    error(
      :nodedown,
      :connect,
      "this VM is no node, so it cannot reach #{node}; start it with a name (iex --sname app, or RELEASE_DISTRIBUTION of a release)"
    )
  end

  # Looks for the cause in a process of its own: names may take long to be resolved.
  defp unreachable(node) do
    :erpc.call(node(), fn -> cause(node) end, @diagnosis)
  catch
    :error, {:erpc, :timeout} ->
      "#{node} cannot be reached: its host did not answer within #{@diagnosis} ms; check the network and the firewall"
  end

  defp cause(node) do
    [name, host] = node |> Atom.to_charlist() |> :string.split(~c"@")

    cond do
      longnames?() != ?. in host ->
        names(node)

      :inet.getaddr(host, family()) == {:error, :nxdomain} ->
        "the host #{host} of #{node} is not known; correct the name"

      true ->
        by_epmd(node, name, host, :net_kernel.epmd_module().port_please(name, host, div(@diagnosis, 2)))
    end
  end

  defp longnames?, do: :net_kernel.longnames() == true

  # Which protocol the distribution of this VM uses is part of its command line only.
  defp family do
    case :init.get_argument(:proto_dist) do
      {:ok, [[proto | _] | _]} -> if List.to_string(proto) =~ "inet6", do: :inet6, else: :inet
      _default -> :inet
    end
  end

  defp names(node) do
    {mine, wanted} =
      if longnames?(), do: {"long names", "a host with a dot"}, else: {"short names", "a host without a dot"}

    "#{node} cannot be reached: #{node()} uses #{mine}, so it connects only to nodes with #{wanted}"
  end

  defp by_epmd(node, _name, _host, {:port, port, _version}) do
    "#{node} could not be connected to at port #{port}: the cookies may differ, it may have been started with another " <>
      "HOST in its name (--node), it may listen on 127.0.0.1 only (--listen), or a firewall is between"
  end

  defp by_epmd(node, name, host, _no_port) do
    "#{node} cannot be reached: the epmd of #{host} (port 4369) does not answer, or knows no node #{name}; " <>
      "start `lookout_port --node #{node}` there, or check the network and the firewall"
  end

  defp error(reason, operation, detail), do: %Error{reason: reason, operation: operation, detail: detail}
end
