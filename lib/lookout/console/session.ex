defmodule Lookout.Console.Session do
  @moduledoc false
  # One invocation of `mix lookout`, from the start of the watcher to the exit status. The calling process runs a
  # receive loop, and is the only process that writes output; all other processes send it messages. One with --since is
  # `Since`. `Lookout.Console` calls `run/2`; the struct below is a variable of the loop.

  alias Lookout.{Command, Error, Runner}

  alias Lookout.Console.{
    Arguments,
    Banner,
    Keys,
    Lines,
    Output,
    Printer,
    Report,
    Repository,
    Since,
    Stats,
    Status,
    Terminal
  }

  # Milliseconds.
  @progress 1_000
  @stats 10_000
  @grace 5_000
  # The timeout for writing typed keys to a command that does not read its input.
  @write 100
  # The delay of the idle line: another run may follow a run at once, and then the line is not printed.
  @idle 200
  # The exit status after Ctrl-C: 128 + SIGINT.
  @interrupted 130

  @enforce_keys [:arguments, :output, :printer]
  defstruct [
    :arguments,
    :output,
    :printer,
    :watcher,
    :runner,
    live: false,
    status: nil,
    progress: false,
    shown_batches: nil,
    # the Terminal process, if standard output is a terminal, and whether it reads keys
    terminal: nil,
    keys: false,
    # whether the VM ends at the first SIGINT, and has no break menu
    ends_at_sigint: false,
    # the cause of the next run for its header: :start, :key, or :change until the message {:cause, paths} arrives
    cause: :start,
    # when the current run started (monotonic milliseconds)
    begun: nil,
    # the timer of the idle line
    idle: nil
  ]

  @spec run(Arguments.t(), ends_at_sigint: boolean) :: 0..255
  def run(%Arguments{} = arguments, options) do
    {:ok, _started} = Application.ensure_all_started(:lookout)
    # The session prints everything of importance; log lines would appear between the printed lines.
    :logger.set_primary_config(:level, :none)
    Process.flag(:trap_exit, true)
    end_orderly(:sigterm, 15)
    output = Output.open()
    arguments = with_gitignore(arguments)
    printer = Printer.new(output)
    if arguments.since, do: Since.run(arguments, printer), else: watch(arguments, output, printer, options)
  end

  defp watch(arguments, output, printer, options) do
    sigint? = Keyword.get(options, :ends_at_sigint, false)
    state = at_terminal(%__MODULE__{arguments: arguments, output: output, printer: printer, ends_at_sigint: sigint?})
    status = start(state)
    if state.terminal, do: Terminal.stop(state.terminal)
    status
  end

  defp at_terminal(%{output: output} = state) do
    if Output.terminal?(output, :stdout) do
      keys = Terminal.keys?(output)
      # The command then has its own terminal (a pty), whose bytes are passed on unchanged.
      raw? = keys and state.arguments.command != nil and terminals?(state)
      {:ok, terminal} = Terminal.start_link(keys: keys, output: if(raw?, do: :raw, else: :lines))
      printer = if raw?, do: Printer.raw(state.printer), else: state.printer
      %{state | terminal: terminal, keys: keys, printer: printer}
    else
      state
    end
  end

  # In a git repository the default is to leave out what git ignores.
  defp with_gitignore(%{watch: watch, paths: paths} = arguments) do
    %{arguments | watch: Keyword.put_new_lazy(watch, :gitignore, fn -> Enum.any?(paths, &Repository.inside?/1) end)}
  end

  # The VM runs this function in a process of its own. If the shutdown takes too long, it halts the VM.
  defp end_orderly(signal, number) do
    me = self()

    System.trap_signal(signal, fn ->
      send(me, {:signal, number})
      Process.sleep(@grace + 4_000)
      :erlang.halt(128 + number, flush: false)
    end)
  end

  ## Start

  defp start(%{arguments: arguments} = state) do
    options = [dirs: arguments.paths, ready: :async, subscribe: [self()]]
    settle = if arguments.command, do: [], else: settle(arguments)

    case Lookout.start_link(options ++ settle ++ arguments.watch) do
      {:ok, watcher} ->
        if Output.terminal?(state.output, :stderr), do: :timer.send_after(@progress, :progress)
        if arguments.stats, do: :timer.send_interval(@stats, :stats)
        loop(%{state | watcher: watcher})

      {:error, error} ->
        fail(state, reason(error))
    end
  end

  defp settle(%{settle: settle, max_settle: nil}), do: [settle: settle]
  defp settle(%{settle: settle, max_settle: longest}), do: [settle: settle, max_settle: longest]

  defp live(%{arguments: %{command: nil}} = state), do: say_watching(%{state | live: true})

  # The watches are live. The runner subscribes instead of the session. Earlier changes are visible to the first run,
  # and do not count if there is no first run (--postpone, --once).
  defp live(%{arguments: arguments} = state) do
    Lookout.unsubscribe(state.watcher)
    waits = arguments.postpone or arguments.once

    options = [
      watcher: state.watcher,
      command: arguments.command,
      on_busy: if(arguments.restart, do: :restart, else: :queue),
      run_at_start: not waits,
      grace: @grace,
      notify: self(),
      into: sink(self())
    ]

    case Runner.start_link(options ++ settle(arguments) ++ terminal(state)) do
      {:ok, runner} when waits -> waiting(say_watching(%{state | live: true, runner: runner, cause: :change}))
      {:ok, runner} -> say_watching(%{state | live: true, runner: runner})
      {:error, error} -> finish(complain(state, reason(error)), 1)
    end
  end

  # Gives the command a pty if both streams are a terminal: many programs write no colours to a pipe.
  defp terminal(state),
    do: if(terminals?(state), do: [pty: state.printer.size, interactive: interactive?(state)], else: [])

  defp terminals?(%{output: output}), do: Output.terminal?(output, :stdout) and Output.terminal?(output, :stderr)

  # Whether a running command gets the typed keys.
  defp interactive?(%{keys: keys, arguments: arguments} = state) do
    keys and arguments.interactive and terminals?(state)
  end

  # Called in the process of a run: blocks until the session has written the output.
  defp sink(session) do
    fn {stream, bytes} ->
      send(session, {:output, self(), stream, bytes})

      receive do
        :written -> :ok
      end
    end
  end

  defp say_watching(state) do
    %{paths: paths, watch: watch} = state.arguments
    without = if watch[:gitignore], do: " without what git ignores (--no-gitignore shows it)", else: ""
    quits = Banner.quits(state.keys, state.ends_at_sigint)
    say(clear_progress(state), "Watching #{Banner.paths_in_words(paths)}#{without} · #{quits}")
  end

  ## Messages

  # Runs until a handler returns the exit status in place of the state.
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
  defp handle({:terminal, terminal, message}, %{terminal: terminal} = state), do: at_terminal(message, state)

  defp handle({:EXIT, runner, _reason}, %{runner: runner, status: status} = state) when status != nil, do: over(state)
  defp handle({:EXIT, pid, reason}, %{watcher: pid} = state), do: ended(state, reason)
  defp handle({:EXIT, pid, reason}, %{runner: pid} = state), do: ended(%{state | runner: nil}, reason)

  defp handle({:timeout, timer, :idle}, %{idle: timer, status: nil} = state) do
    banner(state, Banner.idle(state.arguments.paths, state.keys))
  end

  defp handle(:progress, %{live: false} = state), do: progress(state)
  defp handle(:stats, state), do: stats(state)

  defp handle(message, state) do
    case Output.failure(state.output, message) do
      nil -> state
      reason -> unwritten(state, reason)
    end
  end

  defp at_terminal(:interrupt, state), do: finish(state, @interrupted)

  defp at_terminal({:size, size}, state) do
    if state.runner && terminals?(state), do: Runner.resize(state.runner, size)
    put_in(state.printer.size, size)
  end

  defp at_terminal(:continued, state) do
    with_command(state, &Command.signal(&1, :cont))
    state
  end

  defp at_terminal({:keys, bytes}, state) do
    to = if state.begun != nil and interactive?(state), do: :command, else: :lookout
    bytes |> Keys.actions(to) |> Enum.reduce(state, &act/2)
  end

  # Ignores a timeout: even for a command that does not read, the buffers hold much more than a person types.
  defp act({:input, bytes}, state) do
    with_command(state, &Command.write(&1, bytes, @write))
    state
  end

  # Stops the command with STOP: its process group is orphaned, and the kernel does not stop an orphaned group on TSTP.
  defp act(:suspend, state) do
    with_command(state, &Command.signal(&1, :stop))
    Terminal.suspend(state.terminal)
    state
  end

  defp act(:quit, state), do: finish(state, 0)

  defp act(:run, %{runner: runner, status: nil} = state) when runner != nil do
    Runner.run(runner)
    %{state | cause: :key}
  end

  defp act(:run, state), do: state

  defp with_command(%{runner: runner, status: nil}, fun) when runner != nil do
    with {:ok, command} <- Runner.command(runner), do: fun.(command)
  end

  defp with_command(_state, _fun), do: :ok

  defp watched({:notice, :ready}, state), do: live(state)
  defp watched({:notice, notice}, state), do: tell_notice(state, notice)
  defp watched({:checkpoint, _cursor}, state), do: state
  defp watched({:stopped, reason}, state), do: ended(state, reason)
  defp watched({:events, _seq, _events}, %{arguments: %{command: [_ | _]}} = state), do: state

  defp watched({:events, seq, events}, state) do
    state = %{state | printer: Report.events(state.printer, state.arguments, seq, events)}
    if state.arguments.once, do: finish(state, 0), else: state
  end

  # The first run and a run requested by a key keep their own cause.
  defp ran({:cause, paths}, %{cause: :change} = state), do: %{state | cause: {:changed, paths}}
  defp ran({:cause, _paths}, state), do: state

  defp ran({:started, _os_pid, _paths}, state) do
    state = %{clear(state) | begun: now(), idle: nil}
    header = Banner.header(state.cause, state.arguments.command, local_time(), Lines.working_directory())
    banner(%{state | cause: :change}, header)
  end

  defp ran({:finished, status}, state) do
    state = %{banner(state, Banner.footer(status, now() - state.begun)) | begun: nil}
    # On a terminal the footer already shows the status.
    words? = state.arguments.notify_exit and not Output.terminal?(state.output, :stderr)
    state = if words?, do: say(state, "lookout: " <> Status.words(status)), else: state
    if state.arguments.once, do: finish(state, Status.exit_code(status)), else: waiting(state)
  end

  defp ran({:failed, error}, state) do
    state = complain(%{state | cause: :change}, reason(error))
    if state.arguments.once, do: finish(state, Status.exit_code({:failed, error})), else: waiting(state)
  end

  defp ran({:notice, :ready}, state), do: state
  defp ran({:notice, notice}, state), do: tell_notice(state, notice)

  defp clear(%{arguments: %{clear: true}} = state), do: %{state | printer: Printer.clear(state.printer)}
  defp clear(state), do: state

  defp waiting(state), do: %{state | idle: :erlang.start_timer(@idle, self(), :idle)}

  ## What is printed

  defp tell_notice(state, notice), do: %{state | printer: Report.notice(state.printer, state.arguments, notice)}

  defp progress(state) do
    :timer.send_after(@progress, :progress)

    case Lookout.info(state.watcher, @progress) do
      {:ok, info} -> write(%{state | progress: true}, :stderr, ["\rReading: ", Stats.tree(info), "\e[K"])
      {:error, _error} -> state
    end
  end

  defp clear_progress(%{progress: true} = state), do: write(%{state | progress: false}, :stderr, "\r\e[K")
  defp clear_progress(state), do: state

  # Prints the statistics if batches have arrived since the last time.
  defp stats(state) do
    case Lookout.info(state.watcher, @progress) do
      {:ok, %{batches: batches} = info} when batches != state.shown_batches ->
        say(%{state | shown_batches: batches}, Stats.line(info))

      _same ->
        state
    end
  end

  defp say(state, text), do: line(state, :stderr, text, indent: 2)
  defp complain(state, message), do: say(clear_progress(state), "lookout: " <> message)

  defp line(state, stream, text, options),
    do: %{state | printer: Printer.line(state.printer, stream, text, options)}

  defp banner(state, line), do: %{state | printer: Printer.banner(state.printer, line)}
  defp write(state, stream, bytes), do: %{state | printer: Printer.write(state.printer, stream, bytes)}

  ## End

  defp ended(%{status: status} = state, _reason) when status != nil, do: over(state)

  defp ended(%{live: false} = state, reason), do: finish(complain(state, reason(reason)), 1)
  defp ended(state, reason), do: finish(complain(state, "the watching ended: " <> reason(reason)), 1)

  # Stops the runner in another process: a command may write output while it ends, so the loop continues until the
  # runner has exited.
  defp finish(%{status: nil, runner: nil} = state, status), do: over(%{state | status: status})

  defp finish(%{status: nil, runner: runner} = state, status) do
    spawn_link(Runner, :stop, [runner])
    %{state | status: status}
  end

  defp finish(state, _status), do: state

  # Standard output has no reader any more (:epipe), or a write has failed (a full disk, for example).
  defp unwritten(state, :epipe), do: finish(state, Output.exit_status(:epipe))
  defp unwritten(state, reason), do: finish(cannot_write(state, reason), Output.exit_status(reason))

  defp cannot_write(state, reason), do: complain(state, "standard output cannot be written (#{reason})")

  defp over(state) do
    state = written(state)
    if state.arguments.stats, do: stats(%{state | shown_batches: nil})
    Lookout.stop(state.watcher)
    state.status
  end

  # Flushes standard output. A failure to write the last bytes is an error too.
  defp written(state) do
    case Output.flush(state.output) do
      {:error, reason} when reason != :epipe -> %{cannot_write(state, reason) | status: Output.exit_status(reason)}
      _written_or_unread -> state
    end
  end

  defp fail(state, message) do
    complain(state, message)
    1
  end

  defp reason(%Error{} = error), do: Exception.message(error)
  defp reason(other), do: inspect(other)

  defp now, do: System.monotonic_time(:millisecond)
  defp local_time, do: NaiveDateTime.to_time(NaiveDateTime.local_now())
end
