defmodule Lookout.Bench.Parts.Ignore do
  @moduledoc false
  # A small project with a large node_modules, ignored and not.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Machine, Parts.Start}

  def title, do: "Ignored directories"

  def run(quick?) do
    {directories, files} = if quick?, do: {2_000, 10_000}, else: {20_000, 100_000}

    Machine.with_dir(Machine.fast("tree"), fn dir ->
      for {name, {directories, files}} <- [{"lib", {200, 1_000}}, {"node_modules", {directories, files}}] do
        File.mkdir_p!(Path.join(dir, name))
        Machine.write!(["tree", Path.join(dir, name), directories, files])
      end

      runs =
        for _run <- 1..5,
            {label, options} <- [{"everything", []}, {"node_modules ignored", [ignore: ["node_modules/"]]}] do
          Machine.find!(dir)
          {label, Start.lookout(dir, options)}
        end

      [
        "On tmpfs, a project of 1,200 entries with a `node_modules` of #{number(directories + files)}: until the first change is told, median of 5 " <>
          "interleaved runs.",
        {:table, ["watched", "time (ms)", "CPU (ms)", "memory (MiB)"],
         for {label, runs} <- Enum.group_by(runs, &elem(&1, 0), &elem(&1, 1)) do
           middle = fn value -> runs |> Enum.map(value) |> median() end
           [label, ms(middle.(& &1.time)), ms(middle.(& &1.cpu)), mib(middle.(& &1.memory.all))]
         end}
      ]
    end)
  end
end
