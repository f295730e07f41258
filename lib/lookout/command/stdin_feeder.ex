defmodule Lookout.Command.StdinFeeder do
  @moduledoc false
  # The process that enumerates the input of a command. It takes the next element when the previous one has been sent,
  # and halts the enumeration when the command has closed its standard input.
  #
  # It is linked to the GenServer of the command. It exits with `:normal`, or with `{:raised, {kind, reason,
  # stacktrace}}` if the enumerable raised, exited or threw.

  alias Lookout.Command.Calls
  alias Lookout.Support.{LogMetadata, Sealed}

  @doc "Starts a feeder for the calling process, which is the GenServer of a command."
  @spec start_link(Enumerable.t()) :: pid
  def start_link(enumerable) do
    command = self()
    spawn_link(LogMetadata.inherited(fn -> feed(command, enumerable) end))
  end

  @doc "Interprets the exit reason of a feeder."
  @spec outcome(term) :: :ok | {:raised, Lookout.Command.State.raised()}
  def outcome(:normal), do: :ok
  def outcome({:raised, _raised} = raised), do: raised
  # The feeder was killed, or a process that the enumerable had linked to it exited.
  def outcome(reason), do: {:raised, {:exit, reason, []}}

  defp feed(command, enumerable) do
    Enum.reduce_while(enumerable, :ok, fn element, :ok -> write(command, bytes!(element)) end)
    Calls.close_stdin(command, :infinity)
  catch
    kind, reason -> exit({:raised, {kind, reason, __STACKTRACE__}})
  end

  defp write(command, bytes) do
    case Calls.write(command, bytes, :infinity) do
      :ok -> {:cont, :ok}
      {:error, _reads_no_more} -> {:halt, :ok}
    end
  end

  defp bytes!(element) do
    IO.iodata_to_binary(element)
  rescue
    ArgumentError ->
      raise ArgumentError,
            "Lookout.Command: option :input: expected an enumerable of iodata, got in it #{Sealed.describe(element)}"
  end
end
