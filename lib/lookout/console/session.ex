defmodule Lookout.Console.Session do
  @moduledoc false
  # One call of `mix lookout`, from the first look at the directories to the exit status. The calling process is the only
  # one that writes; it is told all by messages.

  alias Lookout.{Error, Runner}
  alias Lookout.Console.{Arguments, Json, Lines, Output, Stats, Status}

  # Milliseconds.
  @progress 1_000
  @stats 10_000
  @grace 5_000
  # What a shell says of a program that wrote where nobody reads: 128 and SIGPIPE.
  @closed 141

  @enforce_keys [:arguments, :output]
  defstruct [:arguments, :output, :watcher, :runner, live: false, status: nil, progress: false, told: nil]

  @spec run(Arguments.t()) :: 0..255
  def run(%Arguments{} = arguments) do
    {:ok, _started} = Application.ensure_all_started(:lookout)
    # What matters is printed here; a log would stand between the lines.
    :logger.set_primary_config(:level, :none)
    Process.flag(:trap_exit, true)
    end_orderly(:sigterm, 15)
    start(%__MODULE__{arguments: arguments, output: Output.open()})
  end

  # A process of the VM runs this. If the end takes too long, the VM ends without it.
  defp end_orderly(signal, number) do
    me = self()

    System.trap_signal(signal, fn ->
      send(me, {:signal, number})
      Process.sleep(@grace + 2_000)
      :erlang.halt(128 + number, flush: false)
    end)
  end

  ## Start

  defp start(%{arguments: arguments} = state) do
    settle = if arguments.command, do: 0, else: arguments.settle
    options = [dirs: arguments.paths, settle: settle, ready: :async, subscribe: [self()]]

    case Lookout.start_link(options ++ arguments.watch) do
      {:ok, watcher} ->
        if Output.terminal?(state.output, :stderr), do: :timer.send_after(@progress, :progress)
        if arguments.stats, do: :timer.send_interval(@stats, :stats)
        loop(%{state | watcher: watcher})

      {:error, error} ->
        fail(state, reason(error))
    end
  rescue
    error in ArgumentError -> fail(state, Exception.message(error))
  end

  defp live(%{arguments: %{command: nil}} = state), do: say_watching(%{state | live: true})

  # It watches from here on: what has changed before is known to a first run, and nobody's business without one.
  defp live(%{arguments: arguments} = state) do
    Lookout.unsubscribe(state.watcher)

    options = [
      watcher: state.watcher,
      command: arguments.command,
      on_busy: if(arguments.restart, do: :restart, else: :queue),
      run_at_start: not (arguments.postpone or arguments.once),
      settle: arguments.settle,
      grace: @grace,
      notify: self(),
      into: sink(self())
    ]

    case Runner.start_link(options ++ terminal(state.output)) do
      {:ok, runner} -> say_watching(%{state | live: true, runner: runner})
      {:error, error} -> finish(complain(state, reason(error)), 1)
    end
  end

  # What writes to a terminal through a pipe would do it without colours.
  defp terminal(output) do
    if Output.terminal?(output, :stdout) and Output.terminal?(output, :stderr), do: [pty: Output.size()], else: []
  end

  # Called by a run: its command waits until the output is written.
  defp sink(session) do
    fn {stream, bytes} ->
      send(session, {:output, self(), stream, bytes})

      receive do
        :written -> :ok
      end
    end
  end

  defp say_watching(state) do
    say(clear_progress(state), "Watching #{Enum.map_join(state.arguments.paths, ", ", &Lines.name/1)}. Ctrl-C ends.")
  end

  ## Messages

  # Until it is all over: the state is then the exit status.
  defp loop(status) when is_integer(status), do: status

  defp loop(state) do
    receive do
      message -> message |> handle(state) |> loop()
    end
  end

  defp handle({:lookout, watcher, message}, %{watcher: watcher} = state), do: watched(message, state)
  defp handle({:lookout_runner, runner, message}, %{runner: runner} = state), do: ran(message, state)

  defp handle({:output, run, stream, bytes}, state) do
    state = write(state, stream, bytes)
    send(run, :written)
    state
  end

  defp handle({:signal, number}, state), do: finish(state, 128 + number)

  defp handle({:EXIT, runner, _reason}, %{runner: runner, status: status} = state) when status != nil, do: over(state)
  defp handle({:EXIT, pid, reason}, %{watcher: pid} = state), do: ended(state, reason)
  defp handle({:EXIT, pid, reason}, %{runner: pid} = state), do: ended(%{state | runner: nil}, reason)
  defp handle({:EXIT, port, reason}, %{output: %{stdout: port}} = state), do: unwritten(state, reason)

  defp handle(:progress, %{live: false} = state), do: progress(state)
  defp handle(:stats, state), do: stats(state)
  defp handle(_other, state), do: state

  defp watched({:notice, :ready}, state), do: live(state)
  defp watched({:notice, notice}, state), do: tell_notice(state, notice)
  defp watched({:stopped, reason}, state), do: ended(state, reason)
  defp watched({:events, _seq, _events}, %{arguments: %{command: [_ | _]}} = state), do: state

  defp watched({:events, seq, events}, state) do
    state = write(state, :stdout, shown(state, seq, events))
    if state.arguments.once, do: finish(state, 0), else: state
  end

  defp ran({:started, _os_pid, _paths}, %{arguments: %{clear: true}} = state) do
    if Output.terminal?(state.output, :stdout), do: write(state, :stdout, "\e[H\e[2J\e[3J"), else: state
  end

  defp ran({:started, _os_pid, _paths}, state), do: state

  defp ran({:finished, status}, state) do
    state = if state.arguments.notify_exit, do: say(state, "lookout: " <> Status.words(status)), else: state
    if state.arguments.once, do: finish(state, Status.exit_code(status)), else: state
  end

  defp ran({:failed, error}, state) do
    state = complain(state, reason(error))
    if state.arguments.once, do: finish(state, Status.exit_code({:failed, error})), else: state
  end

  defp ran({:notice, :ready}, state), do: state
  defp ran({:notice, notice}, state), do: tell_notice(state, notice)

  ## What is printed

  defp shown(%{arguments: %{format: :json}}, seq, events), do: for(event <- events, do: [Json.event(event, seq), ?\n])

  defp shown(%{arguments: %{format: :print0}}, _seq, events) do
    for event <- events, path <- [event.from, event.path], path != nil, do: [path, 0]
  end

  defp shown(state, _seq, events) do
    base = Lines.base(state.arguments.paths)
    for event <- events, do: [coloured(state, event.change, Lines.line(event, base)), ?\n]
  end

  defp tell_notice(%{arguments: %{command: nil, format: :lines}} = state, notice) do
    write(state, :stdout, [coloured(state, :notice, Lines.notice_line(notice)), ?\n])
  end

  defp tell_notice(%{arguments: %{format: :json}} = state, notice),
    do: write(state, :stdout, [Json.notice(notice), ?\n])

  defp tell_notice(state, notice), do: say(state, Lines.notice_line(notice))

  defp coloured(state, change, line) do
    if Output.colours?(state.output), do: Lines.coloured(change, line), else: line
  end

  defp progress(state) do
    :timer.send_after(@progress, :progress)

    case Lookout.info(state.watcher, @progress) do
      {:ok, info} -> write(%{state | progress: true}, :stderr, ["\rReading: ", Stats.tree(info), "\e[K"])
      {:error, _error} -> state
    end
  end

  defp clear_progress(%{progress: true} = state), do: write(%{state | progress: false}, :stderr, "\r\e[K")
  defp clear_progress(state), do: state

  # The figures, if there are others than last time.
  defp stats(state) do
    case Lookout.info(state.watcher, @progress) do
      {:ok, %{batches: batches} = info} when batches != state.told -> say(%{state | told: batches}, Stats.line(info))
      _same -> state
    end
  end

  defp say(state, line), do: write(state, :stderr, [line, ?\n])
  defp complain(state, message), do: say(clear_progress(state), "lookout: " <> message)

  # Of a standard output that is closed a message tells as well; nobody misses words on standard error.
  defp write(state, stream, bytes) do
    Output.write(state.output, stream, bytes)
    state
  end

  ## End

  defp ended(%{status: status} = state, _reason) when status != nil, do: over(state)

  defp ended(%{live: false} = state, reason), do: finish(complain(state, reason(reason)), 1)
  defp ended(state, reason), do: finish(complain(state, "the watching ended: " <> reason(reason)), 1)

  # What is running may have words to say at its end, and they are written: so the loop goes on until it is gone.
  defp finish(%{status: nil, runner: nil} = state, status), do: over(%{state | status: status})

  defp finish(%{status: nil, runner: runner} = state, status) do
    spawn_link(Runner, :stop, [runner])
    %{state | status: status}
  end

  defp finish(state, _status), do: state

  # Nobody reads any more, or it could not be written: a disk is full.
  defp unwritten(state, :epipe), do: finish(state, @closed)
  defp unwritten(state, reason), do: finish(cannot_write(state, reason), 1)

  defp cannot_write(state, reason), do: complain(state, "standard output cannot be written (#{reason})")

  defp over(state) do
    state = written(state)
    if state.arguments.stats, do: stats(%{state | told: nil})
    Lookout.stop(state.watcher)
    state.status
  end

  # The last words count, too.
  defp written(%{output: %{stdout: port}} = state) do
    Output.flush(state.output)

    receive do
      {:EXIT, ^port, reason} when reason != :epipe -> %{cannot_write(state, reason) | status: 1}
    after
      0 -> state
    end
  end

  defp fail(state, message) do
    complain(state, message)
    1
  end

  defp reason(%Error{} = error), do: Exception.message(error)
  defp reason(other), do: inspect(other)
end
