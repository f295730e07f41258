defmodule Lookout.NodeClient do
  @moduledoc false
  # A process that owns a session of `lookout_port --node`, by plain messages. Called on the client's node by :peer.call.

  @patience 30_000

  @doc "Opens a session from a new process; `open` is `:open` or `{:open, name, linger, last_batch}`."
  def open(node, open \\ :open) do
    true = Node.connect(node)

    spawn(fn ->
      ref = :erlang.monitor(:process, {:lookout, node}, alias: :explicit_unalias)
      send({:lookout, node}, {ref, open})
      serve(node, ref)
    end)
  end

  @doc "Sends `{ref, message}`."
  def tell(client, message), do: send(client, {:tell, message})

  def request(client, request), do: tell(client, {:command, request})

  @doc "The next message of the session, without its reference; `{:down, reason}` for that of the monitor."
  def next(client), do: call(client, :next)

  @doc "Takes messages until one is of this kind, and returns all."
  def until(client, kind), do: call(client, {:until, kind})

  @doc "Takes its monitor off the session."
  def demonitor(client), do: call(client, :demonitor)

  defp call(client, request) do
    ref = Process.monitor(client)
    send(client, {:call, self(), ref, request})

    receive do
      {^ref, answer} -> Process.demonitor(ref, [:flush]) && answer
      {:DOWN, ^ref, :process, _pid, reason} -> exit(reason)
    after
      @patience -> exit(:no_message)
    end
  end

  defp serve(node, ref) do
    receive do
      {:tell, message} ->
        send({:lookout, node}, {ref, message})

      {:call, from, tag, :next} ->
        send(from, {tag, take(ref)})

      {:call, from, tag, :demonitor} ->
        send(from, {tag, Process.demonitor(ref)})

      {:call, from, tag, {:until, kind}} ->
        send(from, {tag, take_until(ref, kind)})
    end

    serve(node, ref)
  end

  defp take(ref) do
    receive do
      {^ref, message} -> message
      {:DOWN, ^ref, :process, {:lookout, _node}, reason} -> {:down, reason}
    after
      @patience -> exit(:no_message)
    end
  end

  defp take_until(ref, kind) do
    message = take(ref)

    case message do
      {:data, data} when elem(data, 0) == kind -> [message]
      {^kind, _reason} -> [message]
      _other -> [message | take_until(ref, kind)]
    end
  end

  @doc "The messages that come to a process for a function that was called in it: for links and monitors of this node's pid."
  def watch_pid(node, kind) do
    true = Node.connect(node)
    caller = self()

    spawn(fn ->
      Process.flag(:trap_exit, true)
      {:ok, %{pid: pid}} = GenServer.call({:lookout, node}, :status)
      if kind == :link, do: Process.link(pid), else: Process.monitor(pid)
      # The connection is ordered, so the link or the monitor has arrived when this is answered.
      {:ok, _status} = GenServer.call({:lookout, node}, :status)
      send(caller, {self(), :ready})
      serve_signals(pid)
    end)
    |> tap(fn process ->
      receive do
        {^process, :ready} -> :ok
      end
    end)
  end

  @doc "The next signal or message of such a process."
  def signal_of(process), do: call(process, :next)

  defp serve_signals(pid) do
    receive do
      {:call, from, tag, :next} ->
        receive do
          {:EXIT, ^pid, reason} -> send(from, {tag, {:exit, reason}})
          {:DOWN, _ref, :process, ^pid, reason} -> send(from, {tag, {:down, reason}})
        end
    end

    serve_signals(pid)
  end

  @doc "A process that gets the messages of :net_kernel.monitor_nodes/2 about the node, which it connects to."
  def watch_node(node) do
    caller = self()

    process =
      spawn(fn ->
        :ok = :net_kernel.monitor_nodes(true, node_type: :all)
        true = Node.connect(node)
        send(caller, {self(), :ready})
        serve_node(node)
      end)

    receive do
      {^process, :ready} -> process
    end
  end

  defp serve_node(node) do
    receive do
      {:call, from, tag, :next} ->
        receive do
          {change, ^node, info} when change in [:nodeup, :nodedown] -> send(from, {tag, {change, info[:node_type]}})
        end
    end

    serve_node(node)
  end

  @doc "What a monitor of a process by this name says, where there is none."
  def down_of(name, node) do
    ref = Process.monitor({name, node})

    receive do
      {:DOWN, ^ref, :process, {^name, ^node}, reason} -> reason
    after
      @patience -> :nothing
    end
  end

  @doc "The outcome of a GenServer.call to a process of the node."
  def genserver_call(name, node, request) do
    GenServer.call({name, node}, request, @patience)
  catch
    :exit, {reason, _call} -> {:exit, reason}
  end

  @doc "How an erpc call fails there."
  def erpc(node) do
    :erpc.call(node, :erlang, :node, [], @patience)
  catch
    class, reason -> {class, reason}
  end
end
