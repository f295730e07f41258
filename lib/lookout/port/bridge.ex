defmodule Lookout.Port.Bridge do
  @moduledoc false
  # The connection to a `lookout_port`: an Erlang port (`Lookout.Port.LocalConnection`), or a session of a `lookout_port` that runs as
  # a node of the cluster (`Lookout.Port.NodeConnection`). The module is chosen once, by `open/1`. Requests are sent at once or,
  # while the connection is busy, queued in the outbox. The calling process is never suspended by a busy connection.
  # `Lookout.Port.Program` keeps the connection in its field `bridge` and calls this module. `Lookout.Command.Shutdown` receives
  # with it while it blocks, and `Lookout.Doctor.Trials` opens one for a check.
  #
  # The owner receives `{port, {:data, data}}` and `{port, {:exit_status, status}}`, where `port` is the field of that name:
  # a port, or the reference of a session. A port also sends `{:EXIT, port, reason}`, a session
  # `{:DOWN, port, :process, {:lookout, node}, reason}`.

  alias Lookout.Error
  alias Lookout.Port.{Connection, LocalConnection, NodeConnection, Protocol}

  @type t :: Connection.t()

  @typedoc "The path of a `lookout_port`; or a node, and the message that opens a session there (docs/protocol.md)."
  @type target :: Connection.target()

  @doc "Where the build installs `lookout_port`."
  @spec default_path() :: binary
  def default_path do
    priv =
      case :code.priv_dir(:lookout) do
        {:error, :bad_name} -> Path.join(Path.dirname(Path.dirname(:code.which(__MODULE__))), "priv")
        dir -> dir
      end

    Path.join(priv, "lookout_port")
  end

  @doc """
  Starts the `lookout_port` at a path, or opens a session on a node. The calling process owns the connection. A session is opened by the
  first `flush/1`.
  """
  @spec open(target) :: {:ok, t} | {:error, Error.t()}
  def open(path) when is_binary(path), do: LocalConnection.open(path)
  def open({_node, _opening} = target), do: NodeConnection.open(target)

  @doc "Sends a request. `:busy`: the connection is busy and the request waits in the outbox; call `flush/1` later."
  @spec send(t, term) :: {:ok | :busy, t}
  def send(%Connection{transport: transport} = bridge, request) do
    bridge |> Connection.enqueue(transport.encode(request)) |> Connection.flush()
  end

  defdelegate flush(bridge), to: Connection
  defdelegate await(bridge, deadline, awaited?), to: Connection
  defdelegate receive_timeout(bridge, deadline), to: Connection

  @doc """
  Shuts `lookout_port` down by closing its standard input. Pings it first: a process that does not reply within `timeout` milliseconds
  (it is stopped or hangs) would not notice the end of its input either, so it is killed with SIGKILL. A session is closed at once.
  """
  @spec shut_down(t, Protocol.id(), timeout) :: :ok
  def shut_down(%Connection{transport: transport} = bridge, ping_id, timeout) do
    transport.shut_down(%{bridge | outbox: :queue.new()}, ping_id, timeout)
  end

  @doc "Closes the connection. No message from it remains in the mailbox of the caller."
  @spec close(t) :: :ok
  def close(%Connection{transport: transport} = bridge), do: transport.close(bridge)

  @doc "As `close/1`, but a session with a name stays on its node, for its next owner."
  @spec leave(t) :: :ok
  def leave(%Connection{transport: transport} = bridge), do: transport.leave(bridge)

  @doc "Kills `lookout_port` with SIGKILL, and closes the connection. The `lookout_port` of a node serves others: it is only left."
  @spec kill(t) :: :ok
  def kill(%Connection{transport: transport} = bridge), do: transport.kill(bridge)
end
