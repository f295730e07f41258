defmodule Lookout.Command.Report do
  @moduledoc false
  # The telemetry events of a command (start, and stop once), and the metadata of its logs. The state is in
  # `Lookout.Command.State` (`started_at`); the server and `Lookout.Command.Shutdown` call it.

  alias Lookout.Telemetry
  alias Lookout.Command.{Item, State}
  alias Lookout.Support.LogMetadata
  require Telemetry

  @doc "The GenServer of a command has started: sets its logger metadata."
  @spec begin(State.t()) :: State.t()
  def begin(%State{options: options} = state) do
    LogMetadata.put(:command, options.name, %{lookout_program: hd(options.argv)})
    state
  end

  @doc "The command is running: emits the event `:start`."
  @spec started(State.t(), pos_integer) :: State.t()
  def started(%State{} = state, os_pid) do
    state = %{state | os_pid: os_pid, started_at: System.monotonic_time()}
    LogMetadata.add(%{lookout_os_pid: os_pid})

    Telemetry.emit([:lookout, :command, :start], fn ->
      {%{monotonic_time: state.started_at, system_time: System.system_time()}, metadata(state)}
    end)

    state
  end

  @doc "The command has ended, with the final message `last`, or without one (`nil`): emits the event `:stop`, once."
  @spec ended(State.t(), nil | State.last()) :: State.t()
  def ended(%State{started_at: nil} = state, _last), do: state

  def ended(%State{started_at: started_at} = state, last) do
    Telemetry.emit([:lookout, :command, :stop], fn ->
      now = System.monotonic_time()
      outcome = %{status: status(last), error: error(last, state), killed: state.killed}
      {%{monotonic_time: now, duration: now - started_at}, Map.merge(metadata(state), outcome)}
    end)

    %{state | started_at: nil}
  end

  defp metadata(%{options: options} = state) do
    %{command: self(), name: options.name, program: hd(options.argv), os_pid: state.os_pid}
  end

  defp status({:exit, status}), do: Item.status(status)
  defp status(_no_exit), do: nil

  defp error({:exit, _status}, _state), do: nil
  defp error({:error, error}, _state), do: error.reason
  defp error({:raised, _raised}, _state), do: :input_failed
  defp error(nil, %{start: %{failure: %{reason: reason}}}), do: reason
  defp error(nil, %{raised: raised}) when raised != nil, do: :input_failed
  defp error(nil, %{timed_out: true}), do: :timeout
  defp error(nil, _state), do: nil
end
