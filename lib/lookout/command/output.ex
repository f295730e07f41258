defmodule Lookout.Command.Output do
  @moduledoc false
  # Delivers output and the final message of a command to its owner, or to the process that pulls them (run/2,
  # stream/2). `Lookout.Command.OutputQueue` decides what is delivered and when. The state is in `Lookout.Command.State` (`flow`,
  # `journal`, `next`); the server and `Lookout.Command.Shutdown` call it.

  alias Lookout.Error
  alias Lookout.Command.{Item, Journal, OutputQueue, State}
  alias Lookout.Port.Program
  alias Lookout.Support.Timers

  @doc "Appends an item to the queue, and delivers what the owner can take."
  @spec push(State.t(), OutputQueue.item()) :: State.t()
  def push(state, item), do: state |> keep_tail(item) |> then(&deliver(%{&1 | flow: OutputQueue.push(&1.flow, item)}))

  # If the command does not become ready, the error of its start has the end of its standard error.
  defp keep_tail(%{readiness: pid, options: %{owner: owner}} = state, {:stderr, bytes})
       when is_pid(pid) and is_pid(owner),
       do: %{state | journal: Journal.add(state.journal, :stderr, bytes)}

  defp keep_tail(state, _item), do: state

  @doc "The command is ready: an owner has, or gets, its standard error."
  @spec ready(State.t()) :: State.t()
  def ready(%{options: %{owner: nil}} = state), do: state
  def ready(state), do: put_in(state.journal.tail, "")

  @doc "Delivers the next item to this caller, now or when it arrives."
  @spec pull(State.t(), GenServer.from()) :: State.t()
  def pull(state, from) do
    {:ok, flow} = OutputQueue.ask(state.flow, :once)
    %{state | flow: flow, next: from} |> deliver() |> answer_late()
  end

  @doc "The `:timeout` of run/2 has passed: grants no more credit. The caller of `next` gets the queued items, and then the error `:timeout`."
  @spec time_out(State.t()) :: State.t()
  def time_out(state), do: answer_late(%{state | timed_out: true})

  defp answer_late(%{timed_out: true, next: next} = state) when next != nil do
    GenServer.reply(next, {:error, run_timeout(state)})
    %{state | next: nil}
  end

  defp answer_late(state), do: state

  @spec run_timeout(State.t()) :: Error.t()
  def run_timeout(state),
    do: State.error(:timeout, :run, "the command has not ended within #{state.options.timeout} ms")

  @doc "From here on drops output that the owner has no room for, so that the owner cannot delay the exit."
  @spec drop(State.t()) :: State.t()
  def drop(state), do: deliver(%{state | flow: OutputQueue.drop(state.flow)})

  @doc "Delivers the items that the owner can take now, and grants the command credit for the same number of bytes."
  @spec deliver(State.t()) :: State.t()
  def deliver(state) do
    {items, status, flow} = OutputQueue.advance(state.flow, fn -> State.mailbox(state) end)
    items |> Enum.reduce(%{state | flow: flow}, &hand_out/2) |> grant() |> look_again(status)
  end

  # The final message waits in the queue until a process pulls it.
  defp hand_out(item, %{options: %{active: :pull}, next: nil} = state),
    do: %{state | flow: OutputQueue.push(state.flow, item)}

  defp hand_out({stream, _bytes} = item, state) when stream in [:stdout, :stderr], do: tell(state, item)
  defp hand_out(last, state), do: tell(%{state | final_delivered: true}, last)

  defp tell(%{options: %{active: :pull}} = state, item) do
    GenServer.reply(state.next, pulled(item))
    %{state | next: nil}
  end

  defp tell(%{options: %{owner: nil}} = state, {stream, bytes}) when stream in [:stdout, :stderr],
    do: %{state | journal: Journal.add(state.journal, stream, bytes)}

  defp tell(%{options: %{owner: nil}} = state, _last), do: %{state | journal: Journal.close(state.journal)}

  defp tell(state, item) do
    send(state.options.owner, {:lookout_command, self(), state |> with_details(item) |> Item.shown()})
    state
  end

  defp with_details(%{options: %{exit_details: true}} = state, {:exit, status}) do
    {:exit, status, %{killed: state.killed}}
  end

  defp with_details(_state, item), do: item

  defp pulled({kind, _why} = item) when kind in [:error, :raised], do: item
  defp pulled(item), do: {:ok, item}

  defp grant(%{last: nil, timed_out: false} = state) do
    {due, flow} = OutputQueue.more_credit(state.flow)
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
