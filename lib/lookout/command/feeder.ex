defmodule Lookout.Command.Feeder do
  @moduledoc false
  # The process that enumerates the input of a command. It takes an element when the one before is on its way to the command,
  # and halts the enumeration when the command reads no more.
  #
  # Linked to the process of the command. It ends with `:normal`, or with `{:raised, {kind, reason, stacktrace}}` where the
  # enumerable did.

  alias Lookout.Command.Calls
  alias Lookout.{LogMetadata, Sealed}

  @doc "Feeds the calling process, which is that of a command."
  @spec start_link(Enumerable.t()) :: pid
  def start_link(enumerable) do
    command = self()
    spawn_link(LogMetadata.inherited(fn -> feed(command, enumerable) end))
  end

  @doc "What the end of a feeder says."
  @spec outcome(term) :: :ok | {:raised, Lookout.Command.State.raised()}
  def outcome(:normal), do: :ok
  def outcome({:raised, _raised} = raised), do: raised
  # It was killed, or with it a process that the enumerable had linked to it.
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
