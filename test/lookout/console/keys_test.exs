defmodule Lookout.Console.KeysTest do
  use ExUnit.Case, async: true

  alias Lookout.Console.Keys

  test "Lookout's own keys run, end and stop; others mean nothing" do
    for {bytes, actions} <- [
          {"\r", [:run]},
          {"\n", [:run]},
          {" ", [:run]},
          {"q", [:quit]},
          {<<26>>, [:suspend]},
          {"xQ\e[A" <> <<4>>, []},
          {"", []}
        ] do
      assert Keys.actions(bytes, :lookout) == actions
    end
  end

  test "a command gets every byte but Ctrl-Z, in order" do
    for {bytes, actions} <- [
          {"q \r", [{:input, "q \r"}]},
          {<<0xC3, 0xA9, 0xFF, 4>>, [{:input, <<0xC3, 0xA9, 0xFF, 4>>}]},
          {<<26>>, [:suspend]},
          {"a" <> <<26>> <> "b", [{:input, "a"}, :suspend, {:input, "b"}]},
          {"", []}
        ] do
      assert Keys.actions(bytes, :command) == actions
    end
  end
end
