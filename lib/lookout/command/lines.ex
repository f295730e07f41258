defmodule Lookout.Command.Lines do
  @moduledoc false
  # Splits pieces of output into lines of text. Bytes that are not valid UTF-8 become U+FFFD. A line longer than 8 KiB
  # is split into several. Pure. The callers, `Lookout.Command.Journal`, `Printer` and `Shutdown`, keep the rest of the last line.

  alias Lookout.Runner.Text

  @most 8_192

  @type t :: binary

  @doc "The lines, without line ends, in `rest` (the unfinished line so far) followed by `piece`; and the new unfinished line."
  @spec split(t, binary) :: {[binary], t}
  def split(rest, piece) do
    {lines, [rest]} = (rest <> piece) |> :binary.split("\n", [:global]) |> Enum.split(-1)
    {parts, rest} = cut(rest, [])
    {Enum.flat_map(lines, &parts/1) ++ Enum.map(parts, &text/1), :binary.copy(rest)}
  end

  @doc "The last line, which has no line end, if there is one."
  @spec last(t) :: [binary]
  def last(""), do: []
  def last(rest), do: parts(rest)

  defp parts(line) do
    {parts, rest} = line |> String.trim_trailing("\r") |> cut([])
    for part <- parts ++ [rest], do: text(part)
  end

  defp cut(<<part::binary-size(@most), rest::binary>>, parts) when rest != "", do: cut(rest, [part | parts])
  defp cut(rest, parts), do: {Enum.reverse(parts), rest}

  defp text(bytes) do
    {text, rest} = Text.decode("", bytes)
    text <> Text.last(rest)
  end
end
