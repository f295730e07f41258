defmodule Lookout.Watcher.Replies do
  @moduledoc false
  # Handles the replies of `lookout_port`, by the kind of request. The state is `Lookout.Watcher.State`; the server calls it.

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2, request: 4]
  alias Lookout.Error
  alias Lookout.Port.Program
  alias Lookout.Support.Sealed
  alias Lookout.Watcher.{Checkpoints, Delivery, Lifecycle, RecentBatches, Session, State}

  @doc "Handles a reply, or the reply that ends a listing."
  @spec reply(State.t(), term, Lookout.Port.Protocol.reply()) :: Lifecycle.result()
  def reply(%State{} = state, id, result) do
    case Program.answered(state.program, id) do
      {:ok, kind, program} -> answer(kind, result, id, %{state | program: program})
      :error -> unasked(id, result, state)
    end
  end

  @doc "Passes a chunk of a listing to its caller."
  @spec entries(State.t(), term, [tuple]) :: Lifecycle.result()
  def entries(%State{} = state, id, entries) do
    case Program.answering(state.program, id) do
      {:ok, {:list, ref}, program} ->
        send(ref, {ref, {:entries, entries}})
        {:noreply, %{state | program: program}}

      {:ok, :forgotten, program} ->
        {:noreply, %{state | program: program}}

      _other ->
        unasked(id, :entries, state)
    end
  end

  @doc "A request has timed out: replies `:timeout` to its caller. An add that was already sent is undone when `lookout_port` replies to it."
  @spec expired(State.t(), Lookout.Port.Protocol.id(), Lookout.Port.Requests.kind()) :: State.t()
  def expired(%State{} = state, id, {kind, dir, from}) when kind in [:add, :remove] do
    GenServer.reply(from, {:error, :timeout})
    %{state | program: Program.forget(state.program, id, {kind, dir, nil})}
  end

  def expired(%State{} = state, id, {:info, from}) do
    GenServer.reply(from, {:error, :timeout})
    %{state | program: Program.forget(state.program, id)}
  end

  def expired(%State{} = state, id, {:checkpoint, cursor, from}) do
    GenServer.reply(from, {:error, :timeout})
    Checkpoints.expired(state, id, cursor)
  end

  # The caller of a listing has its own timer and needs no reply.
  def expired(%State{} = state, id, {:list, _ref}), do: %{state | program: Program.forget(state.program, id)}

  defp unasked(id, result, state) do
    :logger.error("#{label(state)} got a reply to no request (id #{inspect(id)}): #{Sealed.describe(result)}")
    {:noreply, state}
  end

  defp answer(:watch, :ok, _id, state), do: {:noreply, Lifecycle.watched(state)}

  # The number of the last batch of the snapshot, from which `lookout_port` goes on.
  defp answer(:watch, {:ok, seq}, _id, %{cursor: %{}} = state) when is_integer(seq) do
    {:noreply, Lifecycle.watched(Checkpoints.started(%{state | seq: seq, recent: RecentBatches.new(seq)}))}
  end

  defp answer(:watch, {:error, error}, _id, state) do
    if state.was_live, do: Lifecycle.unwatchable(state, error), else: Lifecycle.refused(state, error)
  end

  defp answer({:checkpoint, cursor, from}, {:ok, seq}, _id, %{seq: last, seq_base: base} = state)
       when seq + base == last do
    {:noreply, Checkpoints.saved(state, cursor, from)}
  end

  defp answer({:checkpoint, _cursor, from}, {:error, error}, _id, state) do
    {:noreply, Checkpoints.failed(state, from, error)}
  end

  defp answer(:roots, {:ok, %{roots: %{} = roots}}, _id, state), do: {:noreply, Session.resumed(state, roots)}

  defp answer(:sync, {:ok, _seq}, id, state), do: {:noreply, push(state, {:marker, id})}

  defp answer(:sync, {:error, error}, id, state) do
    {:noreply, deliver(state, Delivery.end_sync(state.delivery, id, {:error, error}))}
  end

  # The caller of the add has timed out: removes the directory again, unless another caller wants it watched.
  defp answer({:add, dir, nil}, :ok, _id, state) do
    wanted? = dir in state.dirs or Enum.any?(Program.open_kinds(state.program), &match?({:add, ^dir, _from}, &1))
    {:noreply, if(wanted?, do: state, else: request(state, {:remove, dir, nil}, :infinity, &{:unwatch, &1, dir}))}
  end

  defp answer({kind, _dir, nil}, {:error, _error}, _id, state) when kind in [:add, :remove], do: {:noreply, state}

  # The directory is already watched under the same path: the add succeeds.
  defp answer({:add, dir, from}, {:error, %Error{reason: :already_watched}}, id, state) do
    answer({:add, dir, from}, :ok, id, state)
  end

  defp answer({:add, dir, from}, :ok, _id, state) do
    GenServer.reply(from, :ok)
    {:noreply, if(dir in state.dirs, do: state, else: %{state | dirs: state.dirs ++ [dir]})}
  end

  defp answer({:remove, dir, from}, :ok, _id, state) do
    if from, do: GenServer.reply(from, :ok)
    {:noreply, %{state | dirs: List.delete(state.dirs, dir), missing: MapSet.delete(state.missing, dir)}}
  end

  defp answer({:info, from}, {:ok, native}, _id, state) when is_map(native) do
    GenServer.reply(from, {:ok, Map.merge(native, info(state))})
    {:noreply, state}
  end

  defp answer({:list, ref}, {:ok, seq}, _id, state) when is_integer(seq) do
    send(ref, {ref, {:ok, seq + state.seq_base}})
    {:noreply, state}
  end

  defp answer({:list, ref}, {:error, error}, _id, state) do
    send(ref, {ref, {:error, error}})
    {:noreply, state}
  end

  defp answer(kind, {:error, error}, _id, state) when elem(kind, 0) in [:add, :remove, :info] do
    GenServer.reply(elem(kind, tuple_size(kind) - 1), {:error, error})
    {:noreply, state}
  end

  defp answer(kind, _result, _id, state) when kind in [:ping, :forgotten], do: {:noreply, state}

  defp answer(_kind, result, _id, state) do
    Lifecycle.broken(state, :port_garbled, "answered a request with #{Sealed.describe(result)}")
  end

  defp info(state) do
    %{
      seq: state.seq,
      dirs: state.dirs,
      subscribers: Delivery.count(state.delivery),
      held: Delivery.held(state.delivery),
      os_pid: state.program.bridge.os_pid,
      node: state.options.node,
      cursor: state.cursor && state.cursor.from,
      restarts: state.program.restarts,
      version: state.program.version
    }
  end
end
