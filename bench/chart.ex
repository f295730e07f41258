defmodule Lookout.Bench.Chart do
  @moduledoc false
  # Scripts of gnuplot that write to standard output.

  @doc "A bar a row `{label, value}`; `option`: `:log` for a logarithmic axis."
  def bars(title, unit, rows, option \\ :linear) do
    [
      head(title),
      "set style fill solid 0.8\nset boxwidth 0.6\nset grid y\nunset key\nset xtics rotate by -20\nset ylabel '#{unit}'\n",
      if(option == :log, do: "set logscale y\n", else: "set yrange [0:*]\n"),
      data(Enum.map(rows, fn {label, value} -> [quoted(label), " ", to_string(value)] end)),
      "plot $data using 0:2:xtic(1) with boxes lc rgb '#4b6a9b', ",
      "$data using 0:2:(sprintf('%.3g', $2)) with labels offset 0,0.7\n"
    ]
  end

  @doc "A line a series `{label, [{x, y}]}`, both axes logarithmic."
  def lines(title, x_unit, y_unit, series) do
    blocks =
      for {{_label, points}, index} <- Enum.with_index(series) do
        ["$s#{index} << EOD\n", Enum.map(points, fn {x, y} -> "#{x} #{y}\n" end), "EOD\n"]
      end

    plots =
      for {{label, _points}, index} <- Enum.with_index(series) do
        "$s#{index} using 1:2 with linespoints lw 2 title #{quoted(label)}"
      end

    [
      head(title),
      "set logscale xy\nset format x '10^{%L}'\nset grid\nset key left top\nset xlabel '#{x_unit}'\nset ylabel '#{y_unit}'\n",
      blocks,
      ["plot ", Enum.intersperse(plots, ", "), "\n"]
    ]
  end

  defp head(title),
    do:
      "set terminal svg size 720,360 font 'sans-serif,12' background '#ffffff'\nset title #{quoted(title)} noenhanced\n"

  defp data(lines), do: ["$data << EOD\n", Enum.map(lines, &[&1, "\n"]), "EOD\n"]
  defp quoted(text), do: "\"#{String.replace(to_string(text), ["\"", "\\"], "")}\""
end
