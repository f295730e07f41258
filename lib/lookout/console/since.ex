defmodule Lookout.Console.Since do
  @moduledoc false
  # `mix lookout --since CURSOR`: prints what has changed since the last time, and ends. The cursor is committed after
  # standard output has taken all changes before it, so an invocation that ends earlier prints them again.
  # `Lookout.Console.Session` calls it, in its process, which holds the struct below.

  alias Lookout.Error
  alias Lookout.Console.{Arguments, Output, Printer, Report, Stats}

  @enforce_keys [:arguments, :printer, :watcher, :saver]
  defstruct [
    :arguments,
    :printer,
    :watcher,
    # the process that asks for the checkpoint
    :saver,
    # whether the changes are not printed: there was no cursor, so all that exists is reported as created
    first: false
  ]

  @doc "Returns the exit status. The caller traps exits, and gets `{:signal, number}` for a signal that is to end it."
  @spec run(Arguments.t(), Printer.t()) :: 0..255
  def run(%Arguments{} = arguments, printer) do
    options = [dirs: arguments.paths, cursor: arguments.since, on_bad_cursor: arguments.on_bad_cursor]

    case Lookout.start_link(options ++ arguments.watch) do
      {:ok, watcher} ->
        status = report(arguments, printer, watcher)
        Lookout.stop(watcher)
        status

      {:error, error} ->
        complain(printer, error)
    end
  end

  # The watcher reports nothing before it has a subscriber.
  defp report(arguments, printer, watcher) do
    with {:ok, %{cursor: from}} <- Lookout.info(watcher, :infinity),
         {:ok, ^watcher} <- Lookout.subscribe(watcher) do
      state = %__MODULE__{arguments: arguments, printer: printer, watcher: watcher, saver: save(watcher)}
      loop(%{state | first: is_nil(from)})
    else
      {:error, error} -> complain(printer, error)
    end
  end

  # In a process of its own: this one takes the changes meanwhile. After the sync all differences have been reported.
  defp save(watcher) do
    me = self()

    spawn_link(fn ->
      saved = with :ok <- Lookout.sync(watcher, :infinity), do: Lookout.checkpoint(watcher, :infinity)
      send(me, {:saved, self(), saved})
    end)
  end

  defp loop(status) when is_integer(status), do: status

  defp loop(state) do
    receive do
      message -> message |> handle(state) |> loop()
    end
  end

  defp handle({:lookout, watcher, message}, %{watcher: watcher} = state), do: watched(message, state)
  defp handle({:saved, saver, {:error, error}}, %{saver: saver} = state), do: complain(state.printer, error)
  defp handle({:signal, number}, _state), do: 128 + number
  defp handle({:EXIT, watcher, reason}, %{watcher: watcher} = state), do: complain(state.printer, reason)

  defp handle(message, state) do
    case Output.failure(state.printer.output, message) do
      nil -> state
      reason -> unwritten(state, reason)
    end
  end

  defp watched({:events, _seq, _events}, %{first: true} = state), do: state

  defp watched({:events, seq, events}, state),
    do: %{state | printer: Report.events(state.printer, state.arguments, seq, events)}

  defp watched({:notice, notice}, state) do
    state = if match?({:cursor_lost, _reason}, notice), do: %{state | first: false}, else: state
    %{state | printer: Report.notice(state.printer, state.arguments, notice)}
  end

  defp watched({:checkpoint, cursor}, state) do
    case Output.flush(state.printer.output) do
      :ok -> commit(state, cursor)
      {:error, reason} -> unwritten(state, reason)
    end
  end

  defp watched({:stopped, reason}, state), do: complain(state.printer, reason)

  defp unwritten(state, reason) do
    text = "standard output cannot be written (#{reason}); the next run prints these changes again"
    if reason != :epipe, do: say(state.printer, text)
    Output.exit_status(reason)
  end

  defp commit(%{arguments: arguments} = state, cursor) do
    with :ok <- Lookout.commit(state.watcher, cursor) do
      if state.first, do: say(state.printer, "#{arguments.since} is new; the next run prints what changes from now on")
      if arguments.stats, do: stats(state)
      0
    else
      {:error, error} -> complain(state.printer, error)
    end
  end

  defp stats(state) do
    with {:ok, info} <- Lookout.info(state.watcher),
         do: Printer.line(state.printer, :stderr, Stats.line(info), indent: 2)
  end

  defp complain(printer, error) do
    say(printer, words(error))
    1
  end

  # The advice of these errors names the option of `Lookout.start_link/1`.
  defp words(%Error{reason: reason} = error) when reason in [:bad_snapshot, :newer_snapshot, :unknown_cursor],
    do: Exception.message(error) <> " (here: --on-bad-cursor restart)"

  defp words(%Error{} = error), do: Exception.message(error)
  defp words(other), do: "the watching ended: " <> inspect(other)

  defp say(printer, text), do: Printer.line(printer, :stderr, "lookout: " <> text, indent: 2)
end
