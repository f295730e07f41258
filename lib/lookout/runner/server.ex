defmodule Lookout.Runner.Server do
  @moduledoc false
  # The process of a runner: hears of changes, asks the schedule what to do about them, and does it. It never waits for a
  # run, nor for the end of one: the runs are processes of their own.

  use GenServer

  alias Lookout.{Client, Command, Error, Signals, Timers, Watcher}
  alias Lookout.Runner.{Changes, Options, Run, Schedule}

  # A run is started in the end where changes never cease for so many times the quiet that is waited for.
  @patience 10
  # How long a run whose command is gone may still be busy with its output.
  @stuck 1_000

  @enforce_keys [:options, :parent, :schedule]
  defstruct [
    :options,
    :parent,
    :schedule,
    changes: Changes.new(),
    timers: Timers.new(:runner),
    # since when changes are waiting for quiet
    since: nil,
    watcher: nil,
    watcher_ref: nil,
    # {:reason, reason}: the watcher has said that it stops
    stopped: nil,
    failure: nil,
    run: nil
  ]

  # A run that is going on. `told`: the changes that it knows of, or was signalled for. `asked`: what
  # is to be done when it is launched. `stopper`: the process that ends its command.
  @no_run %{
    pid: nil,
    launched: false,
    command: nil,
    told: nil,
    signalled: nil,
    asked: nil,
    stopping: false,
    stopper: nil
  }

  @spec start_link(Options.t()) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(%Options{} = options), do: Client.start_link(__MODULE__, options)

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)
    state = %__MODULE__{options: options, parent: parent, schedule: Schedule.new(options.on_busy)}
    {:ok, state, {:continue, :watch}}
  end

  @impl true
  def handle_continue(:watch, state) do
    case watch(state.options.watcher) do
      {:ok, watcher} -> {:noreply, first(%{state | watcher: watcher, watcher_ref: Process.monitor(watcher)})}
      {:error, error} -> {:noreply, %{state | failure: error}}
    end
  end

  defp watch({:named, watcher}), do: Lookout.subscribe(watcher)
  defp watch({:own, options}), do: Watcher.start_link(%{options | subscribe: [{self(), :all}]})

  defp first(%{options: %{run_at_start: true}} = state), do: act(state, Schedule.demand(state.schedule))
  defp first(state), do: state

  # The caller lives on, whether it traps exits or not: it has its error.
  @impl true
  def handle_call(:await_start, from, %{failure: %Error{}} = state) do
    Process.unlink(state.parent)
    GenServer.reply(from, {:error, state.failure})
    {:stop, :normal, state}
  end

  def handle_call(:await_start, _from, state), do: {:reply, :ok, state}

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

  # Its command is gone.
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

  defp heard({:events, _seq, events}, state), do: changed(%{state | changes: Changes.add(state.changes, events)})

  defp heard({:notice, notice}, state) do
    state = notify(state, {:notice, notice})
    # What happened meanwhile is not told: it may be anything.
    if notice in [:restarted, :lagged], do: changed(%{state | changes: Changes.unknown(state.changes)}), else: state
  end

  defp heard({:stopped, reason}, state), do: %{state | stopped: {:reason, reason}}

  defp watcher_gone(_reason, %{stopped: {:reason, reason}} = state), do: {:stop, reason, state}
  defp watcher_gone(reason, state), do: {:stop, reason, state}

  ## The schedule

  defp changed(state), do: act(state, Schedule.changed(state.schedule))

  defp on_timeout(:settle, state), do: act(%{state | since: nil}, Schedule.settled(state.schedule))

  defp on_timeout(:stuck, state) do
    Process.exit(state.run.pid, :kill)
    state
  end

  defp act(state, {actions, schedule}), do: Enum.reduce(actions, %{state | schedule: schedule}, &perform/2)

  defp perform(:settle, state) do
    now = System.monotonic_time(:millisecond)
    since = state.since || now
    wait = min(state.options.settle, max(since + @patience * state.options.settle - now, 0))
    %{state | since: since, timers: state.timers |> Timers.cancel(:settle) |> Timers.start(:settle, wait)}
  end

  defp perform(:start, state) do
    pid = Run.start_link(state.options, state.changes, before_end(state))
    %{state | run: %{@no_run | pid: pid, told: state.changes}, changes: Changes.new()}
  end

  defp perform(:stop, state), do: stop_run(put_in(state.run.stopping, true))
  defp perform(:signal, state), do: signal_run(state)

  # So that what a run has changed itself is known before its end is: it counts as changed during the run.
  defp before_end(%{options: %{on_busy: :ignore}, watcher: watcher}), do: fn -> Lookout.sync(watcher) end
  defp before_end(_state), do: fn -> :ok end

  ## A run

  defp from_run({:launched, command, os_pid}, state) do
    state = notify(state, {:started, os_pid, Changes.paths(state.run.told)})
    send(state.run.pid, :go)
    asked = state.run.asked
    state = %{state | run: %{state.run | launched: true, command: command, asked: nil}}

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
    |> next()
  end

  defp run_gone(reason, state) when reason in [:normal, :noproc], do: ended(state, :ok)
  defp run_gone(reason, state), do: ended(state, {:exit, reason})

  defp ended(%{run: run} = state, status) do
    state = notify(state, {:finished, status})

    cond do
      # It did not get to the end of its work.
      run.stopping -> state |> give_back(run.told) |> next()
      died_of_signal?(state, status) -> state |> give_back(run.signalled) |> again() |> next()
      true -> next(state)
    end
  end

  # It was not ready for the signal, or does not know it: then that was no answer to the changes.
  defp died_of_signal?(%{run: %{signalled: %Changes{}}, options: options}, {:signal, name}) do
    Signals.same?(name, options.signal)
  end

  defp died_of_signal?(_state, _status), do: false

  defp give_back(state, changes), do: %{state | changes: Changes.join(changes, state.changes)}
  defp again(state), do: %{state | schedule: Schedule.again(state.schedule)}

  # It may be killed yet, which is no matter any more.
  defp next(%{run: %{pid: pid}} = state) do
    Process.unlink(pid)

    receive do
      {:EXIT, ^pid, _reason} -> :ok
    after
      0 -> :ok
    end

    state = %{state | run: nil, timers: Timers.cancel(state.timers, :stuck)}
    act(state, Schedule.finished(state.schedule))
  end

  defp stop_run(%{run: %{launched: false}} = state), do: put_in(state.run.asked, :stop)

  defp stop_run(%{run: %{command: nil, pid: pid}} = state) do
    Process.exit(pid, :kill)
    state
  end

  defp stop_run(%{run: %{command: command}} = state) do
    put_in(state.run.stopper, :proc_lib.spawn_link(Command, :stop, [command, state.options.grace]))
  end

  defp signal_run(%{run: %{launched: false}} = state), do: put_in(state.run.asked, :signal)

  defp signal_run(%{run: run} = state) do
    case Command.signal(run.command, state.options.signal) do
      :ok ->
        signalled = Changes.join(run.signalled || Changes.new(), state.changes)
        %{state | run: %{run | signalled: signalled}, changes: Changes.new()}

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
    end_run(state.run, state.options.grace)
    if match?({:own, _options}, state.options.watcher) and state.watcher, do: Client.stop(state.watcher, :infinity)
  end

  defp end_run(nil, _grace), do: :ok

  # Its command is linked to it, or about to be.
  defp end_run(%{launched: false, pid: pid}, grace) do
    receive do
      {:run, ^pid, {:launched, command, _os_pid}} ->
        send(pid, :go)
        end_run(%{launched: true, command: command, pid: pid}, grace)

      {:run, ^pid, _ended} ->
        :ok

      {:EXIT, ^pid, _reason} ->
        :ok
    after
      1_000 -> Process.exit(pid, :kill)
    end
  end

  defp end_run(%{command: nil, pid: pid}, grace) do
    ref = Process.monitor(pid)
    Process.exit(pid, :shutdown)

    receive do
      {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
    after
      grace -> Process.exit(pid, :kill)
    end
  end

  defp end_run(%{command: command, pid: pid}, grace) do
    Command.stop(command, grace)

    # Its last words may still be on their way out.
    receive do
      {:run, ^pid, {:ended, status}} -> status
      {:EXIT, ^pid, reason} -> {:exit, reason}
    after
      @stuck -> Process.exit(pid, :kill)
    end
  end

  defp label(state), do: "Lookout.Runner #{inspect(state.options.name || self())}"
end
