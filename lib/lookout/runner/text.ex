defmodule Lookout.Runner.Text do
  @moduledoc false
  # Pieces of output as text: a device takes characters, and a piece may end within one. Pure.

  @doc "The text of `rest` (what the piece before has left) and the piece, and what is left now. Bytes that are no UTF-8 become U+FFFD."
  @spec decode(binary, binary) :: {binary, binary}
  def decode(rest, piece), do: split(rest <> piece, [])

  defp split(bytes, done) do
    case :unicode.characters_to_binary(bytes) do
      text when is_binary(text) -> {IO.iodata_to_binary([done, text]), ""}
      {:incomplete, text, rest} -> {IO.iodata_to_binary([done, text]), rest}
      {:error, text, <<_odd, rest::binary>>} -> split(rest, [done, text, "\uFFFD"])
    end
  end
end
