defmodule Lookout.Console.Printer do
  @moduledoc false
  # Writes to standard output and standard error: bytes unchanged, and lines for people, which on a terminal are
  # coloured and wrapped at its width. `Lookout.Console.Session` and `Since` hold it (`printer`) and call it.

  alias Lookout.Console.{Banner, Lines, Output}

  # size: rows and columns of the terminal. line_end: CR LF for a terminal without output processing (`-opost`), else
  # LF. fresh: whether the last write to a terminal ended with a line end.
  @enforce_keys [:output, :size]
  defstruct [:output, :size, line_end: "\n", fresh: true]

  @type t :: %__MODULE__{output: Output.t(), size: {pos_integer, pos_integer}, line_end: binary, fresh: boolean}

  @spec new(Output.t()) :: t
  def new(output), do: %__MODULE__{output: output, size: Output.size()}

  @doc "For a terminal without output processing (`stty -opost`)."
  @spec raw(t) :: t
  def raw(%__MODULE__{} = printer), do: %{printer | line_end: "\r\n"}

  @doc """
  Writes bytes. Ignores a failed write: an error of standard output is also reported by a message (see `Lookout.Console.Output`), and one
  of standard error does not matter.
  """
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

  @doc "Writes a line; `indent` indents its continuation lines. `change`, a change or `:notice`, selects the colour."
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

  @doc "Writes a line of `Banner`, on a terminal only. Starts a new line if the output of the command did not end with a line end."
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
