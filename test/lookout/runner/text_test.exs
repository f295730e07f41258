defmodule Lookout.Runner.TextTest do
  use ExUnit.Case, async: true

  alias Lookout.Runner.Text

  test "a character that is cut is put together again, wherever the cut is" do
    text = "é文🙂"

    for at <- 0..byte_size(text) do
      {one, other} = :erlang.split_binary(text, at)
      {begin, rest} = Text.decode("", one)
      assert {finish, ""} = Text.decode(rest, other)
      assert begin <> finish == text
    end
  end

  test "bytes that are no text are replaced, and what follows is kept" do
    assert Text.decode("", <<"a", 0xFF, "b", 0xC3, "c", 0xC3>>) == {"a\uFFFDb\uFFFDc", <<0xC3>>}
  end
end
