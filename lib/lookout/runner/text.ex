defmodule Lookout.Runner.Text do
  @moduledoc false
  # Decodes pieces of output as UTF-8 text: an Erlang IO device takes characters, and a piece may end within one. Pure. The
  # callers, `Lookout.Runner.Run` and `Lookout.Command.Lines`, keep the rest of a piece.

  @doc """
  Decodes `rest` (the incomplete character at the end of the previous piece) followed by `piece`. Returns the text and the new rest.
  Bytes that are not valid UTF-8 become U+FFFD.
  """
  @spec decode(binary, binary) :: {binary, binary}
  def decode(rest, piece), do: split(rest <> piece, [])

  @doc "The text of the rest after the last piece: a character that was never complete."
  @spec last(binary) :: binary
  def last(""), do: ""
  def last(_incomplete), do: "\uFFFD"

  defp split(bytes, done) do
    case :unicode.characters_to_binary(bytes) do
      text when is_binary(text) -> {IO.iodata_to_binary([done, text]), ""}
      {:incomplete, text, rest} -> {IO.iodata_to_binary([done, text]), rest}
      {:error, text, <<_odd, rest::binary>>} -> split(rest, [done, text, "\uFFFD"])
    end
  end
end
