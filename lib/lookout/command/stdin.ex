defmodule Lookout.Command.Stdin do
  @moduledoc false
  # Standard input of a command: performs the actions of `Lookout.Command.StdinQueue` (sends bytes to `lookout_port`, replies
  # to the writers) and runs the feeder. The state is in `Lookout.Command.State` (`input`, `writers`, `feeder`); the server and
  # `Lookout.Command.Shutdown` call it.

  import Lookout.Command.State, only: [error: 3, request: 3]
  alias Lookout.Error
  alias Lookout.Command.{OutputQueue, State, StdinFeeder, StdinQueue}
  alias Lookout.Port.Program
  alias Lookout.Support.{Sealed, Timers}

  @doc "The command is running: writes the option `:input`, or starts the feeder for it."
  @spec begin(State.t()) :: State.t()
  def begin(%{options: %{input: nil}} = state), do: state

  def begin(%{options: %{input: input} = options} = state),
    do: input |> Sealed.open() |> feed(%{state | options: %{options | input: nil}})

  defp feed(bytes, state) when is_binary(bytes) do
    {:ok, writes, input} = StdinQueue.write(state.input, nil, bytes)
    {:ok, closes, input} = StdinQueue.close(input, nil)
    act(%{state | input: input}, writes ++ closes)
  end

  defp feed(enumerable, state), do: %{state | feeder: StdinFeeder.start_link(enumerable)}

  @spec write(State.t(), GenServer.from(), binary, timeout) :: {:ok, State.t()} | {:error, Error.t()}
  def write(state, from, bytes, timeout) do
    case StdinQueue.write(state.input, from, bytes) do
      {:ok, actions, input} -> {:ok, %{state | input: input} |> act(actions) |> guard(from, timeout)}
      {:error, reason} -> {:error, not_written(reason)}
    end
  end

  @spec close(State.t(), GenServer.from()) :: State.t()
  def close(state, from), do: state.input |> StdinQueue.close(from) |> continue(state)

  @doc "The command has read `bytes` bytes: sends more."
  @spec taken(State.t(), pos_integer) :: State.t()
  def taken(state, bytes), do: state.input |> StdinQueue.taken(bytes) |> continue(state)

  @doc "A write has timed out: replies the error, and drops the rest of its bytes."
  @spec expired(State.t(), GenServer.from()) :: State.t()
  def expired(state, from) do
    if StdinQueue.waiting?(state.input, from) do
      error = error(:timeout, :write, cause(state) <> "; " <> progress(state.input, from))
      state.input |> StdinQueue.withdraw(from) |> continue(reply(state, from, {:error, error}))
    else
      state
    end
  end

  @doc "Handles a `:DOWN` message with `ref`. If it is that of a waiting writer, drops the rest of its bytes."
  @spec died(State.t(), reference) :: {:ok, State.t()} | :no_writer
  def died(%{writers: writers} = state, ref) do
    case writers do
      %{^ref => from} -> {:ok, state.input |> StdinQueue.withdraw(from) |> continue(forget(state, from))}
      _other -> :no_writer
    end
  end

  # What blocks a write. If the owner takes no output, the command may block in writing its output, and then reads no
  # input.
  defp cause(%{flow: flow} = state) do
    cond do
      not OutputQueue.waiting?(flow) ->
        "the command did not read its input in time"

      flow.want == :all ->
        "the output of the command waits for its owner, whose mailbox is full (#{State.mailbox(state)} messages)"

      true ->
        "the output of the command waits for its owner, which has to ask for it (Lookout.Command.ask/2)"
    end
  end

  defp progress(input, writer) do
    %{size: size, taken: taken, on_its_way: on_its_way} = StdinQueue.progress(input, writer)

    "of #{size} bytes #{taken} were taken, #{on_its_way} are on their way, and #{size - taken - on_its_way} were dropped"
  end

  @doc "The command has closed its standard input: replies `:epipe` to the waiting writers. A feeder halts its enumeration."
  @spec break(State.t()) :: State.t()
  def break(state) do
    {writers, input} = StdinQueue.broken(state.input)
    Enum.reduce(writers, %{state | input: input}, &reply(&2, &1, {:error, not_written(:epipe)}))
  end

  @doc """
  The input is not needed any more. A feeder gets an error at its next write and halts. A feeder whose enumerable blocks never writes
  again, so it is killed after a timeout (`shutdown_timeout` of `Lookout.Port.Tuning`).
  """
  @spec stop(State.t()) :: State.t()
  def stop(%{feeder: nil} = state), do: break(state)

  def stop(%{feeder: feeder} = state) do
    Process.unlink(feeder)
    {:ok, _timer} = :timer.kill_after(state.options.limits.shutdown_timeout, feeder)
    flush(feeder)
    break(%{state | feeder: nil})
  end

  defp flush(feeder) do
    receive do
      {:EXIT, ^feeder, _reason} -> :ok
    after
      0 -> :ok
    end
  end

  defp continue({:ok, actions, input}, state), do: act(%{state | input: input}, actions)

  defp act(state, actions), do: Enum.reduce(actions, state, &act_one/2)

  defp act_one({:send, bytes}, state), do: %{state | program: Program.tell(state.program, {:stdin, bytes})}
  defp act_one({:done, writer}, state), do: reply(state, writer, :ok)
  defp act_one({:close, closer}, state), do: state |> request(:close_stdin, &{:close_stdin, &1}) |> reply(closer, :ok)

  defp reply(state, nil, _answer), do: state

  defp reply(state, from, answer) do
    GenServer.reply(from, answer)
    forget(state, from)
  end

  # A write that waits has a timer, and a monitor of its caller.
  defp guard(state, {pid, _tag} = from, timeout) do
    if StdinQueue.waiting?(state.input, from) do
      ref = Process.monitor(pid)
      timers = Timers.start(state.timers, {:write, from}, timeout)
      %{state | timers: timers, writers: Map.merge(state.writers, %{ref => from, from => ref})}
    else
      state
    end
  end

  defp forget(%{writers: writers} = state, from) when is_map_key(writers, from) do
    {ref, writers} = Map.pop!(writers, from)
    Process.demonitor(ref, [:flush])
    %{state | timers: Timers.cancel(state.timers, {:write, from}), writers: Map.delete(writers, ref)}
  end

  defp forget(state, _from), do: state

  defp not_written(:closed) do
    error(:closed, :write, "the input of the command is closed, or was not asked for (stdin: :pipe)")
  end

  defp not_written(:epipe), do: error(:epipe, :write, "the command does not read its input any more")
end
