defmodule Lookout.Bridge do
  @moduledoc false
  # The Erlang port of `lookout_port`: frames are sent at once or, while the port is busy, queued in the outbox. The
  # calling process is never suspended by a busy port.

  alias Lookout.{Error, Protocol, Sealed}

  @type t :: %__MODULE__{port: port, os_pid: nil | pos_integer, outbox: :queue.queue(Sealed.t(binary))}

  @enforce_keys [:port]
  defstruct [:port, :os_pid, outbox: :queue.new()]

  # Milliseconds between two attempts to send to a busy port, while `await/3` blocks.
  @retry 10

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
  Starts the `lookout_port` at `path`. The calling process owns the port and receives its messages: `{port, {:data, payload}}`,
  `{port, {:exit_status, status}}` and `{:EXIT, port, reason}`.
  """
  @spec open(binary) :: {:ok, t} | {:error, Error.t()}
  def open(path) do
    options = [:binary, {:packet, 4}, :exit_status, :hide, args: []]
    port = Port.open({:spawn_executable, path}, options)
    {:ok, %__MODULE__{port: port, os_pid: os_pid(port)}}
  catch
    # `catch` instead of `rescue`: `rescue` turns :system_limit and :badarg into exceptions that do not hold the reason.
    :error, reason -> {:error, not_opened(reason, path)}
  end

  @doc "Sends a request. `:busy`: the port is busy and the request waits in the outbox; call `flush/1` later."
  @spec send(t, term) :: {:ok | :busy, t}
  def send(%__MODULE__{} = bridge, request) do
    flush(%{bridge | outbox: :queue.in(Sealed.seal(Protocol.encode(request)), bridge.outbox)})
  end

  @doc "Sends the frames in the outbox until it is empty (`:ok`) or the port is busy (`:busy`)."
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
  Shuts `lookout_port` down by closing its standard input. Pings it first: a process that does not reply within `patience` milliseconds
  (it is stopped or hangs) would not notice the end of its input either, so it is killed with SIGKILL.
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
      # The port was already closed.
      ArgumentError -> true
    end

    forget(port)
  end

  @doc """
  Kills `lookout_port` with SIGKILL and closes the port.

  While the port is open and no exit status has arrived, the process id still belongs to `lookout_port`, except in the instant between
  its death and the message about it.
  """
  @spec kill(t) :: :ok
  def kill(%__MODULE__{} = bridge) do
    # `kill` is a builtin of the shell, so no other program has to be installed.
    if bridge.os_pid && Port.info(bridge.port), do: :os.cmd(~c"kill -KILL #{bridge.os_pid}")
    close(bridge)
  end

  defp os_pid(port) do
    case Port.info(port, :os_pid) do
      {:os_pid, os_pid} -> os_pid
      # `lookout_port` has already exited; its exit status is on the way to the mailbox.
      nil -> nil
    end
  end

  defp command(port, frame) do
    Port.command(port, frame, [:nosuspend])
  rescue
    # The port is closed: its exit message is already in the mailbox. The frame is lost.
    ArgumentError -> true
  end

  @doc """
  Receives and drops messages of `lookout_port` until `awaited?` returns true for one, or until it ends. False if the deadline
  (monotonic time in milliseconds) passes first. Sends the requests in the outbox meanwhile.
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

  @doc "How many milliseconds to wait for a message: until the deadline, or a shorter time while frames are in the outbox."
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
