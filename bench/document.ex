defmodule Lookout.Bench.Document do
  @moduledoc false
  # docs/benchmarks.md: a section a part, between two comments that name it. What stands outside is written by hand.

  alias Lookout.Bench.{Machine, Report}

  @path "docs/benchmarks.md"
  @charts "docs/benchmarks"

  def write(part, title, report) do
    text = Report.to_text(report, &image/3)
    section = "<!-- #{part} -->\n## #{title}\n\n#{text}\nMeasured on #{Machine.stamp()}.\n<!-- /#{part} -->\n"
    File.write!(@path, put(File.read!(@path), part, section))
  end

  defp put(document, part, section) do
    pattern = ~r/<!-- #{part} -->.*<!-- \/#{part} -->\n/s

    if document =~ pattern,
      do: Regex.replace(pattern, document, fn _whole -> section end),
      else: document <> "\n" <> section
  end

  defp image(name, script, caption) do
    with program when program != nil <- System.find_executable("gnuplot"),
         {svg, 0} <- draw(program, script) do
      File.mkdir_p!(@charts)
      File.write!(Path.join(@charts, name <> ".svg"), svg)
      "![#{caption}](benchmarks/#{name}.svg)\n"
    else
      nil ->
        IO.puts(:stderr, "gnuplot is not here: the chart #{name} is left out")
        []

      {output, status} ->
        raise "gnuplot ended with #{status} over the chart #{name}: #{output}"
    end
  end

  defp draw(program, script) do
    file = Machine.disk("chart.gnuplot")
    File.write!(file, script)
    System.cmd(program, [file], stderr_to_stdout: true)
  end
end
