defmodule Lookout.Bench.Parts.Growth do
  @moduledoc false
  # How start and memory grow with the tree.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Chart, Machine, Parts.Start}

  def title, do: "Growth"

  def run(quick?) do
    sizes = if quick?, do: [1_000, 10_000, 100_000], else: [1_000, 10_000, 100_000, 1_000_000]
    results = for size <- sizes, do: Machine.with_dir(Machine.fast("tree"), &measure(&1, size))
    [first | _more] = results

    [
      "Trees (on tmpfs) of 1,000 to #{number(List.last(sizes))} entries, a sixth of them directories: time until the first change is " <>
        "told beside `find`, median of 3 interleaved runs, and what each entry adds to the memory of the smallest tree's watcher.",
      {:table, ["entries", "find (s)", "Lookout (s)", "ratio", "memory (MiB)", "bytes an entry more"],
       for result <- results do
         [number(result.size), seconds(result.find), seconds(result.time), ratio(result.time, result.find)] ++
           [mib(result.memory), more(result, first)]
       end},
      {:chart, "growth-time",
       Chart.lines("Start by the size of the tree", "entries", "seconds",
         find: for(r <- results, do: {r.size, r.find / 1.0e9}),
         Lookout: for(r <- results, do: {r.size, r.time / 1.0e9})
       ), "Start by size"},
      {:chart, "growth-memory",
       Chart.lines("Memory by the size of the tree", "entries", "MiB",
         Lookout: for(r <- results, do: {r.size, r.memory / 1_048_576})
       ), "Memory by size"}
    ]
  end

  defp measure(dir, size) do
    directories = div(size, 6)
    Machine.write!(["tree", dir, directories, size - directories])

    runs =
      for _run <- 1..3 do
        [_first, find] = for _n <- 1..2, do: Machine.find!(dir)
        {find.wall, Start.lookout(dir)}
      end

    %{
      size: size,
      find: runs |> Enum.map(&elem(&1, 0)) |> median(),
      time: runs |> Enum.map(&elem(&1, 1).time) |> median(),
      memory: runs |> Enum.map(&elem(&1, 1).memory.all) |> median()
    }
  end

  defp more(result, result), do: "-"
  defp more(result, first), do: number((result.memory - first.memory) / (result.size - first.size))
end
