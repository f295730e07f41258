defmodule Lookout.Console.Keys do
  @moduledoc false
  # Interprets typed bytes. Pure. `Lookout.Console.Session` calls it.

  @type action :: {:input, binary} | :run | :quit | :suspend

  @doc "The actions for typed bytes; the second argument selects who gets the keys. Ctrl-Z suspends in both cases; `bytes` contains no Ctrl-C."
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
