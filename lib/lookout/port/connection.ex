defmodule Lookout.Port.Connection do
  @moduledoc false
  # The state of a connection to a `lookout_port`, its outbox and its messages; and the calls that a kind of connection
  # (`transport`) must have. The struct is the field `bridge` of `Lookout.Port.Program`. `Lookout.Port.Bridge` and the transports
  # call the functions.

  alias Lookout.Error
  alias Lookout.Port.Protocol
  alias Lookout.Support.Sealed

  @type transport :: module
  @type t :: %__MODULE__{
          transport: transport,
          port: port | reference,
          node: nil | node,
          os_pid: nil | pos_integer,
          outbox: :queue.queue(Sealed.t(term))
        }

  @typedoc "The path of a `lookout_port`; or a node, and the message that opens a session there (docs/protocol.md)."
  @type target :: binary | {node, :open | {:open, binary, non_neg_integer, non_neg_integer}}

  @doc "Opens the connection for the calling process."
  @callback open(target) :: {:ok, t} | {:error, Error.t()}
  @doc "What `command/2` takes for a request."
  @callback encode(term) :: term
  @doc "Sends a frame; false if the connection is busy. The frame is lost if the connection is closed."
  @callback command(t, frame :: term) :: boolean
  @doc "Ends `lookout_port`, or the session, in good order."
  @callback shut_down(t, Protocol.id(), timeout) :: :ok
  @doc "Closes the connection, which ends `lookout_port` or the session."
  @callback close(t) :: :ok
  @doc "Closes the connection. A session with a name stays, for its next owner."
  @callback leave(t) :: :ok
  @doc "Ends a `lookout_port` that does not answer."
  @callback kill(t) :: :ok

  @enforce_keys [:transport, :port]
  defstruct [:transport, :port, :node, :os_pid, outbox: :queue.new()]

  # Milliseconds between two attempts to send on a busy connection, while `await/3` blocks.
  @retry 10

  @doc "Appends a frame to the outbox."
  @spec enqueue(t, term) :: t
  def enqueue(%__MODULE__{} = bridge, frame), do: %{bridge | outbox: :queue.in(Sealed.seal(frame), bridge.outbox)}

  @doc "Sends the frames in the outbox until it is empty (`:ok`) or the connection is busy (`:busy`)."
  @spec flush(t) :: {:ok | :busy, t}
  def flush(%__MODULE__{transport: transport} = bridge) do
    with {:value, frame} <- :queue.peek(bridge.outbox),
         true <- transport.command(bridge, Sealed.open(frame)) do
      flush(%{bridge | outbox: :queue.drop(bridge.outbox)})
    else
      :empty -> {:ok, bridge}
      false -> {:busy, bridge}
    end
  end

  @doc """
  Receives and drops messages of `lookout_port` until `awaited?` returns a truthy value for one, which it returns, or until
  `lookout_port` ends (`true`). False if the deadline (monotonic time in milliseconds) passes first. Sends the requests in the outbox
  meanwhile.
  """
  @spec await(t, integer, (Protocol.message() -> as_boolean(term))) :: as_boolean(term)
  def await(%__MODULE__{port: port} = bridge, deadline, awaited?) do
    receive do
      {^port, {:data, data}} ->
        awaited?.(Protocol.decode(data)) || await(bridge, deadline, awaited?)

      {^port, {:exit_status, _status}} ->
        true

      {:EXIT, ^port, _reason} ->
        true

      {:DOWN, ^port, :process, _lookout, _reason} ->
        true
    after
      receive_timeout(bridge, deadline) ->
        left(deadline) > 0 and bridge |> flush() |> elem(1) |> await(deadline, awaited?)
    end
  end

  @doc "How many milliseconds to wait for a message: until the deadline, or a shorter time while frames are in the outbox."
  @spec receive_timeout(t, integer) :: non_neg_integer
  def receive_timeout(bridge, deadline) do
    if :queue.is_empty(bridge.outbox), do: left(deadline), else: min(left(deadline), @retry)
  end

  defp left(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)

  @doc "Removes the messages of a closed connection from the mailbox of the caller."
  @spec forget(port | reference) :: :ok
  def forget(port) do
    receive do
      {^port, _message} -> forget(port)
      {:EXIT, ^port, _reason} -> forget(port)
    after
      0 -> :ok
    end
  end
end
