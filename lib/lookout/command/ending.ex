defmodule Lookout.Command.Ending do
  @moduledoc false
  # The end of a command: its last word, those that wait for it, and what is done so that nothing is left.

  import Lookout.Command.State, only: [error: 3, request: 3]
  alias Lookout.{Bridge, Program}
  alias Lookout.Command.{Delivery, Feeding, State}

  # Milliseconds, after the grace of a command, in which KILL must have done its work.
  @patience 1_000

  @doc "TERM, and after so long KILL. Whoever waits for the end may be the owner: its output must not hold it up."
  @spec stop(State.t(), non_neg_integer) :: State.t()
  def stop(state, grace), do: state |> request(:stop, &{:stop, &1, grace}) |> Delivery.drop()

  @doc "The input could not be enumerated: a command that does not get all of it is ended."
  @spec input_failed(State.t(), State.raised()) :: State.t()
  def input_failed(%{last: nil} = state, raised), do: stop(%{state | feeder: nil, raised: raised}, 0)
  def input_failed(state, _raised), do: %{state | feeder: nil}

  @doc "The last word of the program. It goes behind what the owner has not taken yet."
  @spec over(State.t(), State.last()) :: State.t()
  def over(state, last) do
    last = if state.raised, do: {:raised, state.raised}, else: last
    %{state | last: last, program: Program.close(state.program)} |> Feeding.stop() |> Delivery.push(last)
  end

  @doc "The process of the command goes on until its last word was handed out, and start_link has its answer."
  @spec finish_if_told(State.t()) :: {:noreply, State.t()} | {:stop, term, State.t()}
  def finish_if_told(%{told: true, starter: :answered} = state) do
    {:stop, stop_reason(state), answer_all(state)}
  end

  def finish_if_told(state), do: {:noreply, state}

  defp answer_all(state) do
    Enum.each(state.awaiting, &answer(&1, shown(state.last)))
    %{state | awaiting: []}
  end

  defp answer({:stop, from}, _last), do: GenServer.reply(from, :ok)
  defp answer(from, {:exit, status}), do: GenServer.reply(from, {:ok, status})
  defp answer(from, {:error, error}), do: GenServer.reply(from, {:error, error})

  # The owner has been told. Under a supervisor, which is not, the reason says it.
  defp stop_reason(%{last: {:exit, 0}}), do: :normal
  defp stop_reason(%{parent: parent, options: %{owner: parent}}), do: :normal
  defp stop_reason(%{parent: nil}), do: :normal
  defp stop_reason(%{last: last}), do: reason(shown(last))

  defp reason({:exit, status}), do: {:exit, status}
  defp reason({:error, error}), do: error

  @doc "An item as users see it."
  @spec shown({atom, term}) :: {atom, term}
  def shown({:exit, status}), do: {:exit, status(status)}

  def shown({:raised, {kind, reason, stacktrace}}) do
    {:error, error(:input_failed, :write, "enumerating :input failed: " <> Exception.format(kind, reason, stacktrace))}
  end

  def shown(item), do: item

  @doc "An exit as users see it: the name of a signal says it all."
  @spec status(0..255 | {:signal, atom, pos_integer}) :: Lookout.Command.status()
  def status({:signal, name, _number}), do: {:signal, name}
  def status(code), do: code

  @doc """
  The process of the command ends. A supervisor that stops its child gives the command its grace, and an owner that lives on hears the
  end as always; the end of an owner gives no grace.
  """
  @spec part(State.t(), term) :: :ok
  def part(state, reason) do
    state = Feeding.stop(state)
    state = if gentle?(reason, state), do: finish(state), else: state
    Program.part(state.program)
    :ok
  end

  defp gentle?(_reason, %{options: %{owner: owner}, parent: owner}), do: false
  defp gentle?(:shutdown, _state), do: true
  defp gentle?({:shutdown, _why}, _state), do: true
  defp gentle?(_reason, _state), do: false

  defp finish(%{last: nil, program: %{bridge: nil}} = state), do: state

  defp finish(%{last: nil, options: %{grace: grace}} = state) do
    state |> stop(grace) |> last_words(deadline(grace)) |> answer_all()
  end

  # It has exited, and the owner has not taken all of it.
  defp finish(state), do: state |> Delivery.drop() |> answer_all()

  defp last_words(%{program: %{bridge: %{port: port}}} = state, deadline) do
    receive do
      {^port, _word} = message -> heard(state, message, deadline)
      {:EXIT, ^port, _reason} = message -> heard(state, message, deadline)
    after
      max(deadline - now(), 0) ->
        over(state, {:error, Program.kill(state.program, :port_hung, "did not end the command in time")})
    end
  end

  defp heard(state, message, deadline) do
    case Program.port_message(state.program, message) do
      {:said, {:exit, _status} = last} ->
        over(state, last)

      {:said, {kind, _} = piece} when kind in [:stdout, :stderr] ->
        state |> Delivery.output(piece) |> last_words(deadline)

      {:said, _other} ->
        last_words(state, deadline)

      {:ended, error} ->
        over(state, {:error, error})
    end
  end

  @doc "Ends the command and waits for that. Takes what it still says, and drops it."
  @spec halt(State.t(), non_neg_integer) :: boolean
  def halt(state, grace) do
    state = request(state, :stop, &{:stop, &1, grace})
    for stream <- [:stdout, :stderr], do: Program.tell(state.program, {:read, stream, :infinity})
    Bridge.await(state.program.bridge.port, deadline(grace), &match?({:exit, _status}, &1))
  end

  defp deadline(grace), do: now() + grace + @patience
  defp now, do: System.monotonic_time(:millisecond)
end
