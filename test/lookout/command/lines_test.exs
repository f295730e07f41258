defmodule Lookout.Command.LinesTest do
  use ExUnit.Case, async: true

  alias Lookout.Command.Lines

  defp lines(pieces) do
    {lines, rest} = Enum.flat_map_reduce(pieces, "", &Lines.split(&2, &1))
    lines ++ Lines.last(rest)
  end

  test "pieces are lines wherever they are cut, and the last one needs no end" do
    text = "one\ntwo\r\n\nfour é"

    for at <- 0..byte_size(text) do
      {left, right} = :erlang.split_binary(text, at)
      assert lines([left, right]) == ["one", "two", "", "four é"]
    end

    assert lines(for <<byte <- text>>, do: <<byte>>) == ["one", "two", "", "four é"]
    assert lines([]) == []
    assert lines(["\n"]) == [""]
  end

  test "bytes that are no text are replaced" do
    assert lines([<<"a", 0xFF, "b\n", 0xC3>>]) == ["a\uFFFDb", "\uFFFD"]
  end

  test "P3: a line without an end is bounded: it comes in parts" do
    long = String.duplicate("x", 20_000)
    assert {[part, part], rest} = Lines.split("", long)
    assert {byte_size(part), byte_size(rest)} == {8_192, 20_000 - 2 * 8_192}
    assert lines([long, "\nnext"]) |> Enum.map(&byte_size/1) == [8_192, 8_192, 3_616, 4]
    assert lines([String.duplicate("x", 8_192), "\n"]) |> Enum.map(&byte_size/1) == [8_192]
  end
end
