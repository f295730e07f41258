defmodule Lookout.Bench.Parts.Storm do
  @moduledoc false
  # A native writer at full speed. The bare loop is a GenServer that owns the same program with unlimited credit, decodes its
  # batches and sends them on. What gets them is the same on both sides: a process that keeps them.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Chart, Forwarder, Machine}

  def title, do: "Storm"

  def run(quick?) do
    # A disk takes its time, for the writer and for what is removed after it.
    {on_tmpfs, on_disk, rounds} = if quick?, do: {200_000, 20_000, 2}, else: {1_000_000, 50_000, 3}

    cases =
      for kind <- ["mixed", "create"],
          {where, dir, changes} <- [
            {"tmpfs", Machine.fast("storm"), on_tmpfs},
            {"disk", Machine.disk("storm"), on_disk}
          ],
          do: {kind, where, dir, changes}

    results =
      for round <- 1..rounds, {kind, where, dir, changes} <- cases do
        IO.puts(:stderr, "storm, round #{round}: #{kind}, #{where}")
        bare = Machine.with_dir(dir, &bare(&1, kind, changes))
        lookout = Machine.with_dir(dir, &lookout(&1, kind, changes))
        {{kind, where}, lookout, bare}
      end

    by_case = Enum.group_by(results, &elem(&1, 0), &{elem(&1, 1), elem(&1, 2)})
    cases = for {kind, where, _dir, _changes} <- cases, do: {kind, where}

    [
      "One writer in C++ makes #{number(on_tmpfs)} changes in 100 directories at full speed (#{number(on_disk)} on the disk): *mixed* creates, writes, renames and " <>
        "deletes files, *create* creates and writes. The subscriber keeps every batch; after the storm the tree that they replay to " <>
        "is compared with the disk. CPU is in seconds for each 100,000 changes; medians of #{rounds} runs.",
      {:table,
       [
         "changes",
         "on",
         "missed",
         "writer (s)",
         "then sync (ms)",
         "overflows",
         "CPU writer",
         "CPU lookout_port",
         "to writer",
         "CPU VM",
         "VM CPU an event to bare loop"
       ], Enum.map(cases, &row(&1, by_case[&1]))},
      "The bare loop is a GenServer that owns `lookout_port` with unlimited credit, decodes each batch and sends it on to a subscriber that keeps it, too.",
      {:chart, "storm", Chart.bars("CPU of lookout_port, relative to the writer's", "ratio", bars(cases, by_case)),
       "CPU in a storm"}
    ]
  end

  defp lookout(dir, kind, changes) do
    {:ok, watcher} = Lookout.start_link(dir)
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    {subscriber, ^watcher} = subscriber(fn -> Lookout.subscribe(watcher) end)
    before = {Machine.cpu(os_pid), Machine.vm_cpu()}
    writer = Machine.write!([kind, dir, changes])
    sync = Machine.elapsed(fn -> :ok = Lookout.sync(watcher, 600_000) end)
    {:ok, info} = Lookout.info(watcher)
    {port_cpu, vm_cpu} = used(before, os_pid)
    events = kept(subscriber)
    Lookout.stop(watcher)

    %{
      writer: writer,
      sync: sync,
      overflows: info.overflows,
      port_cpu: port_cpu,
      vm_cpu: vm_cpu,
      events: info.events,
      missed: missed(dir, events)
    }
  end

  defp bare(dir, kind, changes) do
    {subscriber, pid} = subscriber(fn -> {:ok, Forwarder.start!(Lookout.port_path(), [], :term, :bare)} end)
    os_pid = Forwarder.os_pid(pid)
    Forwarder.command(pid, {:watch, 1, [dir], [credit: :infinity]})
    receive do: ({:reply, 1, :ok} -> :ok)
    before = {Machine.cpu(os_pid), Machine.vm_cpu()}
    Machine.write!([kind, dir, changes])
    Forwarder.command(pid, {:sync, 2})
    receive do: ({:reply, 2, {:ok, _seq}} -> :ok)
    {_port_cpu, vm_cpu} = used(before, os_pid)
    events = kept(subscriber)
    Forwarder.stop(pid)
    %{vm_cpu: vm_cpu, events: length(events)}
  end

  defp used({port, vm}, os_pid), do: {Machine.cpu(os_pid) - port, Machine.vm_cpu() - vm}

  # A process of its own, so that waiting for the writer does not fill its mailbox.
  defp subscriber(start) do
    parent = self()

    subscriber =
      spawn(fn ->
        {:ok, source} = start.()
        send(parent, {:started, self(), source})
        send(parent, {:kept, self(), keep(parent, [])})
      end)

    receive do: ({:started, ^subscriber, source} -> {subscriber, source})
  end

  defp keep(parent, batches) do
    receive do
      {:lookout, _watcher, {:events, _seq, events}} -> keep(parent, [events | batches])
      {:lookout, _watcher, {:notice, _notice}} -> keep(parent, batches)
      {:bare, {:events, _seq, events}} -> keep(parent, [events | batches])
      {:bare, {:reply, _id, _result} = reply} -> send(parent, reply) && keep(parent, batches)
      {:bare, _hello} -> keep(parent, batches)
      :finish -> batches |> Enum.reverse() |> Enum.concat()
    end
  end

  defp kept(subscriber) do
    send(subscriber, :finish)
    receive do: ({:kept, ^subscriber, events} -> events)
  end

  # The directories of the storm are made in it and stay, so a rename moves one path.
  defp missed(dir, events) do
    told = Enum.reduce(events, MapSet.new(), &replay/2)
    {output, 0} = System.cmd("find", [dir, "-mindepth", "1"])
    found = output |> String.split("\n", trim: true) |> MapSet.new()
    MapSet.size(MapSet.symmetric_difference(told, found))
  end

  defp replay(%{change: :created, path: path}, told), do: MapSet.put(told, path)
  defp replay(%{change: :deleted, path: path}, told), do: MapSet.delete(told, path)
  defp replay(%{change: :renamed, from: from, path: path}, told), do: told |> MapSet.delete(from) |> MapSet.put(path)
  defp replay(_content, told), do: told

  defp row({kind, where}, [{%{writer: %{changes: changes}}, _bare} | _more] = runs) do
    middle = fn value -> runs |> Enum.map(value) |> median() end
    each = fn ns -> number(ns / 1.0e9 * 100_000 / changes) end
    lookout = fn key -> middle.(fn {lookout, _bare} -> lookout[key] end) end
    writer = fn key -> middle.(fn {lookout, _bare} -> lookout.writer[key] end) end
    vm = middle.(fn {lookout, bare} -> lookout.vm_cpu / lookout.events / (bare.vm_cpu / bare.events) end)

    [
      kind,
      where,
      number(runs |> Enum.map(fn {lookout, _bare} -> lookout.missed end) |> Enum.max()),
      seconds(writer.(:wall)),
      ms(lookout.(:sync)),
      number(lookout.(:overflows)),
      each.(writer.(:cpu)),
      each.(lookout.(:port_cpu)),
      judge(cpu_ratio(runs), 0.6),
      each.(lookout.(:vm_cpu)),
      judge(vm, 1.5)
    ]
  end

  defp cpu_ratio(runs),
    do: runs |> Enum.map(fn {lookout, _bare} -> lookout.port_cpu / lookout.writer.cpu end) |> median()

  defp bars(cases, by_case), do: for({kind, where} = each <- cases, do: {"#{kind}, #{where}", cpu_ratio(by_case[each])})
end
