defmodule Lookout.Watcher.Away do
  @moduledoc false
  # A watcher with a `lookout_port` on another node (option `:node`): the loss of the connection, and the session after it.
  #
  # The watcher is away from the loss until its watches are live again. Meanwhile it tries again without end, and until
  # there is a session it answers each call that needs the node with the error of the loss. The end of a session is no
  # death of a program.

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2, request: 4]
  alias Lookout.{Delivery, Error, Program}
  alias Lookout.Watcher.{Life, State}

  ## The loss

  # Why a node cannot be reached that may be reached later.
  @transient [:nodedown, :noproc, :port_hung, :shutdown, :eagain]

  @doc "Whether the watcher goes away after this error, instead of ending or counting a death of its program."
  @spec away?(State.t(), Error.t()) :: boolean
  def away?(%{options: %{node: nil}}, _error), do: false
  def away?(_state, %Error{reason: :port_garbled}), do: false
  def away?(%{was_live: true}, _error), do: true
  # The start has succeeded already, so nobody else would try again.
  def away?(%{options: %{ready: :async}}, %Error{reason: reason}), do: reason in @transient
  def away?(_state, _error), do: false

  @doc "The session is lost: answers the open requests, and schedules the next attempt."
  @spec begin(State.t(), Error.t()) :: Life.result()
  def begin(%State{} = state, error) do
    {open, pause, program} = Program.away(Program.leave(state.program))
    state = Enum.reduce(open, %{state | program: program}, &answer(&2, &1, error(error)))
    if is_nil(state.away) or state.away.reason != error.reason, do: log(state, pause, error)
    known? = state.away != nil
    state = %{state | away: error}
    {:noreply, if(known?, do: state, else: push(state, {:notice, {:away, state.options.node}}))}
  end

  defp log(state, pause, error) do
    :logger.warning(
      "#{label(state)} is away from its node, and tries again (first in #{pause} ms): #{Exception.message(error)}"
    )
  end

  defp answer(state, {id, :sync}, error), do: deliver(state, Delivery.end_sync(state.delivery, id, {:error, error}))

  defp answer(state, {_id, {:list, ref}}, error) do
    send(ref, {ref, {:error, error}})
    state
  end

  # The caller of the request is the last element; nil if it has given up.
  defp answer(state, {_id, kind}, error) when is_tuple(kind) do
    if from = elem(kind, tuple_size(kind) - 1), do: GenServer.reply(from, {:error, error})
    state
  end

  defp answer(state, {_id, _own}, _error), do: state

  @doc "The error for a call that needs the node, while the watcher is away."
  @spec error(Error.t()) :: Error.t()
  def error(%Error{} = error) do
    %Error{
      reason: :nodedown,
      operation: :watch,
      detail: "the watcher is away from its node and tries again; call again later: #{error.detail}"
    }
  end

  ## The next session

  @doc "The number that names the last batch to the node, for a session with a name; 0 if there is none."
  @spec last(State.t()) :: non_neg_integer
  def last(%State{was_live: false} = state), do: state.options.position || 0
  def last(%State{} = state), do: state.epoch + state.seq - state.seq_base

  @doc "The node has said hello: a session without a name is a new one, whose watches are to be set up."
  @spec greeted(State.t()) :: State.t()
  def greeted(%State{program: %{session: nil}} = state), do: renew(%{state | seq_base: state.seq})
  # Whether it is resumed, the next message tells.
  def greeted(state), do: state

  @doc "A session with a name is opened."
  @spec joined(State.t(), {:new, non_neg_integer} | {:resumed, non_neg_integer, non_neg_integer}) :: Life.result()
  def joined(%State{} = state, {:new, epoch}) do
    base = max(epoch, state.seq)
    state = %{state | epoch: epoch, seq: base, seq_base: base, program: Program.joined(state.program)}
    {:noreply, renew(state)}
  end

  # The node sends the batches that it has kept again, which take no credit; then it replies.
  def joined(state, {:resumed, epoch, batch}) do
    last = epoch + batch

    if state.was_live and last != last(state) do
      Life.broken(state, :port_garbled, "resumed the session after batch #{last}, not after #{last(state)}")
    else
      {seq, base} = if state.was_live, do: {state.seq, state.seq_base}, else: {last, epoch}
      program = Program.first(Program.joined(state.program), :roots, &{:info, &1})
      {:noreply, %{state | epoch: epoch, seq: seq, seq_base: base, replays: true, program: program}}
    end
  end

  # A subscriber that has a listing, or dealt with batches, of an earlier session has missed changes.
  defp renew(%{was_live: true} = state),
    do: Life.watch(%{state | successor: true, program: Program.replaced(state.program)})

  defp renew(state), do: Life.watch(%{state | successor: state.options.position != nil})

  @doc """
  The node has replied which paths the resumed session watches. What was asked for when the connection was lost may have been carried
  out: its caller got an error, so a directory that was added is removed, and one that was removed is forgotten. A watcher that has
  taken over the session watches what its session watches.
  """
  @spec resumed(State.t(), %{binary => nil | atom}) :: State.t()
  def resumed(%State{was_live: true} = state, roots) do
    surplus = Map.keys(roots) -- state.dirs
    state = resume(%{state | dirs: Enum.filter(state.dirs, &is_map_key(roots, &1))})
    Enum.reduce(surplus, state, &request(&2, {:remove, &1, nil}, :infinity, fn id -> {:unwatch, id, &1} end))
  end

  def resumed(state, roots) do
    mine = Enum.filter(state.dirs, &is_map_key(roots, &1))
    missing = for {dir, nil} <- roots, do: dir
    resume(%{state | dirs: mine ++ (Map.keys(roots) -- mine), missing: missing})
  end

  defp resume(state) do
    {credit, delivery} = Delivery.first_credit(state.delivery)
    state = Life.live(%{state | replays: false, delivery: delivery})
    %{state | program: Program.credit(state.program, credit)}
  end
end
