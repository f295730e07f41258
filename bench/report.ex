defmodule Lookout.Bench.Report do
  @moduledoc false
  # A section as a list of paragraphs, tables and charts, and how figures are written.

  @type item :: binary | {:table, [binary], [[binary]]} | {:chart, binary, iodata, binary}
  @type t :: [item]

  @doc "As Markdown. Charts are for the document alone: there `image` writes them."
  @spec to_text(t, (binary, iodata, binary -> iodata)) :: binary
  def to_text(report, image \\ fn _name, _script, _caption -> [] end) do
    report
    |> Enum.map(fn
      {:table, head, rows} -> table(head, rows)
      {:chart, name, script, caption} -> image.(name, script, caption)
      text -> [text, "\n"]
    end)
    |> Enum.reject(&(&1 == []))
    |> Enum.intersperse("\n")
    |> IO.iodata_to_binary()
  end

  defp table(head, rows) do
    widths =
      [head | rows]
      |> Enum.zip_with(& &1)
      |> Enum.map(fn cells -> cells |> Enum.map(&String.length/1) |> Enum.max() end)

    line = fn cells ->
      ["| ", cells |> Enum.zip_with(widths, &String.pad_trailing/2) |> Enum.intersperse(" | "), " |\n"]
    end

    [line.(head), ["|", Enum.map(widths, &[String.duplicate("-", &1 + 2), "|"]), "\n"], Enum.map(rows, line)]
  end

  @doc "A ratio with the target that it is judged by."
  def judge(value, limit, unit \\ "x") do
    "#{number(value)} #{unit} (at most #{number(limit)}: #{if value <= limit, do: "met", else: "missed"})"
  end

  @doc "The same of what is to be large."
  def at_least(value, limit) do
    "#{number(value)} x (at least #{number(limit)}: #{if value >= limit, do: "met", else: "missed"})"
  end

  @doc "Three digits are told of a figure."
  def number(value) when is_integer(value) and abs(value) < 1000, do: Integer.to_string(value)
  def number(value) when abs(value) >= 1000, do: value |> round() |> group()
  def number(value) when abs(value) >= 100, do: Integer.to_string(round(value))
  def number(value) when abs(value) >= 10, do: :erlang.float_to_binary(value / 1, decimals: 1)
  def number(value), do: :erlang.float_to_binary(value / 1, decimals: 2)

  defp group(value) do
    value |> Integer.to_string() |> String.reverse() |> String.replace(~r/(\d{3})(?=\d)/, "\\1,") |> String.reverse()
  end

  def ms(ns), do: number(ns / 1_000_000)
  def us(ns), do: number(ns / 1_000)
  def seconds(ns), do: number(ns / 1_000_000_000)
  def mib(bytes), do: number(bytes / 1_048_576)
  def ratio(value, base), do: "#{number(value / base)} x"

  @doc "The value below which `share` (0..1) of the values lie."
  def percentile(values, share) do
    sorted = Enum.sort(values)
    Enum.at(sorted, min(length(sorted) - 1, trunc(share * length(sorted))))
  end

  def median(values), do: percentile(values, 0.5)
end
