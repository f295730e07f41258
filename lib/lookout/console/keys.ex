defmodule Lookout.Console.Keys do
  @moduledoc false
  # What typed bytes mean. Pure.

  @type action :: {:input, binary} | :run | :quit | :suspend

  @doc "`to` is who has the keys. Ctrl-Z stops in both cases; Ctrl-C is not among the bytes."
  @spec actions(binary, :command | :lookout) :: [action]
  def actions(bytes, :command) do
    case :binary.split(bytes, <<26>>) do
      [""] -> []
      [input] -> [{:input, input}]
      [input, rest] -> actions(input, :command) ++ [:suspend | actions(rest, :command)]
    end
  end

  def actions(bytes, :lookout), do: for(<<byte <- bytes>>, action = action(byte), do: action)

  defp action(byte) when byte in [?\r, ?\n, ?\s], do: :run
  defp action(?q), do: :quit
  defp action(26), do: :suspend
  defp action(_other), do: nil
end
