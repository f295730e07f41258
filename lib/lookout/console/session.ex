defmodule Lookout.Console.Session do
  @moduledoc false
  # One call of `mix lookout`, from the first look at the directories to the exit status. The calling process is the only
  # one that writes; it is told all by messages.

  alias Lookout.{Command, Error, Runner}
  alias Lookout.Console.{Arguments, Banner, Json, Keys, Lines, Output, Printer, Repository, Stats, Status, Terminal}

  # Milliseconds.
  @progress 1_000
  @stats 10_000
  @grace 5_000
  # How long a command that does not read may hold up what is typed.
  @write 100
  # After a run another one may follow at once, and then nothing is waited for.
  @idle 200
  # Ctrl-C: 128 and SIGINT.
  @interrupted 130
  # What a shell says of a program that wrote where nobody reads: 128 and SIGPIPE.
  @closed 141

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
    told: nil,
    # the process of the terminal that standard output is, and whether it reads keys
    terminal: nil,
    keys: false,
    # why the next run starts, unless paths have changed
    cause: :start,
    # when the run that is going on has started (monotonic milliseconds)
    begun: nil,
    # the timer of the line that says what is waited for
    idle: nil
  ]

  @spec run(Arguments.t()) :: 0..255
  def run(%Arguments{} = arguments) do
    {:ok, _started} = Application.ensure_all_started(:lookout)
    # What matters is printed here; a log would stand between the lines.
    :logger.set_primary_config(:level, :none)
    Process.flag(:trap_exit, true)
    end_orderly(:sigterm, 15)
    output = Output.open()
    arguments = with_gitignore(arguments)
    state = at_terminal(%__MODULE__{arguments: arguments, output: output, printer: Printer.new(output)})
    status = start(state)
    if state.terminal, do: Terminal.stop(state.terminal)
    status
  end

  defp at_terminal(%{output: output} = state) do
    if Output.terminal?(output, :stdout) do
      keys = Terminal.keys?(output)
      # The command has a terminal of its own then, whose bytes are passed on.
      raw? = keys and state.arguments.command != nil and terminals?(state)
      {:ok, terminal} = Terminal.start_link(keys: keys, output: if(raw?, do: :raw, else: :lines))
      printer = if raw?, do: Printer.raw(state.printer), else: state.printer
      %{state | terminal: terminal, keys: keys, printer: printer}
    else
      state
    end
  end

  # Within a git repository what git ignores is left out, unless the words say otherwise.
  defp with_gitignore(%{watch: watch, paths: paths} = arguments) do
    %{arguments | watch: Keyword.put_new_lazy(watch, :gitignore, fn -> Enum.any?(paths, &Repository.inside?/1) end)}
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

  # It watches from here on: what has changed before is known to a first run, and nobody's business without one.
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

  # What writes to a terminal through a pipe would do it without colours.
  defp terminal(state),
    do: if(terminals?(state), do: [pty: state.printer.size, interactive: interactive?(state)], else: [])

  defp terminals?(%{output: output}), do: Output.terminal?(output, :stdout) and Output.terminal?(output, :stderr)

  # Whether a command that runs has the keys.
  defp interactive?(%{keys: keys, arguments: arguments} = state) do
    keys and arguments.interactive and terminals?(state)
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
    %{paths: paths, watch: watch} = state.arguments
    without = if watch[:gitignore], do: " without what git ignores (--no-gitignore shows it)", else: ""
    quits = if state.keys, do: "Ctrl-C or q ends", else: "Ctrl-C ends"
    say(clear_progress(state), "Watching #{Banner.paths_in_words(paths)}#{without} · #{quits}")
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
  defp handle({:terminal, terminal, message}, %{terminal: terminal} = state), do: at_terminal(message, state)

  defp handle({:EXIT, runner, _reason}, %{runner: runner, status: status} = state) when status != nil, do: over(state)
  defp handle({:EXIT, pid, reason}, %{watcher: pid} = state), do: ended(state, reason)
  defp handle({:EXIT, pid, reason}, %{runner: pid} = state), do: ended(%{state | runner: nil}, reason)
  defp handle({:EXIT, port, reason}, %{output: %{stdout: port}} = state), do: unwritten(state, reason)

  defp handle({reader, {:exit_status, 0}}, %{output: %{reader: reader}} = state), do: unwritten(state, :epipe)

  defp handle({:timeout, timer, :idle}, %{idle: timer, status: nil} = state) do
    banner(state, Banner.idle(state.arguments.paths, state.keys))
  end

  defp handle(:progress, %{live: false} = state), do: progress(state)
  defp handle(:stats, state), do: stats(state)
  defp handle(_other, state), do: state

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

  # A command that does not read has room for much more than a person types.
  defp act({:input, bytes}, state) do
    with_command(state, &Command.write(&1, bytes, @write))
    state
  end

  # Its process group would not be stopped by TSTP: it is an orphaned one.
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
  defp watched({:stopped, reason}, state), do: ended(state, reason)
  defp watched({:events, _seq, _events}, %{arguments: %{command: [_ | _]}} = state), do: state

  defp watched({:events, seq, events}, state) do
    state = write(state, :stdout, shown(state, seq, events))
    if state.arguments.once, do: finish(state, 0), else: state
  end

  # Of the first run, and of one that was asked for, there is another cause.
  defp ran({:cause, paths}, %{cause: :change} = state), do: %{state | cause: {:changed, paths}}
  defp ran({:cause, _paths}, state), do: state

  defp ran({:started, _os_pid, _paths}, state) do
    state = %{clear(state) | begun: now(), idle: nil}
    header = Banner.header(state.cause, state.arguments.command, local_time(), Lines.working_directory())
    banner(%{state | cause: :change}, header)
  end

  defp ran({:finished, status}, state) do
    state = %{banner(state, Banner.footer(status, now() - state.begun)) | begun: nil}
    # The footer has it.
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

  # Changes of a batch are written in one go.
  defp shown(%{arguments: %{format: :json}}, seq, events), do: for(event <- events, do: [Json.event(event, seq), ?\n])

  defp shown(%{arguments: %{format: :print0}}, _seq, events) do
    for event <- events, path <- [event.from, event.path], path != nil, do: [path, 0]
  end

  defp shown(state, _seq, events) do
    terminal? = Output.terminal?(state.output, :stdout)
    base = if terminal?, do: Lines.working_directory(), else: Lines.base(state.arguments.paths)
    colours? = Output.colours?(state.output, :stdout)

    for %{change: change} = event <- events, line = Lines.line(event, base) do
      [if(colours?, do: Lines.coloured(change, line), else: line), ?\n]
    end
  end

  defp tell_notice(%{arguments: %{format: :json}} = state, notice),
    do: write(state, :stdout, [Json.notice(notice), ?\n])

  defp tell_notice(%{arguments: arguments} = state, notice) do
    stream = if arguments.command == nil and arguments.format == :lines, do: :stdout, else: :stderr
    line(state, stream, Lines.notice_line(notice), indent: 12, change: :notice)
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

  defp now, do: System.monotonic_time(:millisecond)
  defp local_time, do: NaiveDateTime.to_time(NaiveDateTime.local_now())
end
