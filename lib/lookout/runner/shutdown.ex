defmodule Lookout.Runner.Shutdown do
  @moduledoc false
  # Ends the run of a runner that shuts down: the process of a function, or a command with all that it has started. The runner calls
  # it and waits, with its exits trapped. Also the end of a command that a restart asks for, which a process of its own waits for.

  alias Lookout.Command

  @doc "Stops a command. What cannot be ended is logged, and goes on."
  @spec stop_command(pid, non_neg_integer, binary) :: :ok
  def stop_command(command, grace, label) do
    case Command.stop(command, grace) do
      {:error, %{reason: reason} = error} when reason not in [:not_running, :port_exited] ->
        :logger.warning("#{label}: what is left of a command goes on: #{Exception.message(error)}")

      _ended ->
        :ok
    end
  end

  @doc "Returns when the run has ended; after `stuck` milliseconds in which its last output was not taken, its process is killed."
  @spec end_run(nil | map, non_neg_integer, non_neg_integer) :: term
  def end_run(nil, _grace, _stuck), do: :ok

  # Its command is linked to it, or about to be.
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

    # Its last words may still be on their way out.
    receive do
      {:run, ^pid, {:ended, status}} -> status
      {:EXIT, ^pid, reason} -> {:exit, reason}
    after
      stuck -> Process.exit(pid, :kill)
    end
  end
end
