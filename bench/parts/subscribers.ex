defmodule Lookout.Bench.Parts.Subscribers do
  @moduledoc false
  # One watcher with many subscribers.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  def title, do: "Subscribers"

  def run(quick?) do
    changes = if quick?, do: 100, else: 1_000

    [
      "One watcher, #{number(changes)} changes one after another: the time from before a write until the first and until the last " <>
        "subscriber has its message, in microseconds, and the CPU of the VM for each message.",
      {:table, ["subscribers", "first, p50", "last, p50", "last, p99", "VM CPU a message (us)"],
       for(count <- [1, 100, 1_000], do: measure(count, changes))}
    ]
  end

  defp measure(count, changes) do
    Machine.with_dir(Machine.fast("subscribers"), fn dir ->
      path = Path.join(dir, "file")
      File.write!(path, "")
      {:ok, watcher} = Lookout.start_link(dir)
      parent = self()
      pids = for _n <- 1..count, do: spawn_link(fn -> subscriber(watcher, parent) end)
      for pid <- pids, do: receive(do: ({^pid, :subscribed} -> :ok))
      {:ok, file} = :file.open(path, [:append, :raw, :binary])
      cpu = Machine.vm_cpu()
      times = for _n <- 1..changes, do: change(file, count)
      cpu = Machine.vm_cpu() - cpu
      Lookout.stop(watcher)
      {first, last} = Enum.unzip(times)

      [number(count), us(median(first)), us(median(last)), us(percentile(last, 0.99)), us(cpu / changes / count)]
    end)
  end

  defp change(file, count) do
    Process.sleep(2)
    start = Machine.now()
    :ok = :file.write(file, "x")
    arrived = for _n <- 1..count, do: receive(do: ({:told, time} -> time - start))
    {Enum.min(arrived), Enum.max(arrived)}
  end

  defp subscriber(watcher, parent) do
    {:ok, watcher} = Lookout.subscribe(watcher)
    send(parent, {self(), :subscribed})
    forward(watcher, parent)
  end

  defp forward(watcher, parent) do
    receive do
      {:lookout, ^watcher, {:events, _seq, _events}} -> send(parent, {:told, Machine.now()})
      {:lookout, ^watcher, {:stopped, _reason}} -> exit(:normal)
      {:lookout, ^watcher, {:notice, _notice}} -> :ok
    end

    forward(watcher, parent)
  end
end
