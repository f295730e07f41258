defmodule Lookout.Port.LocalConnection do
  @moduledoc false
  # The connection to a `lookout_port` that this VM runs as a port program. It has no state but `Lookout.Port.Connection`.
  # `Lookout.Port.Bridge` opens it and calls its functions; `Lookout.Port.Connection` sends with it.

  @behaviour Lookout.Port.Connection

  alias Lookout.Error
  alias Lookout.Port.{Connection, Protocol}
  alias Lookout.Support.Paths

  @kill_timeout 1_000

  @impl true
  def open(path) do
    options = [:binary, {:packet, 4}, :exit_status, :hide, args: []]
    port = Port.open({:spawn_executable, path}, options)
    {:ok, %Connection{transport: __MODULE__, port: port, os_pid: os_pid(port)}}
  catch
    # `catch` instead of `rescue`: `rescue` turns :system_limit and :badarg into exceptions that do not hold the reason.
    :error, reason -> {:error, not_opened(reason, path)}
  end

  @impl true
  def encode(request), do: Protocol.encode(request)

  @impl true
  def command(%Connection{port: port}, frame) do
    Port.command(port, frame, [:nosuspend])
  rescue
    # The port is closed, so the frame is lost. The exit message is already in the mailbox of the owner.
    ArgumentError -> true
  end

  @impl true
  def shut_down(bridge, ping_id, timeout) do
    # A busy port does not take the ping at once.
    {_sent, bridge} = bridge |> Connection.enqueue(encode({:ping, ping_id})) |> Connection.flush()
    deadline = System.monotonic_time(:millisecond) + timeout
    open? = Port.info(bridge.port) != nil

    if open? and not Connection.await(bridge, deadline, &match?({:reply, ^ping_id, _}, &1)),
      do: kill(bridge),
      else: close(bridge)
  end

  @impl true
  def close(%Connection{port: port}) do
    Process.unlink(port)

    try do
      Port.close(port)
    rescue
      # The port was already closed.
      ArgumentError -> true
    end

    Connection.forget(port)
  end

  @impl true
  def leave(bridge), do: close(bridge)

  # While the port is open and no exit status has arrived, the process id still belongs to `lookout_port`, except in the
  # instant between its death and the message about it.
  @impl true
  def kill(%Connection{} = bridge) do
    if bridge.os_pid && Port.info(bridge.port), do: kill_program(bridge.os_pid)
    close(bridge)
  end

  # `kill` is a builtin of the shell, so no other program must be installed. The VM starts the shell through its process
  # `erl_child_setup`. A process of the same user may have stopped that, so this waits for @kill_timeout ms at most.
  defp kill_program(os_pid) do
    {pid, ref} = spawn_monitor(fn -> :os.cmd(~c"kill -KILL #{os_pid}") end)

    receive do
      {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
    after
      @kill_timeout ->
        Process.exit(pid, :kill)
        Process.demonitor(ref, [:flush])
        :ok
    end
  end

  defp os_pid(port) do
    case Port.info(port, :os_pid) do
      {:os_pid, os_pid} -> os_pid
      # `lookout_port` has already exited; its exit status is on the way to the mailbox.
      nil -> nil
    end
  end

  defp not_opened(reason, path) do
    %Error{reason: reason, operation: :open_port, path: path, detail: advice(reason, File.cwd())}
  end

  # :enoent may also mean that the working directory of the VM no longer exists: the program starts there.
  defp advice(:enoent, {:error, :enoent}), do: Paths.gone(:enoent)

  defp advice(reason, _directory), do: advice(reason)

  defp advice(:enoent) do
    "the program lookout_port does not exist; `mix compile` builds it " <>
      "(in a project that depends on Lookout: `mix deps.compile lookout --force`)"
  end

  defp advice(:eacces) do
    "the program lookout_port may not be executed; make it executable (chmod +x) or build it again with `mix compile`"
  end

  defp advice(reason) when reason in [:emfile, :enfile, :system_limit] do
    "the limit of open ports or files is reached; raise it (ulimit -n, or +Q of erl)"
  end

  defp advice(reason), do: "the program lookout_port could not be started: #{inspect(reason)}"
end
