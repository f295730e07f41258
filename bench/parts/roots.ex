defmodule Lookout.Bench.Parts.Roots do
  @moduledoc false
  # What many roots cost: CPU of lookout_port for each root, by their number.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  # The goals for 4,000 roots, in nanoseconds of CPU, and of a change in another root meanwhile.
  @all 500_000_000
  @one 500_000
  @other 10_000_000
  @calls 100

  def title, do: "Many roots"

  def run(quick?) do
    counts = if quick?, do: [250, 1_000], else: [250, 1_000, 4_000]
    kinds = [file: "single files", directory: "directories"]
    results = for {kind, name} <- kinds, count <- counts, do: {name, count, measure(kind, count)}
    largest = for {_name, count, result} <- results, count == List.last(counts), do: result
    worst = fn key -> largest |> Enum.map(&Map.fetch!(&1, key)) |> Enum.max() end

    [
      "Roots of one watcher, all below one directory. CPU of `lookout_port` in milliseconds; `add` and `remove` are of one root beside all others, " <>
        "the mean of #{@calls}. The last column is the time until a change in another root is reported that is made just after the directory above the roots was renamed, the median of 5.",
      {:table, ["roots", "number", "start", "delete all", "rename above", "remove", "add", "change in another (ms)"],
       for {name, count, result} <- results do
         [name, number(count), ms(result.start), ms(result.delete), ms(result.rename)] ++
           [ms(result.remove), ms(result.add), ms(result.other)]
       end},
      "With #{number(List.last(counts))} roots: all deleted or renamed #{judge(max(worst.(:delete), worst.(:rename)) / 1.0e6, @all / 1.0e6, "ms")}, " <>
        "one removed #{judge(worst.(:remove) / 1.0e6, @one / 1.0e6, "ms")}, a change in another root #{judge(worst.(:other) / 1.0e6, @other / 1.0e6, "ms")}."
    ]
  end

  defp measure(kind, count) do
    Machine.with_dir(Machine.fast("roots"), fn dir ->
      other = Path.join(dir, "other")
      File.mkdir_p!(other)
      roots = for n <- 1..count, do: make(kind, Path.join([dir, "above", "roots", "r#{n}"]))
      {:ok, watcher} = Lookout.start_link(dirs: [other | roots], max_lag: :infinity, subscribe: [self()])
      {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
      start = Machine.cpu(os_pid)
      some = Enum.take(roots, @calls)
      remove = used(os_pid, fn -> each(some, &Lookout.remove(watcher, &1)) end)
      add = used(os_pid, fn -> each(some, &Lookout.add(watcher, &1)) end)

      away = fn -> File.rename!(Path.join(dir, "above"), Path.join(dir, "renamed")) end
      back = fn -> File.rename!(Path.join(dir, "renamed"), Path.join(dir, "above")) end
      late = for n <- 1..5, do: late_change(watcher, Path.join(other, "change#{n}"), away, back)

      rename =
        used(os_pid, fn ->
          away.()
          :ok = Lookout.sync(watcher, 60_000)
        end)

      :ok = back.()
      :ok = Lookout.sync(watcher, 60_000)

      delete =
        used(os_pid, fn ->
          System.cmd("rm", ["-rf" | [Path.join(dir, "above")]])
          :ok = Lookout.sync(watcher, 60_000)
        end)

      Lookout.stop(watcher)
      Machine.batches(watcher)

      %{
        start: start,
        remove: remove / @calls,
        add: add / @calls,
        other: median(late),
        rename: rename,
        delete: delete
      }
    end)
  end

  defp make(:file, path) do
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, "")
    path
  end

  defp make(:directory, path) do
    File.mkdir_p!(path)
    path
  end

  defp each(paths, call), do: Enum.each(paths, &(:ok = call.(&1)))

  defp used(os_pid, fun) do
    before = Machine.threads_cpu(os_pid)
    fun.()
    Machine.threads_cpu(os_pid) - before
  end

  # Nothing else is under way before and after it.
  defp late_change(watcher, path, away, back) do
    :ok = Lookout.sync(watcher, 60_000)
    away.()
    started = Machine.now()
    File.write!(path, "")
    await(watcher, path)
    late = Machine.now() - started
    :ok = Lookout.sync(watcher, 60_000)
    back.()
    :ok = Lookout.sync(watcher, 60_000)
    late
  end

  defp await(watcher, path) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} ->
        if Enum.any?(events, &(&1.path == path)), do: :ok, else: await(watcher, path)

      {:lookout, ^watcher, _other} ->
        await(watcher, path)
    end
  end
end
