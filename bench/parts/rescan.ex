defmodule Lookout.Bench.Parts.Rescan do
  @moduledoc false
  # Recovery from an overflow of the kernel's queue: lookout_port is stopped by a signal while more happens than the queue
  # takes; the time from its going on until `sync` returns.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  def title, do: "Recovery from an overflow"

  def run(quick?) do
    {directories, files, rounds} = if quick?, do: {11_000, 50_000, 3}, else: {110_000, 500_000, 5}

    Machine.with_dir(Machine.fast("tree"), fn dir ->
      Machine.write!(["tree", dir, directories, files])
      {:ok, watcher} = Lookout.start_link(dirs: dir, subscribe: [self()])
      {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)

      runs =
        for round <- 1..rounds do
          IO.puts(:stderr, "rescan, round #{round}")
          # The first fills the kernel's cache again.
          [_first, find] = for _n <- 1..2, do: Machine.find!(dir)
          {time, cpu, events} = overflow(watcher, os_pid, dir)

          %{
            find: find.wall,
            find_cpu: find.cpu,
            time: time,
            cpu: cpu,
            untouched: Enum.count(events, &(Path.basename(&1.path) not in ["first", "second"])),
            memory: Machine.resident(os_pid).all
          }
        end

      {:ok, info} = Lookout.info(watcher)
      Lookout.stop(watcher)
      Machine.batches(watcher)
      if info.overflows < rounds, do: raise("the queue did not overflow each time: #{info.overflows} of #{rounds}")
      ratio = runs |> Enum.map(&(&1.time / &1.find)) |> median()

      [
        "The tree of #{number(directories)} directories and #{number(files)} files, on tmpfs; `lookout_port` is stopped by a signal while 40,000 " <>
          "changes overflow the kernel's queue. Time from its going on until `sync` returns; each run beside a `find`.",
        {:table,
         [
           "run",
           "find (s)",
           "recovery (s)",
           "ratio",
           "CPU of lookout_port (s)",
           "to find's",
           "untouched files told (%)",
           "memory after it (MiB)"
         ],
         for {run, index} <- Enum.with_index(runs, 1) do
           [number(index), seconds(run.find), seconds(run.time), ratio(run.time, run.find), seconds(run.cpu)] ++
             [
               ratio(run.cpu, run.find_cpu),
               :erlang.float_to_binary(100 * run.untouched / files, decimals: 4),
               mib(run.memory)
             ]
         end},
        "Median: #{judge(ratio, 1.6, "x find")}."
      ]
    end)
  end

  defp overflow(watcher, os_pid, dir) do
    Machine.kill(os_pid, "STOP")
    Machine.write!(["attributes", dir, 40_000])
    cpu = Machine.cpu(os_pid)

    time =
      Machine.elapsed(fn ->
        Machine.kill(os_pid, "CONT")
        :ok = Lookout.sync(watcher, 600_000)
      end)

    {time, Machine.cpu(os_pid) - cpu, Machine.batches(watcher)}
  end
end
