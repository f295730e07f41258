defmodule Lookout.Bench.Parts.Micro do
  @moduledoc false
  # The micro-benchmarks of code that makes no system call (bench/micro), by Google Benchmark.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  def title, do: "Micro-benchmarks"

  def run(quick?) do
    case Machine.program("bench_micro") do
      nil -> ["Google Benchmark was not found: left out."]
      program -> measure(program, if(quick?, do: "0.1", else: "1"))
    end
  end

  defp measure(program, seconds) do
    arguments = ["--benchmark_min_time=#{seconds}", "--benchmark_format=csv", "--benchmark_repetitions=3"]
    {output, 0} = System.cmd(program, arguments, stderr_to_stdout: false)

    rows =
      for line <- String.split(output, "\n"),
          [name, _iterations, _real, cpu, "ns", bytes, items | _labels] <- [String.split(line, ",")],
          [short, "median"] <- [name |> String.trim("\"") |> split_median()] do
        [short, one(cpu, items), throughput(bytes)]
      end

    [
      "Code that makes no system call, by Google Benchmark: nanoseconds of CPU for one operation (of a batch and of the dirty set: one entry), " <>
        "median of three. The tree has 600,000 entries.",
      {:table, ["operation", "ns", "MiB/s"], rows}
    ]
  end

  defp split_median(name) do
    case String.split(name, "_median") do
      [short, ""] -> [short, "median"]
      other -> other
    end
  end

  defp one(cpu, ""), do: number(to_float(cpu))
  defp one(_cpu, items), do: number(1.0e9 / to_float(items))

  defp throughput(""), do: "-"
  defp throughput(bytes), do: number(to_float(bytes) / 1_048_576)

  defp to_float(text) do
    {value, _rest} = Float.parse(text)
    value
  end
end
