defmodule Lookout.Command.StdinFeeder do
  @moduledoc false
  # The process that enumerates the input of a command, and halts the enumeration when the command has closed its standard
  # input. It is linked to the GenServer of the command. It exits with `:normal`, or with `{:raised, {kind, reason,
  # stacktrace}}` if the enumerable raised, exited or threw. `Lookout.Command.Stdin` starts it; `Lookout.Command.State` has its
  # pid (`feeder`).
  #
  # It passes each element at once to a second process, the writer, which is linked to it. A write to the command is a call
  # of its GenServer: the writer joins the elements that arrive during one call, and writes them with the next one. So an
  # element never waits for the one after it, and many small elements cost few calls. After @ahead bytes the feeder waits
  # until the writer has written everything.

  alias Lookout.Command.Calls
  alias Lookout.Support.{LogMetadata, Sealed}

  @ahead 65_536
  # What an element costs in the mailbox of the writer, in addition to its bytes.
  @element 32

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

  ## The feeder

  defp feed(command, enumerable) do
    writer = spawn_link(fn -> write(command) end)

    try do
      Enum.reduce_while(enumerable, 0, &pass(writer, bytes!(&1), &2))
    catch
      kind, reason ->
        written(writer)
        exit({:raised, {kind, reason, __STACKTRACE__}})
    end

    written(writer)
    send(writer, :done)
    Calls.close_stdin(command, :infinity)
  end

  # The writer ends when the command reads no more.
  defp pass(writer, bytes, ahead) do
    send(writer, {:element, bytes})
    ahead = ahead + byte_size(bytes) + @element

    cond do
      ahead >= @ahead -> if written(writer) == :ok, do: {:cont, 0}, else: {:halt, 0}
      Process.alive?(writer) -> {:cont, ahead}
      true -> {:halt, ahead}
    end
  end

  defp bytes!(element) do
    IO.iodata_to_binary(element)
  rescue
    ArgumentError ->
      raise ArgumentError,
            "Lookout.Command: option :input: expected an enumerable of iodata, got in it #{Sealed.describe(element)}"
  end

  # Waits until all elements have been written.
  defp written(writer) do
    ref = Process.monitor(writer)
    send(writer, {:written?, self(), ref})

    receive do
      {^ref, :written} ->
        Process.demonitor(ref, [:flush])
        :ok

      {:DOWN, ^ref, :process, ^writer, _reason} ->
        :reads_no_more
    end
  end

  ## The writer

  defp write(command) do
    receive do
      {:element, bytes} ->
        with :ok <- Calls.write(command, joined(bytes), :infinity), do: write(command)

      {:written?, feeder, ref} ->
        send(feeder, {ref, :written})
        write(command)

      :done ->
        :ok
    end
  end

  # The feeder sends no more than @ahead bytes, and one element, without waiting.
  defp joined(bytes) do
    receive do
      {:element, more} -> joined(<<bytes::binary, more::binary>>)
    after
      0 -> bytes
    end
  end
end
