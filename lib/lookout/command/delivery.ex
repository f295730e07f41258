defmodule Lookout.Command.Delivery do
  @moduledoc false
  # Output and the last word: what the process of a command does to hand them to its owner, or to whoever pulls
  # (`Lookout.Command.Flow` says what and when).

  import Lookout.Command.State, only: [told_anyone?: 1]
  alias Lookout.{Program, Timers}
  alias Lookout.Command.{Ending, Flow, State}

  @doc "The command has said something."
  @spec output(State.t(), {:stdout | :stderr, binary}) :: State.t()
  def output(state, piece), do: if(told_anyone?(state), do: push(state, piece), else: state)

  @doc "Puts an item behind what has not been taken yet."
  @spec push(State.t(), Flow.item()) :: State.t()
  def push(state, item), do: deliver(%{state | flow: Flow.push(state.flow, item)})

  @doc "The next item is for this caller."
  @spec pull(State.t(), GenServer.from()) :: State.t()
  def pull(state, from) do
    {:ok, flow} = Flow.ask(state.flow, :once)
    deliver(%{state | flow: flow, next: from})
  end

  @doc "From here on nothing waits for the owner: output that it has no room for is dropped."
  @spec drop(State.t()) :: State.t()
  def drop(state), do: deliver(%{state | flow: Flow.drop(state.flow)})

  @doc "Hands out what can be taken now, and grants the command as much."
  @spec deliver(State.t()) :: State.t()
  def deliver(state) do
    {items, status, flow} = Flow.advance(state.flow, fn -> mailbox(state.options.owner) end)
    items |> Enum.reduce(%{state | flow: flow}, &hand_out/2) |> grant() |> look_again(status)
  end

  # The last word waits for whoever asks for it.
  defp hand_out(item, %{options: %{active: :pull}, next: nil} = state), do: %{state | flow: Flow.push(state.flow, item)}
  defp hand_out({stream, _bytes} = item, state) when stream in [:stdout, :stderr], do: tell(state, item)
  defp hand_out(last, state), do: tell(%{state | told: true}, last)

  defp tell(%{options: %{active: :pull}} = state, item) do
    GenServer.reply(state.next, pulled(item))
    %{state | next: nil}
  end

  defp tell(%{options: %{owner: nil}} = state, _item), do: state

  defp tell(state, item) do
    send(state.options.owner, {:lookout_command, self(), Ending.shown(item)})
    state
  end

  defp pulled({kind, _why} = item) when kind in [:error, :raised], do: item
  defp pulled(item), do: {:ok, item}

  defp mailbox(nil), do: 0

  defp mailbox(owner) do
    case Process.info(owner, :message_queue_len) do
      {:message_queue_len, length} -> length
      # Dead: the message of it is on its way.
      nil -> 0
    end
  end

  defp grant(%{last: nil} = state) do
    {due, flow} = Flow.more_credit(state.flow)
    program = Enum.reduce(due, state.program, fn {stream, n}, program -> Program.tell(program, {:read, stream, n}) end)
    %{state | flow: flow, program: program}
  end

  defp grant(state), do: state

  defp look_again(state, :ok), do: state

  defp look_again(state, :slow) do
    {first, _longest} = state.options.limits.look
    %{state | timers: Timers.start(state.timers, :look, first)}
  end
end
