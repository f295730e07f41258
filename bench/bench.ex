defmodule Lookout.Bench do
  @moduledoc false
  # What bin/bench runs. A part measures and returns a section (Lookout.Bench.Report); it is printed and, but for
  # `--quick`, written into docs/benchmarks.md.

  alias Lookout.Bench.{Document, Machine, Parts, Report}

  @parts [
    latency: Parts.Latency,
    start: Parts.Start,
    growth: Parts.Growth,
    storm: Parts.Storm,
    recall: Parts.Recall,
    rescan: Parts.Rescan,
    roots: Parts.Roots,
    ignore: Parts.Ignore,
    idle: Parts.Idle,
    subscribers: Parts.Subscribers,
    watchers: Parts.Watchers,
    node: Parts.Node,
    cursor: Parts.Cursor,
    command: Parts.Command,
    micro: Parts.Micro
  ]

  def main(names) do
    IO.puts(Machine.describe())
    failed = Enum.reject(names, &run(String.to_existing_atom(&1)))
    if failed != [], do: exit({:shutdown, 1})
  end

  # What other parts measured stands, whatever this one comes to.
  defp run(name) do
    module = Keyword.fetch!(@parts, name)
    IO.puts("\n## #{module.title()}\n")
    report = module.run(quick?())
    IO.puts(Report.to_text(report))
    unless quick?(), do: Document.write(name, module.title(), report)
    true
  catch
    kind, reason ->
      IO.puts(:stderr, "the part #{name} failed: " <> Exception.format(kind, reason, __STACKTRACE__))
      false
  end

  def quick?, do: System.get_env("LOOKOUT_BENCH_QUICK", "") != ""
end
