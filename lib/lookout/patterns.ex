defmodule Lookout.Patterns do
  @moduledoc false
  # Converts the patterns of `:ignore` and `:only` to lines of gitignore(5). Pure; works on bytes. `Lookout.Watcher.Options`
  # calls it.

  alias Lookout.Patterns.{Braces, Line}

  # The limits of `lookout_port` for one option: lines, and bytes of all lines together.
  @most 4_096
  @most_bytes 1_048_576

  @doc """
  Expands the patterns to lines of gitignore(5), in the same order: at most #{@most} lines, with at most #{@most_bytes} bytes. `dirs` are
  the absolute paths of the watched directories. The error is a sentence; for a pattern that no path can match, it names the pattern and
  what to write instead.
  """
  @spec expand(:ignore | :only, [binary], [binary]) :: {:ok, [binary]} | {:error, binary}
  def expand(option, patterns, dirs) do
    parsed = for pattern <- patterns, do: {pattern, Braces.parse(pattern)}

    # Counts first: an expansion can be too large to build.
    with :ok <- at_most(@most, "patterns", parsed |> Enum.map(&Braces.count(elem(&1, 1))) |> Enum.sum()),
         pairs = for({pattern, parts} <- parsed, line <- Braces.lines(parts), do: {pattern, line}),
         lines = for({_pattern, line} <- pairs, do: line),
         :ok <- at_most(@most_bytes, "bytes of patterns", IO.iodata_length(lines)),
         :ok <- possible(pairs, dirs),
         :ok <- not_only_exceptions(option, lines),
         do: {:ok, lines}
  end

  defp at_most(most, _what, count) when count <= most, do: :ok
  defp at_most(most, what, _count), do: {:error, "expected at most #{most} #{what} once {a,b} is expanded, got more"}

  defp possible(pairs, dirs) do
    dirs = Line.dirs(dirs)

    Enum.find_value(pairs, :ok, fn {pattern, line} ->
      with {why, instead} <- Line.objection(line, dirs), do: {:error, sentence(pattern, line, why, instead)}
    end)
  end

  defp sentence(pattern, line, why, instead) do
    expanded = if line == pattern, do: "", else: " (expanded to #{shown(line)})"
    "the pattern #{shown(pattern)}#{expanded} can match nothing: #{why}; #{advice(instead)}"
  end

  defp advice([]), do: "leave it out"
  defp advice(lines), do: "write " <> Enum.map_join(lines, ", ", &shown/1)

  defp shown(pattern), do: inspect(pattern, binaries: :as_strings)

  defp not_only_exceptions(:only, [_ | _] = lines) do
    if Enum.all?(lines, &String.starts_with?(&1, "!")),
      do: {:error, "exceptions (!) alone match nothing; give the patterns to :ignore, without the !"},
      else: :ok
  end

  defp not_only_exceptions(_option, _lines), do: :ok
end
