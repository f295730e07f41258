defmodule Lookout.Runner.Shutdown do
  @moduledoc false
  # Ends the current run when the runner terminates: the process of a function, or a command with its whole tree. The
  # runner, which traps exits, calls it and blocks. Also stops the command of a restart, in a separate process. The state of the
  # run is in `Lookout.Runner.State` (`run`).

  alias Lookout.Command
  alias Lookout.Support.LogMetadata

  @doc "Stops a command, in a process linked to the caller. Logs a warning if some process of the command cannot be ended."
  @spec start_stopper(pid, non_neg_integer, binary) :: pid
  def start_stopper(command, grace, label),
    do: :proc_lib.spawn_link(LogMetadata.inherited(fn -> stop_command(command, grace, label) end))

  defp stop_command(command, grace, label) do
    case Command.stop(command, grace) do
      {:error, %{reason: reason} = error} when reason not in [:not_running, :port_exited] ->
        :logger.warning("#{label}: what is left of a command goes on: #{Exception.message(error)}")

      _ended ->
        :ok
    end
  end

  @doc "Ends the run and waits for its end. Kills the process of the run if it takes more than `stuck` milliseconds to write the last output."
  @spec end_run(nil | map, non_neg_integer, non_neg_integer) :: term
  def end_run(nil, _grace, _stuck), do: :ok

  # The launch is not reported yet: waits for it, since a command may be about to start.
  def end_run(%{launched: false, pid: pid}, grace, stuck) do
    receive do
      {:run, ^pid, {:launched, command, _os_pid}} ->
        send(pid, :go)
        end_run(%{launched: true, command: command, pid: pid}, grace, stuck)

      {:run, ^pid, _ended} ->
        :ok

      {:EXIT, ^pid, _reason} ->
        :ok
    after
      1_000 -> Process.exit(pid, :kill)
    end
  end

  def end_run(%{command: nil, pid: pid}, grace, _stuck) do
    ref = Process.monitor(pid)
    Process.exit(pid, :shutdown)

    receive do
      {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
    after
      grace -> Process.exit(pid, :kill)
    end
  end

  def end_run(%{command: command, pid: pid}, grace, stuck) do
    Command.stop(command, grace)

    # The process of the run may still be writing the last output.
    receive do
      {:run, ^pid, {:ended, status}} -> status
      {:EXIT, ^pid, reason} -> {:exit, reason}
    after
      stuck -> Process.exit(pid, :kill)
    end
  end

  # Milliseconds that the end of a runner may take longer for a last checkpoint.
  @checkpoint 1_000

  @doc """
  Commits a checkpoint of the runner's own watcher, so that its next start continues after the changes that runs have
  handled. The caller must have handled all changes that it has received. Returns `:changed`, without a commit, if
  another change has arrived.
  """
  @spec commit(pid) :: term
  def commit(watcher) do
    with {:ok, cursor} <- Lookout.checkpoint(watcher, @checkpoint) do
      receive do
        # A change that no run was given.
        {:lookout, ^watcher, {:events, _seq, _events}} -> :changed
        {:lookout, ^watcher, {:checkpoint, ^cursor}} -> Lookout.commit(watcher, cursor)
      after
        0 -> :changed
      end
    end
  end
end
