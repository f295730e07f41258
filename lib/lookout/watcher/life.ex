defmodule Lookout.Watcher.Life do
  @moduledoc false
  # The lives of a watcher's program: told what to watch, live, dead, replaced. What may end the watcher returns what a callback does.

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2, watch_options: 1]
  alias Lookout.{Delivery, Error, Paths, Program, Start, Telemetry}
  alias Lookout.Watcher.State

  @type result :: {:noreply, State.t()} | {:stop, term, State.t()}

  ## Start

  @doc """
  Sets up the watches of a program that has said hello. All by one request, so that an entry below two of them is told once; a
  successor is told what a request has no room for by further ones, as the program before it was.
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
        else: [initial: state.options.initial, missing: state.options.missing]

    options = watch_options(state.options) ++ options ++ credit
    %{state | program: Program.watch(state.program, &{:watch, &1, dirs, options}), unwatched: rest}
  end

  @doc "What the program was told to watch is live: there may be more."
  @spec watched(State.t()) :: State.t()
  def watched(%{unwatched: []} = state), do: live(state)
  def watched(state), do: watch_portion(state, [])

  defp live(%{was_live: true} = state) do
    state = announce(%{state | program: Program.live(state.program)})
    deliver(state, state.delivery)
  end

  defp live(state) do
    state = %{state | program: Program.live(state.program), was_live: true, start: Start.done(state.start)}
    if state.options.ready == :async, do: push(state, {:notice, :ready}), else: state
  end

  @doc "The program speaks: `:restarted` stands before the first word of a successor."
  @spec announce(State.t()) :: State.t()
  def announce(%{successor: false} = state), do: state
  def announce(state), do: push(%{state | successor: false, missing: []}, {:notice, :restarted})

  @doc "It cannot be started, and there is no chance that trying again would help."
  @spec fail(State.t(), Error.t()) :: result
  def fail(state, error) do
    state = %{state | program: Program.part(state.program), start: Start.failed(state.start, error)}
    if state.start.caller == :answered, do: {:stop, error, state}, else: Start.next(state)
  end

  ## Death

  @doc "Ends a program that can no longer be spoken with; `what` it did."
  @spec broken(State.t(), atom, binary) :: result
  def broken(state, reason, what), do: died(state, Program.kill(state.program, reason, what))

  @doc "What could be watched before cannot be now: perhaps it can be later."
  @spec unwatchable(State.t(), Error.t()) :: result
  def unwatchable(state, error), do: restart_later(%{state | program: Program.part(state.program)}, error)

  @doc "The program has ended. One that has not watched anything yet is not replaced: the caller, or the supervisor, decides."
  @spec died(State.t(), Error.t()) :: result
  def died(state, error) do
    state = %{state | program: Program.close(state.program)}
    if state.was_live, do: restart_later(state, error), else: fail(state, error)
  end

  @doc "Starts the successor."
  @spec restart(State.t()) :: result
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
        {:noreply, %{state | program: program, seq_base: state.seq}}

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
