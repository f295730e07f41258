defmodule Lookout.Runner.Server do
  @moduledoc false
  # The GenServer of a runner: receives changes from the watcher, and performs the actions of `Schedule`. Each run, and
  # the stop of its command, has a process of its own. The runner itself blocks only at its start, for the reply to a
  # signal or a resize (up to 5 s each), for a commit of a cursor, and when it terminates. Its state is `Lookout.Runner.State`.
  # `Lookout.Runner` starts it and calls it.

  use GenServer
  use Lookout.Support.Discreet, state: Lookout.Runner.State

  import Lookout.Runner.State, only: [label: 1]
  alias Lookout.{Command, Error, Watcher}
  alias Lookout.Runner.{Changes, Coverage, Loop, Options, Run, Schedule, Shutdown, State}
  alias Lookout.Support.{LogMetadata, SafeCall, Signals, StartHandshake, Timers}

  # Milliseconds that the process of a run may still take to write output after its command has ended.
  @stuck 1_000
  # How many batches a watcher of another node may send ahead.
  @remote_batches 32
  # Milliseconds that the end of a run waits for the watcher to report the changes that the run itself made.
  @own_changes 500
  # With on_busy: :restart and :signal, a change made more than this many milliseconds after the start of the command,
  # or after the last signal, does not count as made by the run.
  @at_start 2_000

  @spec start_link(Options.t()) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(%Options{} = options), do: StartHandshake.start_link(__MODULE__, options)

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)
    LogMetadata.put(:runner, options.name)
    {:ok, State.new(options, parent), {:continue, :watch}}
  end

  @impl true
  def handle_continue(:watch, state) do
    case watch(state.options.watcher) do
      {:ok, watcher} -> {:noreply, first(%{state | watcher: watcher, watcher_ref: Process.monitor(watcher)})}
      {:error, error} -> state |> StartHandshake.failed(error) |> StartHandshake.next()
    end
  end

  # A watcher of another node only accepts subscriptions with a count of batches.
  defp watch({:named, watcher}) do
    Lookout.subscribe(watcher, active: if(SafeCall.remote?(watcher), do: @remote_batches, else: true))
  end

  defp watch({:own, options}), do: Watcher.Server.start_link(%{options | subscribe: [{self(), :all}]})

  defp first(%{options: %{run_at_start: true}} = state), do: demand(state)
  defp first(state), do: state

  # Makes a run due at once: skips the quiet time and the pause of a loop.
  defp demand(state) do
    state = %{state | outside: true, since: nil, timers: Timers.cancel(state.timers, :settle)}
    act(state, Schedule.demand(state.schedule))
  end

  # handle_continue/2 runs before any call, so at this point the watcher is running or the start has failed.
  @impl true
  def handle_call(:await_start, from, state),
    do: state |> StartHandshake.asked(from, true) |> StartHandshake.next()

  def handle_call({:until, deadline, request}, from, state) do
    if SafeCall.left(deadline) == 0, do: {:reply, {:error, :timeout}, state}, else: handle_call(request, from, state)
  end

  def handle_call(:run, _from, state), do: {:reply, :ok, demand(state)}
  def handle_call(:command, _from, state), do: {:reply, running(state), state}

  def handle_call({:resize, size}, _from, state) do
    case Options.resize(state.options, size) do
      {:ok, options} -> {:reply, :ok, fit_terminal(%{state | options: options})}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call(other, _from, state) do
    detail = "the runner knows no such call: #{inspect(other)}"
    {:reply, {:error, %Error{reason: :bad_request, operation: :call, detail: detail}}, state}
  end

  @impl true
  def handle_cast(other, state), do: unknown(other, state)

  ## Messages

  @impl true
  def handle_info({:lookout, watcher, message}, %{watcher: watcher} = state),
    do: {:noreply, handle_message(message, state)}

  def handle_info({:run, pid, message}, %{run: %{pid: pid}} = state), do: {:noreply, from_run(message, state)}

  # A message from a run that was killed meanwhile.
  def handle_info({:run, _pid, _message}, state), do: {:noreply, state}

  # The message {:stopped, reason} of the watcher came before, unless the watcher was killed.
  def handle_info({:DOWN, ref, :process, _pid, reason}, %{watcher_ref: ref} = state), do: watcher_gone(reason, state)
  def handle_info({:EXIT, watcher, reason}, %{watcher: watcher} = state), do: watcher_gone(reason, state)

  def handle_info({:EXIT, pid, reason}, %{run: %{pid: pid}} = state), do: {:noreply, run_gone(reason, state)}

  # The stopper exits when the command has ended, or when some process of it cannot be ended.
  def handle_info({:EXIT, pid, _reason}, %{run: %{stopper: pid}} = state) do
    {:noreply, %{state | timers: Timers.start(state.timers, :stuck, @stuck)}}
  end

  def handle_info({:EXIT, pid, :normal}, state) when is_pid(pid), do: {:noreply, state}
  def handle_info({:EXIT, pid, reason}, state) when is_pid(pid), do: {:stop, reason, state}

  def handle_info({:timeout, ref, {:runner, tag}}, state) do
    case Timers.fired(state.timers, tag, ref) do
      {:ok, timers} -> {:noreply, on_timeout(tag, %{state | timers: timers})}
      :stale -> {:noreply, state}
    end
  end

  def handle_info(other, state), do: unknown(other, state)

  defp unknown(message, state) do
    :logger.warning("#{label(state)} got a message that it does not know: #{inspect(message)}")
    {:noreply, state}
  end

  defp handle_message({:events, _seq, events}, state) do
    if node(state.watcher) != node(), do: Watcher.Server.ask(state.watcher, 1)
    state = %{state | changes: Changes.add(state.changes, events), coverage: Coverage.changed(state.coverage)}
    changed(%{state | outside: state.outside or outside?(state)})
  end

  defp handle_message({:notice, notice}, state) do
    state = notify(state, {:notice, notice})
    # The changes made meanwhile were not reported, so any path may have changed.
    if notice in [:restarted, :lagged],
      do: changed(%{state | changes: Changes.unknown(state.changes), outside: true}),
      else: state
  end

  defp handle_message({:checkpoint, cursor}, %{options: %{watcher: {:own, _options}}} = state),
    do: commit(state, Coverage.reported(state.coverage, cursor, place(state)))

  # A watcher that others have, too: a commit would be for all of them.
  defp handle_message({:checkpoint, _cursor}, state), do: state
  defp handle_message({:stopped, reason}, state), do: %{state | stopped: {:reason, reason}}

  defp watcher_gone(_reason, %{stopped: {:reason, reason}} = state), do: {:stop, reason, state}

  defp watcher_gone(:noconnection, state) do
    detail = "the connection to #{node(state.watcher)}, the node of the watcher, was lost"
    {:stop, %Error{reason: :nodedown, operation: :watch, detail: detail}, state}
  end

  defp watcher_gone(reason, state), do: {:stop, reason, state}

  defp place(state), do: Coverage.place(state.run, [state.changes, state.returned])

  defp commit(state, {nil, coverage}), do: %{state | coverage: coverage}

  defp commit(state, {cursor, coverage}) do
    with {:error, error} <- Lookout.commit(state.watcher, cursor),
         do: :logger.warning("#{label(state)}: #{Exception.message(error)}")

    %{state | coverage: coverage}
  end

  ## The schedule

  defp changed(state), do: act(state, Schedule.changed(state.schedule))

  defp outside?(%{run: nil}), do: true

  defp outside?(%{options: %{on_busy: busy}, run: run}) when busy in [:restart, :signal],
    do: now() - run.since > @at_start

  defp outside?(_state), do: false

  defp on_timeout(:settle, state), do: act(%{state | since: nil}, Schedule.settled(state.schedule))

  defp on_timeout(:stuck, state) do
    Process.exit(state.run.pid, :kill)
    state
  end

  defp act(state, {actions, schedule}), do: Enum.reduce(actions, %{state | schedule: schedule}, &perform/2)

  defp perform(:settle, state) do
    now = now()
    since = state.since || now
    wait = min(state.options.settle, max(since + state.options.max_settle - now, 0))
    # With :queue, hold/1 applies the pause at the end of the run.
    wait = if state.options.on_busy == :queue, do: wait, else: max(wait, pause(state))
    %{state | since: since, timers: state.timers |> Timers.cancel(:settle) |> Timers.start(:settle, wait)}
  end

  defp perform(:start, state) do
    state = mind_loop(state)
    given = Changes.join(state.returned, state.changes)
    pid = Run.start_link(state.options, given, before_end(state))
    run = %Run{pid: pid, given: given, cause: state.changes, since: now(), size: Options.size(state.options)}
    coverage = Coverage.given(state.coverage)
    %{state | run: run, changes: Changes.new(), returned: Changes.new(), coverage: coverage}
  end

  defp perform(:stop, state), do: stop_run(put_in(state.run.stopping, true))
  defp perform(:signal, state), do: signal_run(state)

  # Called by the process of the run. The sync makes the changes that the run itself made arrive before its end, so that
  # they count as made during the run.
  defp before_end(%{options: %{on_busy: :ignore}, watcher: watcher}), do: fn -> Lookout.sync(watcher) end
  defp before_end(%{watcher: watcher}), do: fn -> Lookout.sync(watcher, @own_changes) end

  # Called when a run starts or a signal is sent: updates the loop detection.
  defp mind_loop(state) do
    {verdict, loop} = Loop.started(state.loop, state.changes, not state.outside)
    warn(verdict, %{state | loop: loop, outside: false})
  end

  defp warn(:ok, state), do: state

  defp warn({:warn, paths}, state) do
    :logger.warning("#{label(state)}: #{Loop.warning(paths)}")
    notify(state, {:notice, {:self_triggered, paths}})
  end

  defp pause(%{outside: true}), do: 0
  defp pause(state), do: Loop.pause(state.loop)

  ## A run

  defp from_run({:launched, command, os_pid}, state) do
    state = notify(state, {:cause, Changes.paths(state.run.cause)})
    state = notify(state, {:started, os_pid, Changes.paths(state.run.given)})
    send(state.run.pid, :go)
    asked = state.run.asked
    state = fit_terminal(%{state | run: %{state.run | launched: true, command: command, asked: nil}})

    case asked do
      :stop -> stop_run(state)
      :signal -> signal_run(state)
      nil -> state
    end
  end

  defp from_run({:ended, status}, state), do: ended(state, status)

  # The command could not be started: the next run gets its changes.
  defp from_run({:failed, error}, state) do
    :logger.warning("#{label(state)}: #{Exception.message(error)}")

    state
    |> give_back(state.run.given)
    |> notify({:failed, error})
    |> ask_again()
    |> next()
  end

  defp running(%{run: %{command: command}}) when is_pid(command), do: {:ok, command}

  defp running(_state) do
    {:error, %Error{reason: :not_running, operation: :command, detail: "the runner runs no command now"}}
  end

  # Sets the terminal of the running command to the size that was last set. The error for a command that has ended
  # meanwhile does not matter.
  defp fit_terminal(%{run: %{command: command, size: old} = run, options: options} = state) when is_pid(command) do
    size = Options.size(options)
    if size != old, do: Command.resize(command, size)
    %{state | run: %{run | size: size}}
  end

  defp fit_terminal(state), do: state

  # A change arrived before the command was launched, and its signal was never sent: one more run is due instead.
  defp ask_again(%{run: %{asked: :signal}} = state), do: again(state)
  defp ask_again(state), do: state

  defp run_gone(reason, state) when reason in [:normal, :noproc], do: ended(state, :ok)
  defp run_gone(reason, state), do: ended(state, {:exit, reason})

  defp ended(%{run: run} = state, status) do
    unless run.stopping, do: Run.log_failure(status, label(state))
    state = notify(state, {:finished, status})

    cond do
      # The run was stopped before it completed: the next run gets its changes.
      run.stopping -> state |> give_back(run.given) |> next()
      died_of_signal?(state, status) -> state |> give_back(run.signalled) |> again() |> next()
      true -> state |> commit(Coverage.ended(state.coverage)) |> ask_again() |> next()
    end
  end

  # Whether the command was killed by the signal of on_busy: :signal. It has not handled the changes then.
  defp died_of_signal?(%{run: %{signalled: %Changes{}}, options: options}, {:signal, name}) do
    Signals.same?(name, options.signal)
  end

  defp died_of_signal?(_state, _status), do: false

  defp give_back(state, changes),
    do: %{state | returned: Changes.join(state.returned, changes), coverage: Coverage.returned(state.coverage)}

  defp again(state), do: %{state | schedule: Schedule.again(state.schedule)}

  defp next(%{run: %{pid: pid}} = state) do
    Run.forget(pid)
    state = hold(%{state | run: nil, timers: Timers.cancel(state.timers, :stuck)})
    act(state, Schedule.finished(state.schedule))
  end

  # Delays the next run if runs start each other.
  defp hold(%{options: %{on_busy: :queue}} = state) do
    pause = pause(state)

    if pause > 0 and Schedule.expected?(state.schedule) do
      timers = state.timers |> Timers.cancel(:settle) |> Timers.start(:settle, pause)
      %{state | schedule: Schedule.hold(state.schedule), timers: timers}
    else
      state
    end
  end

  defp hold(state), do: state

  defp stop_run(%{run: %{launched: false}} = state), do: put_in(state.run.asked, :stop)

  defp stop_run(%{run: %{command: nil, pid: pid}} = state) do
    Process.exit(pid, :kill)
    state
  end

  defp stop_run(%{run: %{command: command}} = state) do
    put_in(state.run.stopper, Shutdown.start_stopper(command, state.options.grace, label(state)))
  end

  defp signal_run(%{run: %{launched: false}} = state), do: put_in(state.run.asked, :signal)

  defp signal_run(%{run: run} = state) do
    case Command.signal(run.command, state.options.signal) do
      :ok ->
        state = mind_loop(state)
        signalled = Changes.join(run.signalled || Changes.new(), state.changes)
        run = %{run | signalled: signalled, since: now()}
        %{state | run: run, changes: Changes.new(), coverage: Coverage.given(state.coverage)}

      # The command has ended meanwhile: makes a run due, which starts when the message about that end arrives.
      {:error, _not_running} ->
        again(state)
    end
  end

  defp notify(state, message) do
    for name <- state.options.notify, pid = pid(name), do: send(pid, {:lookout_runner, self(), message})
    state
  end

  defp pid(pid) when is_pid(pid), do: pid
  defp pid(name), do: Process.whereis(name)

  ## End

  @impl true
  def terminate(_reason, state) do
    Shutdown.end_run(state.run, state.options.grace, @stuck)
    if match?({:own, _options}, state.options.watcher) and state.watcher, do: end_watcher(state)
  end

  defp end_watcher(%{options: %{watcher: {:own, options}}, watcher: watcher} = state) do
    if options.cursor && place(state) == :ended && not state.coverage.current, do: Shutdown.commit(watcher)
    SafeCall.stop(watcher, :infinity)
  end

  defp now, do: System.monotonic_time(:millisecond)
end
