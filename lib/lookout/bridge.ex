defmodule Lookout.Bridge do
  @moduledoc false
  # The port on `lookout_port`: the only module that calls Port.*. Frames go out at once or, while
  # the port is busy, wait in the outbox; the caller is never suspended.

  alias Lookout.{Error, Protocol, Sealed}

  @type t :: %__MODULE__{port: port, os_pid: nil | pos_integer, outbox: :queue.queue(Sealed.t(binary))}

  @enforce_keys [:port]
  defstruct [:port, :os_pid, outbox: :queue.new()]

  # Milliseconds between two tries to send to a busy port, where the caller does nothing else.
  @retry 10

  @doc "Where the build puts the program."
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
  Starts the program at `path`; the calling process owns the port. Its words come as messages: `{port, {:data, payload}}`,
  `{port, {:exit_status, status}}` and `{:EXIT, port, reason}`.
  """
  @spec open(binary) :: {:ok, t} | {:error, Error.t()}
  def open(path) do
    options = [:binary, {:packet, 4}, :exit_status, :hide, args: []]
    port = Port.open({:spawn_executable, path}, options)
    {:ok, %__MODULE__{port: port, os_pid: os_pid(port)}}
  catch
    # Not `rescue`: that makes of :system_limit and :badarg exceptions that do not hold the reason.
    :error, reason -> {:error, not_opened(reason, path)}
  end

  @doc "Sends a request. `:busy` says that it waits in the outbox: call `flush/1` later."
  @spec send(t, term) :: {:ok | :busy, t}
  def send(%__MODULE__{} = bridge, request) do
    flush(%{bridge | outbox: :queue.in(Sealed.seal(Protocol.encode(request)), bridge.outbox)})
  end

  @doc "Sends what waits in the outbox, as far as the port takes it."
  @spec flush(t) :: {:ok | :busy, t}
  def flush(%__MODULE__{} = bridge) do
    with {:value, frame} <- :queue.peek(bridge.outbox),
         true <- command(bridge.port, Sealed.open(frame)) do
      flush(%{bridge | outbox: :queue.drop(bridge.outbox)})
    else
      :empty -> {:ok, bridge}
      false -> {:busy, bridge}
    end
  end

  @doc """
  Ends the program by closing its standard input. One that does not answer within `patience` milliseconds would not see
  that (it is stopped, or hangs): it is killed.
  """
  @spec part(t, Protocol.id(), timeout) :: :ok
  def part(%__MODULE__{} = bridge, ping_id, patience) do
    bridge = %{bridge | outbox: :queue.new()}
    command(bridge.port, Protocol.encode({:ping, ping_id}))
    deadline = System.monotonic_time(:millisecond) + patience
    open? = Port.info(bridge.port) != nil

    if open? and not await(bridge, deadline, &match?({:reply, ^ping_id, _}, &1)),
      do: kill(bridge),
      else: close(bridge)
  end

  @doc "Closes the port. No message from it remains in the mailbox of the caller."
  @spec close(t) :: :ok
  def close(%__MODULE__{port: port}) do
    Process.unlink(port)

    try do
      Port.close(port)
    rescue
      # It is closed already.
      ArgumentError -> true
    end

    forget(port)
  end

  @doc """
  Ends a program that does not listen, and closes the port.

  While the port is open and no exit status has come the process id is still its own (but for the instant between its death
  and the message of it).
  """
  @spec kill(t) :: :ok
  def kill(%__MODULE__{} = bridge) do
    # The shell's own `kill`: no other program is needed for it.
    if bridge.os_pid && Port.info(bridge.port), do: :os.cmd(~c"kill -KILL #{bridge.os_pid}")
    close(bridge)
  end

  defp os_pid(port) do
    case Port.info(port, :os_pid) do
      {:os_pid, os_pid} -> os_pid
      # It has ended already; the exit status is on its way.
      nil -> nil
    end
  end

  defp command(port, frame) do
    Port.command(port, frame, [:nosuspend])
  rescue
    # The port is closed: the message that says so is in the mailbox, and the frame is lost with it.
    ArgumentError -> true
  end

  @doc """
  Takes what the program says until one message is what is waited for, or it has ended; false when the deadline (monotonic
  time, in milliseconds) comes first. Requests in the outbox are sent meanwhile.
  """
  @spec await(t, integer, (Protocol.message() -> boolean)) :: boolean
  def await(%__MODULE__{port: port} = bridge, deadline, awaited?) do
    receive do
      {^port, {:data, payload}} ->
        awaited?.(Protocol.decode(payload)) or await(bridge, deadline, awaited?)

      {^port, {:exit_status, _status}} ->
        true

      {:EXIT, ^port, _reason} ->
        true
    after
      patience(bridge, deadline) ->
        left(deadline) > 0 and bridge |> flush() |> elem(1) |> await(deadline, awaited?)
    end
  end

  @doc "How many milliseconds to wait for a message: until the deadline, or shortly where the outbox is to be flushed again."
  @spec patience(t, integer) :: non_neg_integer
  def patience(bridge, deadline) do
    if :queue.is_empty(bridge.outbox), do: left(deadline), else: min(left(deadline), @retry)
  end

  defp left(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)

  defp forget(port) do
    receive do
      {^port, _message} -> forget(port)
      {:EXIT, ^port, _reason} -> forget(port)
    after
      0 -> :ok
    end
  end

  defp not_opened(reason, path) do
    %Error{reason: reason, operation: :open_port, path: path, detail: advice(reason)}
  end

  defp advice(:enoent) do
    "the program lookout_port is not there; `mix compile` builds it " <>
      "(in a project that depends on Lookout: `mix deps.compile lookout --force`)"
  end

  defp advice(:eacces) do
    "the program lookout_port may not be executed; give it the right (chmod +x) or build it again with `mix compile`"
  end

  defp advice(reason) when reason in [:emfile, :enfile, :system_limit] do
    "no more ports, files or processes are to be had; raise the limit (ulimit -n, or +Q of erl)"
  end

  defp advice(reason), do: "the program lookout_port could not be started: #{inspect(reason)}"
end
