defmodule Lookout.Console.Report do
  @moduledoc false
  # Writes batches of changes and notices in the chosen format. `Lookout.Console.Session` and `Since` call it; they keep the
  # printer that it returns.

  alias Lookout.Event
  alias Lookout.Console.{Arguments, Json, Lines, Output, Printer}

  @doc "Writes the changes of one batch to standard output, with one call."
  @spec events(Printer.t(), Arguments.t(), pos_integer, [Event.t()]) :: Printer.t()
  def events(%Printer{} = printer, arguments, seq, events),
    do: Printer.write(printer, :stdout, shown(printer, arguments, seq, events))

  defp shown(_printer, %{format: :json}, seq, events), do: for(event <- events, do: [Json.event(event, seq), ?\n])

  defp shown(_printer, %{format: :print0}, _seq, events) do
    for event <- events, path <- [event.from, event.path], path != nil, do: [path, 0]
  end

  defp shown(%{output: output}, arguments, _seq, events) do
    terminal? = Output.terminal?(output, :stdout)
    base = if terminal?, do: Lines.working_directory(), else: Lines.base(arguments.paths)
    colours? = Output.colours?(output, :stdout)

    for %{change: change} = event <- events, line = Lines.line(event, base) do
      [if(colours?, do: Lines.coloured(change, line), else: line), ?\n]
    end
  end

  @doc "Writes a notice: to standard output between the changes, unless that is for paths alone or for a command."
  @spec notice(Printer.t(), Arguments.t(), Lookout.notice() | term) :: Printer.t()
  def notice(%Printer{} = printer, %{format: :json}, notice),
    do: Printer.write(printer, :stdout, [Json.notice(notice), ?\n])

  def notice(printer, arguments, notice) do
    stream = if arguments.command == nil and arguments.format == :lines, do: :stdout, else: :stderr
    Printer.line(printer, stream, Lines.notice_line(notice), indent: 12, change: :notice)
  end
end
