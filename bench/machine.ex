defmodule Lookout.Bench.Machine do
  @moduledoc false
  # The machine that is measured on: folders, processes and what they used.

  @doc "A folder of its own for a part: on the disk, or on tmpfs where there is one."
  def disk(name), do: Path.join(System.fetch_env!("LOOKOUT_BENCH_DISK"), name)
  def fast(name), do: Path.join(System.fetch_env!("LOOKOUT_BENCH_FAST"), name)

  @doc "Calls the function with a new folder, which is removed after it."
  def with_dir(path, fun) do
    File.rm_rf!(path)
    File.mkdir_p!(path)

    try do
      fun.(path)
    after
      # Much quicker than File.rm_rf!/1 on large trees.
      System.cmd("rm", ["-rf", path])
    end
  end

  @doc "A program of ours."
  def program(name) do
    dir = System.fetch_env!("LOOKOUT_BENCH_PROGRAMS")
    # Not by a wildcard, which takes a minute in a build folder.
    Enum.find(for(folder <- ["bench", "test/native/mutator"], do: Path.join([dir, folder, name])), &File.regular?/1)
  end

  @doc "Runs the writer: how many changes it made, how long it took and its CPU time in nanoseconds."
  def write!(arguments) do
    {output, 0} = System.cmd(program("bench_writer"), Enum.map(arguments, &to_string/1))
    [changes, wall, cpu] = output |> String.split() |> Enum.map(&String.to_integer/1)
    %{changes: changes, wall: wall, cpu: cpu}
  end

  @doc "Nanoseconds, and nanoseconds of CPU, that `find` takes on a tree."
  def find!(dir) do
    {output, 0} = System.cmd(program("bench_measure"), ["find", dir])
    [wall, cpu] = output |> String.split() |> Enum.map(&String.to_integer/1)
    %{wall: wall, cpu: cpu}
  end

  @doc "Has the kernel forget the entries and files that it has cached; false where that is not allowed."
  def forget_cached do
    System.cmd("sync", [])
    match?({_output, 0}, System.cmd("sh", ["-c", "echo 3 >/proc/sys/vm/drop_caches"], stderr_to_stdout: true))
  end

  @doc "Whether a watcher may use fanotify."
  def fanotify? do
    with_dir(fast("fanotify"), fn dir ->
      case Lookout.start_link(dirs: dir, backend: :fanotify) do
        {:ok, watcher} -> Lookout.stop(watcher) == :ok
        {:error, _error} -> false
      end
    end)
  end

  @doc "Nanoseconds that the function takes."
  def elapsed(fun) do
    start = now()
    fun.()
    now() - start
  end

  def now, do: System.monotonic_time(:nanosecond)

  @doc "Nanoseconds of CPU that a process has used, to a hundredth of a second."
  def cpu(os_pid), do: ticks(os_pid, 11) * 10_000_000

  @doc "The same of the children that it has waited for, and theirs."
  def children_cpu(os_pid), do: ticks(os_pid, 13) * 10_000_000

  # User and system time stand side by side.
  defp ticks(os_pid, index) do
    fields = "/proc/#{os_pid}/stat" |> File.read!() |> String.split(") ") |> List.last() |> String.split()
    fields |> Enum.slice(index, 2) |> Enum.map(&String.to_integer/1) |> Enum.sum()
  end

  @doc "The same of this VM, to the nanosecond: all its threads live as long as it does."
  def vm_cpu, do: threads_cpu("self")

  @doc "The same of a process, whose threads live on: else they do not count."
  def threads_cpu(os_pid) do
    for path <- Path.wildcard("/proc/#{os_pid}/task/*/schedstat"), reduce: 0 do
      sum -> sum + (path |> File.read!() |> String.split() |> hd() |> String.to_integer())
    end
  end

  @doc "Resident bytes: all, and what is no file's."
  def resident(os_pid) do
    status = File.read!("/proc/#{os_pid}/status")
    %{all: field(status, "VmRSS"), anonymous: field(status, "RssAnon"), file: field(status, "RssFile")}
  end

  defp field(status, name) do
    [_all, kib] = Regex.run(~r/^#{name}:\s+(\d+) kB/m, status)
    String.to_integer(kib) * 1024
  end

  @doc "The events of a watcher of Lookout that are in the mailbox; its other messages are dropped."
  def batches(watcher) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} -> events ++ batches(watcher)
      {:lookout, ^watcher, _other} -> batches(watcher)
    after
      0 -> []
    end
  end

  def kill(os_pid, signal), do: System.cmd("kill", ["-#{signal}", to_string(os_pid)], stderr_to_stdout: true)

  def describe, do: "Lookout #{version()} on #{stamp()}"

  @doc "Day, processors, kernel, versions, file systems, and how busy the machine was."
  def stamp do
    "#{Date.utc_today()}: #{processors()}, Linux #{kernel()}, #{system()}, OTP #{System.otp_release()}, " <>
      "Elixir #{System.version()}; disk #{type(disk(""))}, memory #{type(fast(""))}; load average #{load()}"
  end

  defp version, do: Application.spec(:lookout, :vsn)

  defp processors do
    names = Regex.scan(~r/^model name\s*: (.*)$/m, File.read!("/proc/cpuinfo"), capture: :all_but_first)
    "#{System.schedulers_online()} cores (#{names |> List.flatten() |> List.first("unknown")})"
  end

  defp kernel, do: "/proc/sys/kernel/osrelease" |> File.read!() |> String.split("-") |> hd() |> String.trim()

  defp system do
    with {:ok, release} <- File.read("/etc/os-release"),
         [_all, name] <- Regex.run(~r/^PRETTY_NAME="(.*)"$/m, release) do
      name
    else
      _unknown -> "unknown system"
    end
  end

  defp type(dir) do
    {name, 0} = System.cmd("stat", ["-f", "-c", "%T", dir])
    String.trim(name)
  end

  defp load, do: "/proc/loadavg" |> File.read!() |> String.split() |> hd()
end
