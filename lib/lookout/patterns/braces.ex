defmodule Lookout.Patterns.Braces do
  @moduledoc false
  # Expands the `{a,b}` alternatives of a pattern as bash does, without its sequences (`{1..3}`). Plain characters are:
  # the braces of `{}` and `{a}`, a brace that is not closed, an escaped character, and the characters in a bracket
  # expression. Pure; works on bytes. `Lookout.Patterns` calls it.

  alias Lookout.Patterns.Line

  @typedoc "A pattern, or an alternative in it: a sequence of bytes and alternatives."
  @type parts :: [binary | {:one_of, [parts]}]

  @spec parse(binary) :: parts
  def parse(pattern) do
    case :binary.match(pattern, "{") do
      :nomatch -> [pattern]
      _found -> pattern |> tokens([]) |> parse_tokens([{[], []}])
    end
  end

  @doc "How many lines the parts expand to. For a pattern of 4,096 bytes the number may have hundreds of digits."
  @spec count(parts) :: pos_integer
  def count(parts), do: Enum.reduce(parts, 1, &(count_part(&1) * &2))

  defp count_part({:one_of, alternatives}), do: alternatives |> Enum.map(&count/1) |> Enum.sum()
  defp count_part(_bytes), do: 1

  @doc "The lines that the parts expand to."
  @spec lines(parts) :: [binary]
  def lines([pattern]) when is_binary(pattern), do: [pattern]
  def lines(parts), do: parts |> spellings() |> Enum.map(&IO.iodata_to_binary/1)

  defp spellings([]), do: [[]]

  defp spellings([{:one_of, alternatives} | rest]) do
    ends = spellings(rest)
    for alternative <- alternatives, spelling <- spellings(alternative), tail <- ends, do: [spelling | tail]
  end

  defp spellings([bytes | rest]), do: for(tail <- spellings(rest), do: [bytes | tail])

  # An escaped byte is one token, and so is a bracket expression. A pattern with a bracket that is not closed matches
  # nothing, so the rest after such a bracket is one token as well.
  defp tokens("", tokens), do: Enum.reverse(tokens)
  defp tokens(<<?\\, byte, rest::binary>>, tokens), do: tokens(rest, [<<?\\, byte>> | tokens])
  defp tokens("{" <> rest, tokens), do: tokens(rest, [:open | tokens])
  defp tokens("," <> rest, tokens), do: tokens(rest, [:comma | tokens])
  defp tokens("}" <> rest, tokens), do: tokens(rest, [:close | tokens])

  defp tokens("[" <> rest = pattern, tokens) do
    case Line.set(rest) do
      {:ok, _set, rest} -> tokens(rest, [binary_part(pattern, 0, byte_size(pattern) - byte_size(rest)) | tokens])
      {:error, _why} -> Enum.reverse(tokens, [pattern])
    end
  end

  defp tokens(<<byte, rest::binary>>, tokens), do: tokens(rest, [<<byte>> | tokens])

  # `levels` has one element for each open brace, the innermost first: its finished alternatives, and the parts of the
  # current alternative. Both lists are in reverse order.
  defp parse_tokens([:open | rest], levels), do: parse_tokens(rest, [{[], []} | levels])
  defp parse_tokens([:comma | rest], [outermost]), do: parse_tokens(rest, [with_part(outermost, ",")])
  defp parse_tokens([:comma | rest], [{done, parts} | levels]), do: parse_tokens(rest, [{[parts | done], []} | levels])
  defp parse_tokens([:close | rest], [outermost]), do: parse_tokens(rest, [with_part(outermost, "}")])

  defp parse_tokens([:close | rest], [{[], parts}, outer | levels]) do
    parse_tokens(rest, [with_part(outer, literal([["}" | parts]])) | levels])
  end

  defp parse_tokens([:close | rest], [{done, parts}, outer | levels]) do
    part = {:one_of, in_order([parts | done])}
    parse_tokens(rest, [with_part(outer, part) | levels])
  end

  defp parse_tokens([bytes | rest], [level | levels]), do: parse_tokens(rest, [with_part(level, bytes) | levels])
  defp parse_tokens([], [{[], parts}]), do: Enum.reverse(parts)

  defp parse_tokens([], [{done, parts}, outer | levels]) do
    parse_tokens([], [with_part(outer, literal([parts | done])) | levels])
  end

  defp with_part({done, [before | parts]}, bytes) when is_binary(before) and is_binary(bytes),
    do: {done, [before <> bytes | parts]}

  defp with_part({done, parts}, part), do: {done, [part | parts]}

  # Turns an open brace and its commas back into plain characters: one alternative.
  defp literal(alternatives) do
    {:one_of, [["{" | alternatives |> in_order() |> Enum.intersperse([","]) |> Enum.concat()]]}
  end

  defp in_order(alternatives), do: alternatives |> Enum.reverse() |> Enum.map(&Enum.reverse/1)
end
