defmodule Lookout.Bench.Parts.Recall do
  @moduledoc false
  # The churn of the oracle's mutator: what each watcher misses of it, by one rule (Lookout.Bench.Told).

  import Lookout.Bench.Report
  alias Lookout.Bench.{Chart, Machine, Peer, Told}

  def title, do: "Missed changes"

  def run(quick?) do
    {operations, seeds} = if quick?, do: {4_000, 1..1}, else: {20_000, 1..1}
    watchers = ["Lookout", "Lookout, stopped meanwhile" | Peer.installed()]

    results =
      for seed <- seeds, name <- watchers do
        IO.puts(:stderr, "recall, seed #{seed}: #{name}")
        result = Machine.with_dir(Machine.fast("recall"), &measure(name, &1, seed, operations))
        Map.put(result, :name, name)
      end

    totals =
      for name <- watchers do
        of = Enum.filter(results, &(&1.name == name))
        who = if Enum.any?(of, & &1.failed?), do: "#{name} (failed)", else: name
        {who, of |> Enum.map(& &1.changed) |> Enum.sum(), of |> Enum.map(& &1.missed) |> Enum.sum()}
      end

    [
      "#{number(operations)} operations of the oracle's mutator (`test/native/mutator`: files and directories made, written, " <>
        "renamed, exchanged, linked, moved in and out, deleted) in #{Enum.count(seeds)} run(s), on tmpfs. A path counts when it differs between " <>
        "the snapshots before and after; it is missed unless the last that was told of it is true in the end (existence). What lies below a " <>
        "directory told as gone is told with it, and a rename told with both names moves what lies below; the peers get the same " <>
        "benefit. *Stopped meanwhile*: `lookout_port` is stopped by a signal until the kernel's queue has overflowed. " <>
        "watchman is asked for what changed since its clock; it tells no order. *Failed*: it ended by itself, or did not watch within two minutes; what it told until then counts.",
      {:table, ["who", "changed paths", "missed", "share"],
       for(
         {name, changed, missed} <- totals,
         do: [name, number(changed), number(missed), "#{number(missed / changed * 100)} %"]
       )},
      {:chart, "recall",
       Chart.bars(
         "Changed paths that were missed",
         "per cent",
         for({name, changed, missed} <- totals, do: {name, missed / changed * 100})
       ), "Missed changes"}
    ]
  end

  # The mutator stops at "ready" before the first operation and at "rest" after the last.
  defp measure(name, dir, seed, operations) do
    arguments = ["--dir", dir, "--seed", seed, "--ops", operations, "--roots", 1, "--interval", operations, operations]

    mutator =
      Port.open({:spawn_executable, Machine.program("lookout_mutator")}, [
        :binary,
        :exit_status,
        line: 1024,
        args: Enum.map(arguments, &to_string/1)
      ])

    said(mutator, "ready")
    root = Path.join(dir, "r0")
    before = snapshot(root)
    watcher = start(name, root)
    if stopped?(name), do: overflow(watcher)
    Port.command(mutator, "go\n")
    said(mutator, "rest")
    later = snapshot(root)
    if stopped?(name), do: Machine.kill(watcher.os_pid, "CONT")
    {told, failed?} = told(watcher)
    Port.close(mutator)
    before |> Told.score(later, told) |> Map.put(:failed?, failed?)
  end

  defp stopped?(name), do: name =~ "stopped"
  defp snapshot(root), do: Told.snapshot!(Machine.program("lookout_walker"), root)

  defp said(mutator, word) do
    receive do
      {^mutator, {:data, {:eol, ^word}}} -> :ok
      {^mutator, {:data, _other}} -> said(mutator, word)
      {^mutator, {:exit_status, status}} -> raise "the mutator ended with status #{status}"
    end
  end

  defp start("Lookout" <> _how, root) do
    {:ok, watcher} = Lookout.start_link(dirs: root, subscribe: [self()])
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    %{watcher: watcher, os_pid: os_pid, dir: root}
  end

  # fswatch does not say when it watches.
  defp start(name, root) do
    peer = Peer.start!(name, root, Machine.fast("peer"))
    if name == "fswatch", do: Process.sleep(2_000)
    peer
  catch
    {:too_slow, peer} ->
      Peer.stop(peer)
      :never_ready
  end

  # While the program is stopped more happens than the kernel's queue takes.
  defp overflow(lookout) do
    Machine.kill(lookout.os_pid, "STOP")
    Machine.write!(["attributes", lookout.dir, 40_000])
  end

  defp told(%{watcher: watcher}) do
    :ok = Lookout.sync(watcher, 120_000)
    told = watcher |> Machine.batches() |> Enum.map(&step/1)
    Lookout.stop(watcher)
    Machine.batches(watcher)
    {told, false}
  end

  defp told(:never_ready), do: {[], true}

  defp told(peer) do
    peer = Peer.collect(peer, 3_000)
    told = Peer.told(peer)
    ended? = Peer.ended?(peer)
    Peer.stop(peer)
    File.rm_rf!(peer.scratch)
    {told, ended?}
  end

  defp step(%{change: :renamed, from: from, path: path}), do: {:moved, from, path}
  defp step(%{change: :deleted, path: path}), do: {:gone, path}
  defp step(%{path: path}), do: {:present, path}
end
