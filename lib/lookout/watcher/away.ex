defmodule Lookout.Watcher.Away do
  @moduledoc false
  # A watcher with a `lookout_port` on another node (option `:node`): the loss of the connection. Its state is in
  # `Lookout.Watcher.State` (`away`, `epoch`); `Lookout.Watcher.Lifecycle`, `Session` and the server call it.
  #
  # The watcher is away from the loss until its watches are live again. Meanwhile it tries again without end, and until
  # there is a session it answers each call that needs the node with the error of the loss. The end of a session is no
  # death of a program.

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2]
  alias Lookout.Error
  alias Lookout.Port.Program
  alias Lookout.Watcher.{Delivery, State}

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
  @spec begin(State.t(), Error.t()) :: {:noreply, State.t()}
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

  @doc """
  The number that names the last batch to the node, for a session with a name; 0 if there is none. A session that was lost before its
  watches were live lacks some of them, so it is not named.
  """
  @spec last(State.t()) :: non_neg_integer
  def last(%State{setting_up: true, was_live: true}), do: 0
  def last(%State{was_live: false} = state), do: state.options.position || 0
  def last(%State{} = state), do: state.epoch + state.seq - state.seq_base
end
