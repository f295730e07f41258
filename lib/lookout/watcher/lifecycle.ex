defmodule Lookout.Watcher.Lifecycle do
  @moduledoc false
  # The life cycle of the `lookout_port` of a watcher: sets up its watches, and handles its death and its restart.
  # Functions that may stop the watcher return what a GenServer callback returns. Their state is `Lookout.Watcher.State`.
  # `Lookout.Watcher.Server`, `Replies` and `Session` call them.

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2, watch_options: 1]
  alias Lookout.{Error, Telemetry}
  alias Lookout.Port.Program
  alias Lookout.Support.{Paths, StartHandshake}
  alias Lookout.Watcher.{Away, Checkpoints, Delivery, RecentBatches, State}
  require Telemetry

  @type result :: {:noreply, State.t()} | {:stop, term, State.t()}

  ## Start

  @doc "`lookout_port` has sent its hello: sets up its watches."
  @spec greeted(State.t()) :: result
  def greeted(%{was_live: false} = state) do
    case Checkpoints.open(state) do
      {:ok, state} -> {:noreply, watch(state)}
      {:error, error} -> fail(state, error)
    end
  end

  def greeted(state), do: {:noreply, watch(state)}

  @doc "The watches of the first `lookout_port` cannot be set up."
  @spec refused(State.t(), Error.t()) :: result
  def refused(state, error) do
    case Checkpoints.lost(state, error) do
      {:ok, state} -> {:noreply, watch(state)}
      {:error, error} -> fail(state, error)
    end
  end

  @doc """
  Sets up the watches of a `lookout_port` that has sent its hello. The first `lookout_port` gets all directories in one request, so that
  an entry below two of them is reported once. A restarted one gets as many requests as the directories need, since the directories
  added by `Lookout.add/3` may exceed the size of one request.
  """
  @spec watch(State.t()) :: State.t()
  def watch(%{was_live: false} = state), do: first_watch(state, [state.dirs])
  def watch(state), do: first_watch(state, Paths.portions(state.dirs))

  defp first_watch(state, portions) do
    {credit, delivery} = Delivery.first_credit(state.delivery)
    watch_portion(%{state | delivery: delivery, unwatched: portions}, credit: credit)
  end

  defp watch_portion(%{unwatched: [dirs | rest]} = state, credit) do
    options =
      if state.was_live,
        do: [initial: false, missing: :wait],
        else: [
          initial: state.options.initial or Checkpoints.from_nothing?(state),
          missing: state.options.missing
        ]

    options = watch_options(state.options) ++ options ++ Checkpoints.watch_options(state) ++ credit
    %{state | program: Program.watch(state.program, &{:watch, &1, dirs, options}), unwatched: rest}
  end

  @doc "The watches of one request are live: sends the next request, or finishes the start."
  @spec watched(State.t()) :: State.t()
  def watched(%{unwatched: []} = state), do: live(state)
  def watched(state), do: watch_portion(state, [])

  @doc "The watches are live."
  @spec live(State.t()) :: State.t()
  def live(%{was_live: true} = state) do
    state = announce(%{state | program: Program.live(state.program), away: nil, setting_up: false})
    deliver(state, state.delivery)
  end

  def live(state) do
    state = %{state | program: Program.live(state.program), away: nil, setting_up: false}
    state = announce(StartHandshake.done(%{state | was_live: true}))
    if state.options.ready == :async, do: push(state, {:notice, :ready}), else: state
  end

  @doc "Pushes the notice `:restarted` before the first message of a restarted `lookout_port`."
  @spec announce(State.t()) :: State.t()
  def announce(%{successor: false} = state), do: state

  def announce(state) do
    push(
      %{state | successor: false, missing: MapSet.new(), recent: RecentBatches.new(state.seq)},
      {:notice, :restarted}
    )
  end

  @doc "`lookout_port` cannot be started, and a retry would not help: the start of the watcher fails."
  @spec fail(State.t(), Error.t()) :: result
  def fail(state, error) do
    state = StartHandshake.failed(%{state | program: Program.shut_down(state.program)}, error)
    if state.start.caller == :answered, do: {:stop, error, state}, else: StartHandshake.next(state)
  end

  ## Death

  @doc "Kills a `lookout_port` that hangs or violates the protocol; `what` describes what it did."
  @spec broken(State.t(), atom, binary) :: result
  def broken(state, reason, what), do: died(state, Program.kill(state.program, reason, what))

  @doc "A restarted `lookout_port` cannot watch directories that could be watched before: restarts it again after a pause."
  @spec unwatchable(State.t(), Error.t()) :: result
  def unwatchable(state, error) do
    state = %{state | program: Program.shut_down(state.program)}
    if Away.away?(state, error), do: Away.begin(state, error), else: restart_later(state, error)
  end

  @doc """
  `lookout_port` has ended. It is restarted after a pause if its watches were live once. Otherwise the start of the watcher fails, and the
  caller or the supervisor decides about a retry. A watcher with a cursor stops: its next start goes on from the last commit, so that no
  change is left out, as it would be in a new epoch.
  """
  @spec died(State.t(), Error.t()) :: result
  def died(state, error) do
    if Away.away?(state, error), do: Away.begin(state, error), else: ended(state, error)
  end

  defp ended(state, error) do
    state = %{state | program: Program.close(state.program)}

    cond do
      not state.was_live -> fail(state, error)
      state.cursor != nil -> {:stop, error, state}
      true -> restart_later(state, error)
    end
  end

  @doc "Starts `lookout_port` again."
  @spec restart(State.t()) :: result
  def restart(%{options: %{node: node}} = state) when node != nil do
    case Program.open(state.program, Away.last(state)) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:error, error} -> Away.begin(state, error)
    end
  end

  def restart(state) do
    case Program.reopen(state.program) do
      {:ok, program} -> {:noreply, %{state | program: program, successor: true}}
      {:error, error} -> restart_later(state, error)
    end
  end

  defp restart_later(state, error) do
    case Program.died(state.program) do
      {:restart_in, pause, program} ->
        :logger.warning("#{label(state)} starts its program again in #{pause} ms: #{Exception.message(error)}")
        emit_restart(state, pause, error)
        for {:list, ref} <- Program.open_kinds(program), do: send(ref, {ref, :again})
        # The next session tells whether its batches are numbered on.
        base = if program.session, do: state.seq_base, else: state.seq
        {:noreply, %{state | program: program, seq_base: base}}

      {:too_many, program} ->
        {:stop, error, %{state | program: program}}
    end
  end

  defp emit_restart(state, pause, error) do
    Telemetry.emit([:lookout, :watcher, :restart], fn ->
      delay = System.convert_time_unit(pause, :millisecond, :native)
      metadata = %{watcher: self(), name: state.options.name, reason: error.reason, error: error}
      {%{count: 1, delay: delay, restarts: state.program.restarts}, metadata}
    end)
  end
end
