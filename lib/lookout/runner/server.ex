defmodule Lookout.Runner.Server do
  @moduledoc false
  # The process of a runner: receives changes, asks the schedule what to do about them, and does it. The runs, and what ends
  # them, are processes of their own; the runner itself waits only for the answer to a signal (up to 5 s) and when it ends.

  use GenServer
  use Lookout.Discreet

  alias Lookout.{Client, Command, Error, LogMetadata, Signals, Start, Timers, Watcher}
  alias Lookout.Runner.{Changes, Loop, Options, Run, Schedule, Shutdown}

  # How long a run whose command is gone may still be busy with its output.
  @stuck 1_000
  # How many batches may be on their way from a watcher of another node.
  @remote_batches 32
  # How long the end of a run waits for the report of what it changed itself.
  @own_changes 500
  # A command that is restarted, or signalled, while it runs: what changes later than so many milliseconds after its start was not
  # changed by that start.
  @at_start 2_000

  @enforce_keys [:options, :start, :schedule]
  defstruct [
    :options,
    :start,
    :schedule,
    changes: Changes.new(),
    # what was given to a run that did not end its work: for the next one, but not its cause
    returned: Changes.new(),
    # whether some of them were made while nothing was running
    outside: false,
    loop: Loop.new(),
    timers: Timers.new(:runner),
    # since when changes are waiting for quiet
    since: nil,
    watcher: nil,
    watcher_ref: nil,
    # {:reason, reason}: the watcher has said that it stops
    stopped: nil,
    run: nil
  ]

  # A run that is going on. `told`: the changes given to it, `cause`: those that started it. `signalled`: those for which it was sent the signal. `asked`: what
  # is to be done when it is launched. `stopper`: the process that ends its command.
  @no_run %{
    pid: nil,
    launched: false,
    command: nil,
    told: nil,
    cause: nil,
    # when it was started, or signalled last (monotonic milliseconds)
    since: nil,
    # of its terminal
    size: nil,
    signalled: nil,
    asked: nil,
    stopping: false,
    stopper: nil
  }

  @spec start_link(Options.t()) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(%Options{} = options), do: Start.start_link(__MODULE__, options)

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)
    LogMetadata.put(:runner, options.name)
    state = %__MODULE__{options: options, start: Start.new(parent), schedule: Schedule.new(options.on_busy)}
    {:ok, state, {:continue, :watch}}
  end

  @impl true
  def handle_continue(:watch, state) do
    case watch(state.options.watcher) do
      {:ok, watcher} -> {:noreply, first(%{state | watcher: watcher, watcher_ref: Process.monitor(watcher)})}
      {:error, error} -> Start.next(%{state | start: Start.failed(state.start, error)})
    end
  end

  # A watcher of another node sends only what it is asked for.
  defp watch({:named, watcher}) do
    Lookout.subscribe(watcher, active: if(Client.remote?(watcher), do: @remote_batches, else: true))
  end

  defp watch({:own, options}), do: Watcher.start_link(%{options | subscribe: [{self(), :all}]})

  defp first(%{options: %{run_at_start: true}} = state), do: demand(state)
  defp first(state), do: state

  # Without waiting for quiet, or for the end of a pause.
  defp demand(state) do
    state = %{state | outside: true, since: nil, timers: Timers.cancel(state.timers, :settle)}
    act(state, Schedule.demand(state.schedule))
  end

  # It is served when the watcher runs, or has failed.
  @impl true
  def handle_call(:await_start, from, state), do: Start.next(%{state | start: Start.asked(state.start, from, true)})

  def handle_call({:until, deadline, request}, from, state) do
    if Client.left(deadline) == 0, do: {:reply, {:error, :timeout}, state}, else: handle_call(request, from, state)
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
  def handle_info({:lookout, watcher, message}, %{watcher: watcher} = state), do: {:noreply, heard(message, state)}

  def handle_info({:run, pid, message}, %{run: %{pid: pid}} = state), do: {:noreply, from_run(message, state)}

  # Of one that was killed while it said so.
  def handle_info({:run, _pid, _message}, state), do: {:noreply, state}

  # {:stopped, reason} has told why, unless the watcher was killed.
  def handle_info({:DOWN, ref, :process, _pid, reason}, %{watcher_ref: ref} = state), do: watcher_gone(reason, state)
  def handle_info({:EXIT, watcher, reason}, %{watcher: watcher} = state), do: watcher_gone(reason, state)

  def handle_info({:EXIT, pid, reason}, %{run: %{pid: pid}} = state), do: {:noreply, run_gone(reason, state)}

  # Its command is gone, or what is left of it cannot be ended.
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

  defp heard({:events, _seq, events}, state) do
    if node(state.watcher) != node(), do: Watcher.ask(state.watcher, 1)
    changed(%{state | changes: Changes.add(state.changes, events), outside: state.outside or outside?(state)})
  end

  defp heard({:notice, notice}, state) do
    state = notify(state, {:notice, notice})
    # What happened meanwhile is not told: it may be anything.
    if notice in [:restarted, :lagged],
      do: changed(%{state | changes: Changes.unknown(state.changes), outside: true}),
      else: state
  end

  defp heard({:stopped, reason}, state), do: %{state | stopped: {:reason, reason}}

  defp watcher_gone(_reason, %{stopped: {:reason, reason}} = state), do: {:stop, reason, state}

  defp watcher_gone(:noconnection, state) do
    detail = "the connection to #{node(state.watcher)}, the node of the watcher, was lost"
    {:stop, %Error{reason: :nodedown, operation: :watch, detail: detail}, state}
  end

  defp watcher_gone(reason, state), do: {:stop, reason, state}

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
    # With :queue the pause begins at the end of the run.
    wait = if state.options.on_busy == :queue, do: wait, else: max(wait, pause(state))
    %{state | since: since, timers: state.timers |> Timers.cancel(:settle) |> Timers.start(:settle, wait)}
  end

  defp perform(:start, state) do
    state = mind_loop(state)
    told = Changes.join(state.returned, state.changes)
    pid = Run.start_link(state.options, told, before_end(state))
    run = %{@no_run | pid: pid, told: told, cause: state.changes, since: now(), size: Options.size(state.options)}
    %{state | run: run, changes: Changes.new(), returned: Changes.new()}
  end

  defp perform(:stop, state), do: stop_run(put_in(state.run.stopping, true))
  defp perform(:signal, state), do: signal_run(state)

  # So that what a run has changed itself is known before its end is: it counts as changed during the run.
  defp before_end(%{options: %{on_busy: :ignore}, watcher: watcher}), do: fn -> Lookout.sync(watcher) end
  defp before_end(%{watcher: watcher}), do: fn -> Lookout.sync(watcher, @own_changes) end

  # A run starts, or the command is sent a signal.
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
    state = notify(state, {:started, os_pid, Changes.paths(state.run.told)})
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

  # What it was to be told is for the next run.
  defp from_run({:failed, error}, state) do
    :logger.warning("#{label(state)}: #{Exception.message(error)}")

    state
    |> give_back(state.run.told)
    |> notify({:failed, error})
    |> ask_again()
    |> next()
  end

  defp running(%{run: %{command: command}}) when is_pid(command), do: {:ok, command}

  defp running(_state) do
    {:error, %Error{reason: :not_running, operation: :command, detail: "the runner runs no command now"}}
  end

  # The terminal of a command that runs has the size that was set last. A command that has ended meanwhile needs none.
  defp fit_terminal(%{run: %{command: command, size: old} = run, options: options} = state) when is_pid(command) do
    size = Options.size(options)
    if size != old, do: Command.resize(command, size)
    %{state | run: %{run | size: size}}
  end

  defp fit_terminal(state), do: state

  # It was to be sent the signal for changes that came before it ran.
  defp ask_again(%{run: %{asked: :signal}} = state), do: again(state)
  defp ask_again(state), do: state

  defp run_gone(reason, state) when reason in [:normal, :noproc], do: ended(state, :ok)
  defp run_gone(reason, state), do: ended(state, {:exit, reason})

  defp ended(%{run: run} = state, status) do
    state = notify(state, {:finished, status})

    cond do
      # It did not get to the end of its work.
      run.stopping -> state |> give_back(run.told) |> next()
      died_of_signal?(state, status) -> state |> give_back(run.signalled) |> again() |> next()
      true -> state |> ask_again() |> next()
    end
  end

  # It was not ready for the signal, or does not know it: then that was no answer to the changes.
  defp died_of_signal?(%{run: %{signalled: %Changes{}}, options: options}, {:signal, name}) do
    Signals.same?(name, options.signal)
  end

  defp died_of_signal?(_state, _status), do: false

  defp give_back(state, changes), do: %{state | returned: Changes.join(state.returned, changes)}
  defp again(state), do: %{state | schedule: Schedule.again(state.schedule)}

  # It may be killed yet, which is no matter any more.
  defp next(%{run: %{pid: pid}} = state) do
    Process.unlink(pid)

    receive do
      {:EXIT, ^pid, _reason} -> :ok
    after
      0 -> :ok
    end

    state = hold(%{state | run: nil, timers: Timers.cancel(state.timers, :stuck)})
    act(state, Schedule.finished(state.schedule))
  end

  # The pause of a run that was started by the one that has ended.
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
    {grace, label} = {state.options.grace, label(state)}
    stop = LogMetadata.inherited(fn -> Shutdown.stop_command(command, grace, label) end)
    put_in(state.run.stopper, :proc_lib.spawn_link(stop))
  end

  defp signal_run(%{run: %{launched: false}} = state), do: put_in(state.run.asked, :signal)

  defp signal_run(%{run: run} = state) do
    case Command.signal(run.command, state.options.signal) do
      :ok ->
        state = mind_loop(state)
        signalled = Changes.join(run.signalled || Changes.new(), state.changes)
        %{state | run: %{run | signalled: signalled, since: now()}, changes: Changes.new()}

      # It has ended meanwhile: a run is due when that is heard.
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
    if match?({:own, _options}, state.options.watcher) and state.watcher, do: Client.stop(state.watcher, :infinity)
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp label(state), do: "Lookout.Runner #{inspect(state.options.name || self())}"
end
