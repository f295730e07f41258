defmodule Lookout.Bench.Parts.Command do
  @moduledoc false
  # Commands beside ports: bytes through `cat`, and how fast short commands are run one after another.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine
  alias Lookout.Command

  @chunk 65_536
  @true_ System.find_executable("true") || "/bin/true"

  def title, do: "Commands"

  def run(quick?) do
    {bytes, spawns, rounds} = if quick?, do: {50_000_000, 10, 10}, else: {400_000_000, 20, 40}
    throughput(bytes, if(quick?, do: 3, else: 5)) ++ spawns(spawns, rounds)
  end

  ## Throughput

  defp throughput(bytes, rounds) do
    Machine.with_dir(Machine.fast("command"), fn dir ->
      file = Path.join(dir, "bytes")
      chunk = :binary.copy("0123456789abcdef", div(@chunk, 16))
      count = div(bytes, @chunk)
      File.open!(file, [:write, :raw], fn io -> for _n <- 1..count, do: :ok = :file.write(io, chunk) end)

      rows =
        for {what, port, command} <- [
              {"read from it", fn -> port_reads(file) end, fn -> command_reads(file) end},
              {"written to it and read", fn -> port_passes(chunk, count) end, fn -> command_passes(chunk, count) end}
            ] do
          times = for _n <- 1..rounds, do: {timed(port, count), timed(command, count)}
          rates = fn side -> times |> Enum.map(&(count * @chunk / elem(&1, side) * 1_000)) |> median() end
          share = times |> Enum.map(fn {port, command} -> port / command end) |> median()
          [what, number(rates.(0)), number(rates.(1)), at_least(share, 0.9)]
        end

      [
        "#{number(count * @chunk / 1_000_000)} MB of `cat`, in pieces of 64 KiB: a port (`Port.open/2` of `cat` itself, without flow control) and " <>
          "`Lookout.Command` (with its credit), one after the other, #{rounds} times; MB a second and the median of the ratios.",
        {:table, ["bytes", "port", "Lookout", "ratio"], rows}
      ]
    end)
  end

  defp timed(fun, count) do
    start = Machine.now()
    ^count = div(fun.(), @chunk)
    Machine.now() - start
  end

  defp open(arguments) do
    Port.open({:spawn_executable, System.find_executable("cat")}, [:binary, :use_stdio, :exit_status, args: arguments])
  end

  defp port_reads(file), do: port_bytes(open([file]), 0, :infinity)

  # A port cannot close the input alone: the end is known by the count.
  defp port_passes(chunk, count) do
    port = open([])
    spawn_link(fn -> for _n <- 1..count, do: Port.command(port, chunk) end)
    total = port_bytes(port, 0, count * @chunk)
    Port.close(port)
    total
  end

  # Numbers are smaller than atoms.
  defp port_bytes(_port, total, enough) when total >= enough, do: total

  defp port_bytes(port, total, enough) do
    receive do
      {^port, {:data, bytes}} -> port_bytes(port, total + byte_size(bytes), enough)
      {^port, {:exit_status, 0}} -> total
    end
  end

  defp command_reads(file) do
    {:ok, pid} = Command.start_link(["cat", file])
    command_bytes(pid, 0)
  end

  defp command_passes(chunk, count) do
    {:ok, pid} = Command.start_link(["cat"], stdin: :pipe)

    spawn_link(fn ->
      for _n <- 1..count, do: :ok = Command.write(pid, chunk, :infinity)
      Command.close_stdin(pid, :infinity)
    end)

    command_bytes(pid, 0)
  end

  defp command_bytes(pid, total) do
    receive do
      {:lookout_command, ^pid, {:stdout, bytes}} -> command_bytes(pid, total + byte_size(bytes))
      {:lookout_command, ^pid, {:exit, 0}} -> total
    end
  end

  ## Spawning

  defp spawns(count, rounds) do
    ways =
      [
        {"System.cmd/3", fn -> {"", 0} = System.cmd(@true_, []) end},
        {"Lookout.Command.run/2", fn -> {:ok, "", 0} = Command.run([@true_]) end},
        {"the same, cgroup: false", fn -> {:ok, "", 0} = Command.run([@true_], cgroup: false) end}
      ] ++ peers()

    for {_name, fun} <- ways, do: fun.()
    figures = for _n <- 1..rounds, do: for({_name, fun} <- ways, do: spent(fun, count))
    [base | _] = columns = Enum.zip_with(figures, & &1)

    rows =
      for {{name, _fun}, column} <- Enum.zip(ways, columns) do
        share = Enum.zip_with(base, column, fn theirs, ours -> theirs.wall / ours.wall end) |> median()
        wall = column |> Enum.map(& &1.wall) |> median()
        cpu = column |> Enum.map(& &1.cpu) |> Enum.sum()
        judged = judged(name, share)
        [name, number(1_000_000_000 / wall), us(wall), us(cpu / rounds), judged]
      end

    [
      "`true`, one after another: commands a second, and for each the time and the CPU of all processes in microseconds. #{rounds} rounds of #{count} of " <>
        "each kind in turn; medians, and the median of the ratios of their rates.",
      {:table, ["by", "a second", "time", "CPU", "rate"], rows}
    ]
  end

  defp judged("System.cmd/3", _share), do: "1"
  defp judged("Lookout.Command.run/2", share), do: at_least(share, 0.7)
  defp judged(_name, share), do: "#{number(share)} x"

  # Other libraries that run commands, where LOOKOUT_BENCH_PEERS names a directory with their built applications, such as
  # `_build/dev/lib` of a project that depends on them.
  defp peers do
    directory = System.get_env("LOOKOUT_BENCH_PEERS", "")
    for {application, name, fun} <- peer_calls(), start_peer(directory, application), do: {name, fun}
  end

  # They are not there when this is compiled, so they are called by apply/3.
  defp peer_calls do
    [
      {:muontrap, "MuonTrap.cmd/3", fn -> {"", 0} = apply(MuonTrap, :cmd, [@true_, []]) end},
      {:erlexec, "erlexec", fn -> {:ok, []} = apply(:exec, :run, [[to_charlist(@true_)], [:sync]]) end},
      {:exile, "Exile.Process", &exile/0}
    ]
  end

  # Not Exile.stream!/2: the protocol Enumerable is consolidated without its streams.
  defp exile do
    {:ok, pid} = apply(Exile.Process, :start_link, [[@true_]])
    {:ok, 0} = apply(Exile.Process, :await_exit, [pid])
  end

  defp start_peer(directory, application) do
    ebin = Path.join([directory, "#{application}", "ebin"])

    if directory != "" and File.dir?(ebin) do
      Code.append_path(ebin)
      # erlexec refuses to run as root unless it is told to.
      Application.load(application)
      for {key, value} <- peer_settings(application), do: Application.put_env(application, key, value)
      {:ok, _started} = Application.ensure_all_started(application)
      true
    else
      false
    end
  end

  defp peer_settings(:erlexec) do
    if File.stat!("/proc/self").uid == 0, do: [root: true, user: 'root', limit_users: ['root']], else: []
  end

  defp peer_settings(_application), do: []

  # Nanoseconds for one: of time, and of CPU here and in what has been started from here.
  defp spent(fun, count) do
    cpu = cpu()
    wall = Machine.elapsed(fn -> for _n <- 1..count, do: fun.() end)
    %{wall: wall / count, cpu: (cpu() - cpu) / count}
  end

  # What the VM starts is the child of its helper, which waits for it.
  defp cpu do
    helper = "/proc/self/task/*/children" |> Path.wildcard() |> Enum.flat_map(&String.split(File.read!(&1))) |> hd()
    Machine.vm_cpu() + Machine.children_cpu(helper)
  end
end
