defmodule Lookout.Bench.Parts.Watchers do
  @moduledoc false
  # Many watchers: each has a program and an inotify instance of its own. Where it can, the part runs its programs as a user of
  # its own, so that the instances of others neither count nor are taken from them.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  @user "64999"

  def title, do: "Watchers"

  def run(quick?) do
    changes = if quick?, do: 100, else: 1_000
    port_path = as_user(Machine.fast("lookout_port_as_user"))

    Machine.with_dir(Machine.fast("watchers"), fn dir ->
      [one, hundred] = for count <- [1, 100], do: measure(dir, count, port_path, changes)
      limit = "/proc/sys/fs/inotify/max_user_instances" |> File.read!() |> String.trim() |> String.to_integer()

      [
        "Each watcher has a `lookout_port` of its own, watching a folder of 10 files. Latency as above, of changes in folders in turn.",
        {:table,
         ["watchers", "start of one, p50 (ms)", "memory of one (MiB)", "of it its own", "latency p50 (us)", "p99"],
         [one, hundred]},
        "The kernel gives a user #{limit} inotify instances (`fs.inotify.max_user_instances`). " <>
          beyond(dir, limit, port_path)
      ]
    end)
  end

  defp measure(dir, count, port_path, changes) do
    {times, watchers} = Enum.unzip(for n <- 1..count, do: start(dir, n, port_path))

    memories =
      for watcher <- watchers, {:ok, %{os_pid: os_pid}} <- [Lookout.info(watcher)], do: Machine.resident(os_pid)

    latencies = for n <- 1..changes, do: change(dir, rem(n, count) + 1)
    Enum.each(watchers, &stop/1)

    [number(count), ms(median(times)), mib(median(Enum.map(memories, & &1.all)))] ++
      [mib(median(Enum.map(memories, & &1.anonymous))), us(median(latencies)), us(percentile(latencies, 0.99))]
  end

  defp start(dir, n, port_path) do
    folder = Path.join(dir, "folder_#{n}")
    File.mkdir_p!(folder)
    for file <- 1..10, do: File.write!(Path.join(folder, "file_#{file}"), "")
    begin = Machine.now()
    {:ok, watcher} = start_link(folder, port_path)
    {Machine.now() - begin, watcher}
  end

  defp start_link(folder, port_path) do
    options = Lookout.Watcher.Options.parse!(dirs: folder, subscribe: [self()])
    Lookout.Watcher.Server.start_link(put_in(options.limits.port_path, port_path))
  end

  defp stop(watcher) do
    Lookout.stop(watcher)
    Machine.batches(watcher)
  end

  defp change(dir, n) do
    Process.sleep(1)
    path = Path.join(dir, "folder_#{n}/file_1")
    {:ok, file} = :file.open(path, [:append, :raw, :binary])
    start = Machine.now()
    :ok = :file.write(file, "x")
    receive do: ({:lookout, _watcher, {:events, _seq, _events}} -> :ok)
    time = Machine.now() - start
    :file.close(file)
    time
  end

  # What the first one too many is told.
  defp beyond(dir, limit, port_path) do
    {watchers, refused} = fill(dir, limit + 1, port_path, [])
    Enum.each(watchers, &stop/1)

    case refused do
      {:error, error} ->
        "Watcher #{length(watchers) + 1} gets `{:error, error}` with the message: “#{Exception.message(error)}”."

      nil ->
        "#{length(watchers)} watchers were started without reaching that."
    end
  end

  defp fill(_dir, 0, _port_path, watchers), do: {watchers, nil}

  defp fill(dir, left, port_path, watchers) do
    folder = Path.join(dir, "folder_#{left}")
    File.mkdir_p!(folder)

    case start_link(folder, port_path) do
      {:ok, watcher} -> fill(dir, left - 1, port_path, [watcher | watchers])
      {:error, _error} = refused -> {watchers, refused}
    end
  end

  defp as_user(path) do
    {id, 0} = System.cmd("id", ["-u"])

    if String.trim(id) == "0" and System.find_executable("setpriv") do
      copy = path <> ".program"
      File.cp!(Lookout.port_path(), copy)
      File.chmod!(copy, 0o755)
      File.write!(path, "#!/bin/sh\nexec setpriv --reuid=#{@user} --regid=#{@user} --clear-groups #{copy}\n")
      File.chmod!(path, 0o755)
      path
    end
  end
end
