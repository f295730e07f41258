defmodule Lookout.Bench.Parts.Start do
  @moduledoc false
  # From the start of a watcher on a large tree until it has told of the first change, and its memory then.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Chart, Machine, Peer}

  @cold_rounds 3

  def title, do: "Start and memory"

  def run(quick?) do
    {directories, files, rounds} = if quick?, do: {11_000, 50_000, 3}, else: {110_000, 500_000, 5}

    Machine.with_dir(Machine.disk("tree"), fn dir ->
      Machine.write!(["tree", dir, directories, files])
      Machine.find!(dir)
      results = measure(dir, rounds)
      cold = if Machine.forget_cached(), do: measure_cold(dir), else: []
      find = median(times(results, "find"))
      lookout = median(times(results, "Lookout"))

      [
        "A tree of #{number(directories)} directories and #{number(files)} files, warm. From the start of the watcher " <>
          "(for Lookout: `Lookout.start_link/1`) until it has told of a change made as soon as it says that it watches; " <>
          "median of #{rounds} interleaved runs (the peers: one run, ended after two minutes). *Cold*: after the kernel was told to " <>
          "forget what it had cached, beside a `find` after the same; median of #{@cold_rounds}. Memory is resident, of the watcher's processes " <>
          "but not of the kernel, after that.",
        {:table, ["who", "time (s)", "to find", "CPU (s)", "to find", "memory (MiB)", "of it anonymous"],
         rows(results, find, median(of(results, "find", :cpu))) ++ cold_rows(cold)},
        "Target: ready in #{judge(lookout / find, 1.15, "x find")}." <>
          memory_target(results, quick?, directories + files),
        {:chart, "start",
         Chart.bars("Start on #{number(directories + files)} entries", "seconds (logarithmic)", bars(results), :log),
         "Time until the first change is told"},
        {:chart, "memory",
         Chart.bars(
           "Memory for #{number(directories + files)} entries",
           "MiB (logarithmic)",
           memory_bars(results),
           :log
         ), "Resident memory"}
      ]
    end)
  end

  # All are run in turn, so that what else the machine does hits all alike.
  defp measure(dir, rounds) do
    fanotify = if Machine.fanotify?(), do: [{"Lookout, fanotify", &lookout(&1, backend: :fanotify)}], else: []
    ours = [{"find", &find/1}, {"Lookout", &lookout/1} | fanotify]

    for round <- 1..rounds, {name, run} <- ours ++ peers(round) do
      IO.puts(:stderr, "start, round #{round}: #{name}")
      # The kernel may have given up what it had cached while another one ran.
      Machine.find!(dir)
      run.(dir) |> List.wrap() |> Enum.map(&Map.put(&1, :name, name))
    end
    |> Enum.concat()
  end

  defp measure_cold(dir) do
    for round <- 1..@cold_rounds, {name, run} <- [{"find, cold", &find/1}, {"Lookout, cold", &lookout/1}] do
      IO.puts(:stderr, "start, round #{round}: #{name}")
      Machine.forget_cached()
      Map.put(run.(dir), :name, name)
    end
  end

  defp peers(round) when round > 1, do: []
  defp peers(_round), do: for(name <- Peer.installed(), do: {name, &try_peer(name, &1)})

  defp find(dir) do
    %{wall: wall, cpu: cpu} = Machine.find!(dir)
    %{time: wall, cpu: cpu, memory: nil}
  end

  @doc "Starts a watcher of Lookout on the tree, and ends it."
  def lookout(dir, options \\ []) do
    begin = Machine.now()
    {:ok, watcher} = Lookout.start_link([dirs: dir, subscribe: [self()]] ++ options)
    path = Path.join(dir, "first_change")
    File.write!(path, "")
    receive do: ({:lookout, ^watcher, {:events, _seq, [%{path: ^path} | _rest]}} -> :ok)
    time = Machine.now() - begin
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    cpu = Machine.cpu(os_pid)
    memory = Machine.resident(os_pid)
    Lookout.stop(watcher)
    File.rm!(path)
    Machine.batches(watcher)
    %{time: time, cpu: cpu, memory: memory}
  end

  # One that fails (at the limit of watches, perhaps) is left out, and that is said.
  defp try_peer(name, dir) do
    peer(name, dir)
  rescue
    error in RuntimeError ->
      IO.puts(:stderr, "left out: " <> Exception.message(error))
      []
  end

  defp peer(name, dir) do
    begin = Machine.now()
    path = Path.join(dir, "first_change")
    {time, peer} = await_first(name, dir, path, begin)
    cpu = Machine.cpu(peer.os_pid)
    memory = Machine.resident(peer.os_pid)
    Peer.stop(peer)
    File.rm(path)
    File.rm_rf!(peer.scratch)
    %{time: time, cpu: cpu, memory: memory}
  end

  defp await_first(name, dir, path, begin) do
    peer = Peer.start!(name, dir, Machine.disk("peer"))
    File.write!(path, "")
    peer = Peer.await_told(peer, path)
    {Machine.now() - begin, peer}
  catch
    {:too_slow, peer} -> {:infinity, peer}
  end

  defp of(results, name, key), do: for(%{name: ^name} = result <- results, do: Map.fetch!(result, key))
  defp times(results, name), do: of(results, name, :time)
  defp memories(results, name), do: for(%{name: ^name, memory: %{} = memory} <- results, do: memory)
  defp names(results), do: results |> Enum.map(& &1.name) |> Enum.uniq()

  defp rows(results, find, find_cpu) do
    for name <- names(results) do
      time = median(times(results, name))
      cpu = median(of(results, name, :cpu))

      [name] ++ time_cells(time, find) ++ [seconds(cpu), ratio(cpu, find_cpu)] ++ memory_cells(memories(results, name))
    end
  end

  defp cold_rows([]), do: []
  defp cold_rows(cold), do: rows(cold, median(times(cold, "find, cold")), median(of(cold, "find, cold", :cpu)))

  defp time_cells(:infinity, _find), do: ["more than 120", "-"]
  defp time_cells(time, find), do: [seconds(time), ratio(time, find)]

  defp memory_cells([]), do: ["-", "-"]

  defp memory_cells(memories),
    do: for(key <- [:all, :anonymous], do: memories |> Enum.map(& &1[key]) |> median() |> mib())

  defp memory_target(_results, true, _entries), do: ""

  defp memory_target(results, false, entries) do
    bytes = results |> memories("Lookout") |> Enum.map(& &1.all) |> median()

    " Memory: #{judge(bytes / 1_048_576, 40, "MiB")}, #{number(bytes / entries)} bytes an entry with all that a process needs."
  end

  # Where nothing came within two minutes, the bar ends there.
  defp bars(results) do
    for name <- names(results), do: {name, min(median(times(results, name)), 120_000_000_000) / 1.0e9}
  end

  defp memory_bars(results) do
    for name <- names(results), [_one | _more] = memories <- [memories(results, name)] do
      {name, median(Enum.map(memories, & &1.all)) / 1_048_576}
    end
  end
end
