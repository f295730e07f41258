defmodule Lookout.Console.Printer do
  @moduledoc false
  # What is written to standard output and standard error: bytes as they are, and lines for people, which on a terminal have colours and are broken at
  # its width.

  alias Lookout.Console.{Banner, Lines, Output}

  # size: rows and columns of the terminal. line_end: of a terminal that makes no line ends itself CR and LF. fresh: whether what was written last
  # to a terminal ended its line.
  @enforce_keys [:output, :size]
  defstruct [:output, :size, line_end: "\n", fresh: true]

  @type t :: %__MODULE__{output: Output.t(), size: {pos_integer, pos_integer}, line_end: binary, fresh: boolean}

  @spec new(Output.t()) :: t
  def new(output), do: %__MODULE__{output: output, size: Output.size()}

  @doc "For a terminal whose output is raw."
  @spec raw(t) :: t
  def raw(%__MODULE__{} = printer), do: %{printer | line_end: "\r\n"}

  @doc "Bytes. Nobody misses those that cannot be written to standard error; of a standard output that is closed a message reports as well."
  @spec write(t, Output.stream(), iodata) :: t
  def write(%__MODULE__{output: output} = printer, stream, bytes) do
    Output.write(output, stream, bytes)
    if Output.terminal?(output, stream), do: %{printer | fresh: fresh?(bytes, printer)}, else: printer
  end

  defp fresh?(bytes, printer) do
    case IO.iodata_to_binary(bytes) do
      "" -> printer.fresh
      bytes -> :binary.last(bytes) == ?\n
    end
  end

  @doc "A line; `indent` is for what follows its first line. `change` gives the colour of a change or `:notice`."
  @spec line(t, Output.stream(), binary, indent: non_neg_integer, change: atom) :: t
  def line(%__MODULE__{} = printer, stream, text, options \\ []) do
    text = if options[:indent], do: wrap(printer, stream, text, options[:indent]), else: text
    change = if options[:change] && Output.colours?(printer.output, stream), do: options[:change]
    write(printer, stream, [if(change, do: Lines.coloured(change, text), else: text), line_end(printer, stream)])
  end

  defp wrap(%{output: output, size: {_rows, columns}} = printer, stream, text, indent) do
    if Output.terminal?(output, stream),
      do: text |> Lines.wrap(columns, indent) |> String.replace("\n", printer.line_end),
      else: text
  end

  defp line_end(%{output: output, line_end: line_end}, stream),
    do: if(Output.terminal?(output, stream), do: line_end, else: "\n")

  @doc "A line around a run, on a terminal only. It does not continue a line of the command."
  @spec banner(t, Banner.line()) :: t
  def banner(%__MODULE__{output: output} = printer, {kind, text}) do
    if Output.terminal?(output, :stderr) do
      text = wrap(printer, :stderr, text, 3)
      text = if Output.colours?(output, :stderr), do: Banner.coloured({kind, text}), else: text
      write(printer, :stderr, [if(printer.fresh, do: "", else: printer.line_end), text, printer.line_end])
    else
      printer
    end
  end

  @doc "Clears the terminal and keeps its scrollback."
  @spec clear(t) :: t
  def clear(%__MODULE__{output: output} = printer) do
    if Output.terminal?(output, :stdout),
      do: %{write(printer, :stdout, "\e[H\e[2J") | fresh: true},
      else: printer
  end
end
