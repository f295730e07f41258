defmodule Lookout.Bench.Parts.Cursor do
  @moduledoc false
  # A start with a cursor beside a plain one and `find`, on a large tree; and what saving a snapshot of it costs.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Forwarder, Machine, Parts}

  @changed 1_000

  def title, do: "Cursors"

  def run(quick?) do
    {directories, files, rounds} = if quick?, do: {11_000, 50_000, 3}, else: {110_000, 500_000, 5}
    entries = directories + files

    Machine.with_dir(Machine.disk("cursors"), fn cursors ->
      Machine.with_dir(Machine.disk("tree"), fn dir ->
        Machine.write!(["tree", dir, directories, files])
        IO.puts(:stderr, "cursor: the first snapshot")
        prepare(dir, cursors)
        {output, 0} = System.cmd("find", [dir, "-type", "f"])
        paths = String.split(output, "\n", trim: true)
        runs = for round <- 1..rounds, do: round(round, dir, cursors, paths)
        saved = save(dir, Path.join(cursors, "saved"), quick?)
        section(runs, saved, entries, rounds)
      end)
    end)
  end

  # The first start has nothing to go on from: everything is reported.
  defp prepare(dir, cursors) do
    subscriber = spawn_link(&drain/0)
    {:ok, watcher} = Lookout.start_link(dirs: dir, cursor: Path.join(cursors, "kept"), subscribe: [subscriber])
    commit(watcher)
    Lookout.stop(watcher)
    Process.unlink(subscriber)
    Process.exit(subscriber, :kill)
  end

  defp drain, do: receive(do: (_message -> drain()))

  defp commit(watcher) do
    :ok = Lookout.sync(watcher, 600_000)
    {:ok, cursor} = Lookout.checkpoint(watcher)
    :ok = Lookout.commit(watcher, cursor)
  end

  # All in turn, so that what else the machine does hits all alike.
  defp round(round, dir, cursors, paths) do
    IO.puts(:stderr, "cursor, round #{round}")
    Machine.find!(dir)
    find = Machine.find!(dir)
    plain = Parts.Start.lookout(dir)
    for path <- Enum.take_random(paths, @changed), do: File.write!(path, "x", [:append])
    Map.merge(%{find: find, plain: plain}, resume(dir, Path.join(cursors, "kept")))
  end

  defp resume(dir, cursor) do
    begin = Machine.now()
    {:ok, watcher} = Lookout.start_link(dirs: dir, cursor: cursor, subscribe: [self()])
    ready = Machine.now() - begin
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    ready_cpu = Machine.cpu(os_pid)
    :ok = Lookout.sync(watcher, 600_000)
    out = Machine.now() - begin
    cpu = Machine.cpu(os_pid)
    memory = Machine.resident(os_pid).all
    events = length(Machine.batches(watcher))
    if events < @changed, do: raise("#{events} differences came, #{@changed} files were changed")
    commit(watcher)
    Lookout.stop(watcher)
    Machine.batches(watcher)
    %{ready: ready, ready_cpu: ready_cpu, out: out, cpu: cpu, memory: memory}
  end

  # Through a port of our own: pings, one after another, show how long each slice of other work is.
  defp save(dir, cursors, quick?) do
    File.mkdir_p!(cursors)
    port = Port.open({:spawn_executable, Lookout.port_path()}, Forwarder.options(:term, []))
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    command(port, {:watch, 0, [dir], [cursor: {cursors, nil}, credit: :infinity]})
    pings(port, 0)
    cpu = Machine.cpu(os_pid)
    times = if quick?, do: 5, else: 20

    saves =
      for number <- 1..times do
        begin = Machine.now()
        command(port, {:save, 0, "snapshot-#{number}"})
        longest = pings(port, 0)
        %{time: Machine.now() - begin, longest: longest}
      end

    cpu = (Machine.cpu(os_pid) - cpu) / times
    size = File.stat!(Path.join(cursors, "snapshot-1")).size
    command(port, {:sync, 0})
    pings(port, 0)
    idle = for _n <- 1..times, do: idle(port)
    Port.close(port)
    compared = compared(dir, cursors)

    %{
      cpu: cpu,
      size: size,
      time: median(Enum.map(saves, & &1.time)),
      longest: saves |> Enum.map(& &1.longest) |> median(),
      idle: median(idle),
      compared: compared
    }
  end

  # The longest answer of 1,000 pings with nothing else to do.
  defp idle(port), do: Enum.max(for number <- 1..1_000, do: ping(port, number))

  # The longest answer while a snapshot is loaded, and while it is compared with the disk.
  defp compared(dir, cursors) do
    port = Port.open({:spawn_executable, Lookout.port_path()}, Forwarder.options(:term, []))
    command(port, {:watch, 0, [dir], [cursor: {cursors, "snapshot-1"}, credit: :infinity]})
    loaded = pings(port, 0)
    command(port, {:sync, 0})
    compared = pings(port, 0)
    Port.close(port)
    %{loading: loaded, comparing: compared}
  end

  # Pings until the request `id` is answered: the longest time that one took.
  defp pings(port, id, number \\ 1, longest \\ 0) do
    begin = Machine.now()
    command(port, {:ping, number})
    {reply, done?} = await(port, number, id, false)
    longest = max(longest, Machine.now() - begin)
    if done? or reply == :done, do: longest, else: pings(port, id, number + 1, longest)
  end

  defp ping(port, number) do
    Machine.elapsed(fn ->
      command(port, {:ping, number})
      await(port, number, 0, false)
    end)
  end

  defp await(port, number, id, done?) do
    receive do
      {^port, {:data, data}} ->
        case :erlang.binary_to_term(data) do
          {:reply, ^number, :ok} -> {:ok, done?}
          {:reply, ^id, {:error, error}} -> raise inspect(error)
          {:reply, ^id, _result} -> await(port, number, id, true)
          _other -> await(port, number, id, done?)
        end
    end
  end

  defp command(port, term), do: Port.command(port, :erlang.term_to_binary(term))

  defp section(runs, saved, entries, rounds) do
    middle = fn value -> runs |> Enum.map(value) |> median() end
    ready = middle.(&(&1.ready / &1.find.wall))
    out = middle.(&(&1.out / &1.find.wall))
    memory = middle.(& &1.memory)

    [
      "The tree of #{number(entries)} entries on the disk, warm, of which #{number(@changed)} files were changed since the snapshot. *Ready*: until " <>
        "`Lookout.start_link/1` returns; *out*: until `sync` returns, after all differences. In turn with a `find` and a plain start (until the first " <>
        "change is told); medians of #{rounds} rounds, ratios to the `find` of the same round.",
      {:table, ["start", "time (s)", "to find", "CPU (s)", "to find", "memory (MiB)"],
       [
         row("find", middle, & &1.find.wall, & &1.find.cpu, "-"),
         row("plain", middle, & &1.plain.time, & &1.plain.cpu, mib(middle.(& &1.plain.memory.all))),
         row("with a cursor: ready", middle, & &1.ready, & &1.ready_cpu, "-"),
         row("with a cursor: out", middle, & &1.out, & &1.cpu, mib(memory))
       ]},
      "Ready in #{judge(ready, 0.25, "x find")}, all differences in #{judge(out, 1.3, "x find")}, with #{judge(memory / 1_048_576, 42, "MiB")}; to the plain start " <>
        "#{number(middle.(&(&1.out / &1.plain.time)))} x its time and #{number(middle.(&(&1.cpu / &1.plain.cpu)))} x its CPU.",
      "A snapshot costs #{judge(saved.cpu / 1.0e9, 0.1, "s of CPU")}, #{judge(saved.size / entries, 16, "bytes an entry")} and #{ms(saved.time)} ms until it is " <>
        "on the disk. The longest answer to a ping meanwhile (the median over #{if rounds > 3, do: 20, else: 5} snapshots) took #{judge(saved.longest / 1.0e6, 4, "ms")}; " <>
        "beside it the longest of 1,000 pings with nothing to do took #{ms(saved.idle)} ms, one while a snapshot was loaded #{ms(saved.compared.loading)} ms, " <>
        "and one while it was compared #{ms(saved.compared.comparing)} ms."
    ]
  end

  defp row(name, middle, time, cpu, memory) do
    [
      name,
      seconds(middle.(time)),
      ratio(middle.(&(time.(&1) / &1.find.wall)), 1),
      seconds(middle.(cpu)),
      ratio(middle.(&(cpu.(&1) / &1.find.cpu)), 1),
      memory
    ]
  end
end
