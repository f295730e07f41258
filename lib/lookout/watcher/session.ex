defmodule Lookout.Watcher.Session do
  @moduledoc false
  # A watcher with a `lookout_port` on another node (option `:node`): a session that begins, or is resumed. The state is
  # `Lookout.Watcher.State`; the server and `Lookout.Watcher.Replies` call it.

  import Lookout.Watcher.State, only: [request: 4]
  alias Lookout.Port.Program
  alias Lookout.Watcher.{Away, Delivery, Lifecycle, RecentBatches, State}

  @doc "The node has said hello: a session without a name is a new one, whose watches are to be set up."
  @spec greeted(State.t()) :: State.t()
  def greeted(%State{program: %{session: nil}} = state), do: renew(%{state | seq_base: state.seq})
  # The next message reports whether it is resumed.
  def greeted(state), do: state

  @doc "A session with a name is opened."
  @spec joined(State.t(), {:new, non_neg_integer} | {:resumed, non_neg_integer, non_neg_integer}) :: Lifecycle.result()
  def joined(%State{} = state, {:new, epoch}) do
    base = max(epoch, state.seq)
    state = %{state | recent: RecentBatches.new(base)}
    state = %{state | epoch: epoch, seq: base, seq_base: base, replays: false, setting_up: true}
    {:noreply, renew(%{state | program: Program.joined(state.program)})}
  end

  # The node sends the batches that it has kept again, which take no credit; then it replies.
  def joined(state, {:resumed, epoch, batch}) do
    last = epoch + batch

    if state.was_live and last != Away.last(state) do
      Lifecycle.broken(state, :port_garbled, "resumed the session after batch #{last}, not after #{Away.last(state)}")
    else
      {seq, base} = if state.was_live, do: {state.seq, state.seq_base}, else: {last, epoch}
      state = if state.was_live, do: state, else: %{state | recent: RecentBatches.new(last)}
      program = Program.first(Program.joined(state.program), :roots, &{:info, &1})
      {:noreply, %{state | epoch: epoch, seq: seq, seq_base: base, replays: true, program: program}}
    end
  end

  # A subscriber that has received a listing, or has processed batches, of an earlier session has missed changes.
  defp renew(%{was_live: true} = state),
    do: Lifecycle.watch(%{state | successor: true, program: Program.replaced(state.program)})

  defp renew(state), do: Lifecycle.watch(%{state | successor: state.options.position != nil})

  @doc """
  Handles the reply of the node with the paths that the resumed session watches. A request that was open when the connection was
  lost may have been carried out, although its caller got an error. So a directory that such a request added is removed again, and
  one that it removed is dropped from the state. A watcher that has taken over the session adopts the paths of the session.
  """
  @spec resumed(State.t(), %{binary => nil | atom}) :: State.t()
  def resumed(%State{was_live: true} = state, roots) do
    surplus = Map.keys(roots) -- state.dirs
    state = resume(%{state | dirs: Enum.filter(state.dirs, &is_map_key(roots, &1))})
    Enum.reduce(surplus, state, &request(&2, {:remove, &1, nil}, :infinity, fn id -> {:unwatch, id, &1} end))
  end

  def resumed(state, roots) do
    mine = Enum.filter(state.dirs, &is_map_key(roots, &1))
    missing = for {dir, nil} <- roots, into: MapSet.new(), do: dir
    resume(%{state | dirs: mine ++ (Map.keys(roots) -- mine), missing: missing})
  end

  defp resume(state) do
    {credit, delivery} = Delivery.first_credit(state.delivery)
    state = Lifecycle.live(%{state | replays: false, delivery: delivery})
    %{state | program: Program.credit(state.program, credit)}
  end
end
