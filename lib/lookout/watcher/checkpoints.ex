defmodule Lookout.Watcher.Checkpoints do
  @moduledoc false
  # Checkpoints and commits of a watcher with the option `:cursor`, and where its start goes on. Its state is in
  # `Lookout.Watcher.State` (`cursor`, `cursor_timers`); `Lookout.Watcher.Server`, `Lifecycle` and `Replies` call it.

  import Lookout.Watcher.State, only: [label: 1, push: 2, request: 4]
  alias Lookout.Error
  alias Lookout.Port.{Program, Protocol}
  alias Lookout.Support.Timers
  alias Lookout.Watcher.{Cursor, Delivery, State}

  @doc "Opens the directory of cursors, before the first watch request."
  @spec open(State.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def open(%State{options: %{cursor: nil}} = state), do: {:ok, state}

  def open(%State{options: options} = state) do
    with {:error, error} <- Cursor.open(options.cursor, options.checkpoint_every) do
      lost(state, error)
    else
      {:ok, cursor} -> {:ok, %{state | cursor: cursor}}
    end
  end

  @doc "The start has failed with this error: goes on from nothing if the cursor is lost and the options allow it."
  @spec lost(State.t(), Error.t()) :: {:ok, State.t()} | {:error, Error.t()}
  def lost(
        %State{cursor: %Cursor{from: from}, options: %{cursor: {dir, :committed}}} = state,
        %Error{reason: :unknown_cursor} = error
      ) do
    # An earlier watcher may have committed until `lookout_port` had the lock.
    case Cursor.open({dir, :committed}, state.options.checkpoint_every) do
      {:ok, %Cursor{from: now} = cursor} when now not in [nil, from] -> {:ok, %{state | cursor: cursor}}
      _same -> give_up(state, error)
    end
  end

  def lost(state, error), do: give_up(state, error)

  defp give_up(%State{options: %{on_bad_cursor: :restart, cursor: {dir, _wanted}} = options} = state, error) do
    if Cursor.lost?(error) do
      state = %{state | cursor: Cursor.restart(dir, options.checkpoint_every)}
      {:ok, push(state, {:notice, {:cursor_lost, error.reason}})}
    else
      {:error, error}
    end
  end

  defp give_up(_state, error), do: {:error, error}

  @doc "The first watches are live, and the directory is locked: deletes snapshots that no start can name any more."
  @spec started(State.t()) :: State.t()
  def started(%State{cursor: nil} = state), do: state

  def started(%State{} = state) do
    Cursor.clean(state.cursor)
    state
  end

  @doc "The options of the first watch request. What exists is reported first if there is nothing to go on from."
  @spec watch_options(State.t()) :: keyword
  def watch_options(%State{cursor: nil}), do: []
  def watch_options(%State{cursor: cursor}), do: [cursor: Cursor.start(cursor)]

  @doc "Whether everything that exists is to be reported."
  @spec from_nothing?(State.t()) :: boolean
  def from_nothing?(%State{cursor: cursor}), do: cursor != nil and cursor.from == nil

  @doc "Asks `lookout_port` to save a snapshot; `from` is nil for an automatic checkpoint."
  @spec request(State.t(), nil | GenServer.from(), timeout) :: {:ok, State.t()} | {:error, Error.t()}
  def request(%State{cursor: nil}, _from, _timeout) do
    {:error, %Error{reason: :no_cursor, operation: :checkpoint, detail: "start the watcher with the option :cursor"}}
  end

  def request(%State{} = state, from, timeout) do
    cursor = Cursor.draw(state.seq)
    {:ok, request(state, {:checkpoint, cursor, from}, timeout, &{:save, &1, Cursor.file(cursor)})}
  end

  @doc "The snapshot is on the disk: every batch up to here is in it, and none after it."
  @spec saved(State.t(), Cursor.cursor(), nil | GenServer.from()) :: State.t()
  def saved(%State{} = state, cursor, from) do
    timers = Timers.cancel(state.cursor_timers, :checkpoint)
    state = %{state | cursor: Cursor.prepared(state.cursor, cursor), cursor_timers: timers}
    state = push(state, {:checkpoint, cursor})
    if from, do: GenServer.reply(from, {:ok, cursor})
    state
  end

  @doc "The snapshot could not be saved. An automatic checkpoint is made again after the next changes."
  @spec failed(State.t(), nil | GenServer.from(), Error.t()) :: State.t()
  def failed(%State{} = state, nil, error) do
    :logger.warning("#{label(state)} could not make a checkpoint: #{Exception.message(error)}")
    state
  end

  def failed(%State{} = state, from, error) do
    GenServer.reply(from, {:error, error})
    state
  end

  @doc "A batch was reported: an automatic checkpoint is due after `:checkpoint_every`."
  @spec changed(State.t()) :: State.t()
  def changed(%State{cursor: %Cursor{automatic: ms}} = state) when ms != nil do
    %{state | cursor_timers: Timers.start(state.cursor_timers, :checkpoint, ms)}
  end

  def changed(state), do: state

  @doc "Handles the timeout message of an automatic checkpoint. While many cursors wait for a commit it is put off."
  @spec timeout(State.t(), term, reference) :: State.t()
  def timeout(%State{} = state, tag, ref) do
    case Timers.fired(state.cursor_timers, tag, ref) do
      {:ok, timers} -> due(%{state | cursor_timers: timers})
      :stale -> state
    end
  end

  defp due(state) do
    if Cursor.automatic?(state.cursor) do
      {:ok, state} = request(state, nil, :infinity)
      state
    else
      changed(state)
    end
  end

  @doc "Lets older snapshots go: the next start goes on from this one."
  @spec commit(State.t(), Cursor.cursor()) :: {:ok, State.t()} | {:error, Error.t()}
  def commit(%State{cursor: nil}, _cursor) do
    {:error, %Error{reason: :no_cursor, operation: :commit, detail: "start the watcher with the option :cursor"}}
  end

  def commit(%State{} = state, cursor) do
    if Delivery.waiting?(state.delivery, {:checkpoint, cursor}),
      do: {:error, %Error{reason: :lagging, operation: :commit, detail: undelivered(state)}},
      else: commit_delivered(state, cursor)
  end

  # The batches before the cursor would never be reported.
  defp undelivered(%State{delivery: delivery}) do
    case Delivery.count(delivery) do
      0 ->
        "there is no subscriber, and what came before this cursor waits for one; subscribe first"

      _some ->
        "a subscriber has not got what came before this cursor yet; commit it when the subscriber has its message"
    end
  end

  defp commit_delivered(state, cursor) do
    saved = for {:checkpoint, cursor, _from} <- Program.open_kinds(state.program), do: cursor
    with {:ok, store} <- Cursor.commit(state.cursor, cursor, saved), do: {:ok, %{state | cursor: store}}
  end

  @doc "The caller of a checkpoint has given up: the snapshot is kept, and subscribers get the cursor."
  @spec expired(State.t(), Protocol.id(), Cursor.cursor()) :: State.t()
  def expired(%State{} = state, id, cursor) do
    %{state | program: Program.forget(state.program, id, {:checkpoint, cursor, nil})}
  end
end
