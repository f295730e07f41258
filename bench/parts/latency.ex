defmodule Lookout.Bench.Parts.Latency do
  @moduledoc false
  # One byte is appended to an open file; the time from before that to the message in the subscriber's mailbox. Each subject
  # watches a folder of its own, all are alive at once and take turns in a random order.

  import Lookout.Bench.Report
  alias Lookout.Bench.{Chart, Forwarder, Machine}

  @floor "bare port behind a GenServer"
  # fswatch waits for about a second before it tells anything.
  @slow_samples 12

  def title, do: "Latency"

  def run(quick?) do
    samples = if quick?, do: 400, else: 4_000
    flat = measure("flat", 0, samples)
    deep = measure("depth 20", 20, samples)

    [
      "From before a write of one byte to the message in the subscriber's mailbox, in microseconds. Ratios are to a " <>
        "bare inotify port (`bench/native/bare_port.cpp`) behind a GenServer that decodes each frame and sends it on.",
      {:table, ["watched", "who", "p50", "p90", "p99", "max", "p50 ratio", "p99 ratio"],
       rows("flat", flat) ++ rows("depth 20", deep)},
      {:chart, "latency", chart(flat), "Latency, p50 and p99"}
    ]
  end

  defp measure(name, depth, samples) do
    Machine.with_dir(Machine.fast("latency"), fn dir ->
      subjects = for {label, start} <- subjects(), do: start(label, start, Path.join(dir, label_dir(label)), depth)
      {slow, quick} = Enum.split_with(subjects, & &1.slow?)
      IO.puts(:stderr, "latency, #{name}: #{Enum.map_join(subjects, ", ", & &1.label)}")

      times = take(quick, samples + div(samples, 10)) ++ take(slow, @slow_samples)
      Enum.each(subjects, & &1.stop.())

      # The first tenth warms up.
      times
      |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
      |> Enum.map(fn {label, times} -> {label, Enum.drop(times, div(length(times), 11))} end)
    end)
  end

  defp label_dir(label), do: String.replace(label, ~r/[^a-z_]+/i, "-")

  defp subjects do
    [
      {@floor, &bare_behind/1},
      {"bare port owned by the subscriber", &bare_owned/1},
      {"lookout_port behind the same GenServer", &port_behind/1},
      {"Lookout", &lookout/1},
      {"inotifywait by lines", &inotifywait/1},
      {"fswatch by lines (the seed design)", &fswatch/1}
    ]
    |> Enum.filter(fn {label, _start} ->
      cond do
        label =~ "inotifywait" -> System.find_executable("inotifywait")
        label =~ "fswatch" -> System.find_executable("fswatch")
        true -> true
      end
    end)
  end

  defp start(label, start, dir, depth) do
    below = Path.join([dir | for(n <- 1..depth//1, do: "level_#{n}")])
    File.mkdir_p!(below)
    path = Path.join(below, "file.txt")
    File.write!(path, "")
    {wait, stop} = start.(dir)
    {:ok, file} = :file.open(path, [:append, :raw, :binary])
    %{label: label, file: file, wait: wait, stop: stop, slow?: label =~ "fswatch"}
  end

  defp take(_subjects, 0), do: []

  defp take(subjects, left) do
    now =
      for subject <- Enum.shuffle(subjects) do
        Process.sleep(:rand.uniform(3))
        start = Machine.now()
        :ok = :file.write(subject.file, "x")
        subject.wait.()
        {subject.label, Machine.now() - start}
      end

    now ++ take(subjects, left - 1)
  end

  defp bare_behind(dir) do
    pid = Forwarder.start!(Machine.program("bench_bare_port"), [dir], :term, :behind)
    heard(:behind)
    {fn -> heard(:behind) end, fn -> Forwarder.stop(pid) end}
  end

  defp port_behind(dir) do
    pid = Forwarder.start!(Lookout.port_path(), [], :term, :port)
    Forwarder.command(pid, {:watch, 1, [dir], [credit: :infinity]})
    receive do: ({:port, {:reply, 1, :ok}} -> :ok)
    wait = fn -> receive do: ({:port, {:events, _seq, events}} -> events) end
    {wait, fn -> Forwarder.stop(pid) end}
  end

  defp bare_owned(dir) do
    port = Port.open({:spawn_executable, Machine.program("bench_bare_port")}, Forwarder.options(:term, [dir]))
    wait = fn -> receive do: ({^port, {:data, data}} -> :erlang.binary_to_term(data)) end
    wait.()
    {wait, fn -> Port.close(port) end}
  end

  defp lookout(dir) do
    {:ok, watcher} = Lookout.start_link(dir)
    {:ok, watcher} = Lookout.subscribe(watcher)
    wait = fn -> receive do: ({:lookout, ^watcher, {:events, _seq, events}} -> events) end
    {wait, fn -> Lookout.stop(watcher) end}
  end

  # How the package file_system drives it, without its shell.
  defp inotifywait(dir) do
    arguments = ["-q", "-m", "-r", "-e", "modify", "--format", "%w%f %e", dir]
    pid = Forwarder.start!(System.find_executable("inotifywait"), arguments, :line, :inotifywait)
    Process.sleep(500)
    {fn -> heard(:inotifywait) end, fn -> Forwarder.stop(pid) end}
  end

  defp fswatch(dir) do
    pid = Forwarder.start!(System.find_executable("fswatch"), ["-r", "--event", "Updated", dir], :line, :fswatch)
    Process.sleep(2_000)
    {fn -> heard(:fswatch) end, fn -> Forwarder.stop(pid) end}
  end

  defp heard(tag), do: receive(do: ({^tag, term} -> term))

  defp rows(name, results) do
    {_floor, floor} = List.keyfind(results, @floor, 0)

    for {label, _start} <- subjects(), {^label, times} <- results do
      [p50, p99] = for share <- [0.5, 0.99], do: {percentile(times, share), percentile(floor, share)}
      figures = for share <- [0.5, 0.9, 0.99, 1], do: us(percentile(times, share))
      [name, label | figures] ++ [judged(label, p50, 1.10), judged(label, p99, 1.5)]
    end
  end

  defp judged("Lookout", {value, base}, limit), do: judge(value / base, limit)
  defp judged(_label, {value, base}, _limit), do: ratio(value, base)

  defp chart(results) do
    rows =
      for {label, _start} <- subjects(), {^label, times} <- results, share <- [0.5, 0.99] do
        {"#{hd(String.split(label, " by "))} p#{trunc(share * 100)}", percentile(times, share) / 1000}
      end

    Chart.bars("Latency in a flat folder", "microseconds (logarithmic)", rows, :log)
  end
end
