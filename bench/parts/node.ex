defmodule Lookout.Bench.Parts.Node do
  @moduledoc false
  # A `lookout_port --node` beside a port: latency, throughput, what a stopped client does to others, memory, and how fast a session is resumed.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  @cookie :lookout_bench

  def title, do: "A node"

  def run(quick?) do
    distribute()

    Machine.with_dir(Machine.fast("node"), fn dir ->
      latencies(dir, quick?) ++
        throughput(dir, quick?) ++ stopped(dir, quick?) ++ memory(dir, quick?) ++ resumed(dir, quick?)
    end)
  end

  ## The nodes

  defp distribute do
    unless Node.alive?() do
      {_output, 0} = System.cmd("epmd", ["-daemon"])
      {:ok, _pid} = :net_kernel.start([:"lookout-bench-#{System.pid()}@127.0.0.1", :longnames])
      Node.set_cookie(@cookie)
    end
  end

  # Calls the function with a node that allows the directory.
  defp with_node(dir, fun) do
    cookie = Machine.disk("cookie")
    File.write!(cookie, "#{@cookie}")
    File.chmod!(cookie, 0o600)
    short = "lookout-bench-node-#{System.unique_integer([:positive])}"
    name = :"#{short}@127.0.0.1"
    arguments = ["--node", "#{name}", "--cookie-file", cookie, "--allow", dir]

    port =
      Port.open({:spawn_executable, Lookout.port_path()}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        line: 1_000,
        args: arguments
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    receive do: ({^port, {:data, {:eol, line}}} -> true = line =~ "listens on")
    await_epmd(to_charlist(short))

    try do
      fun.(%{name: name, os_pid: os_pid})
    after
      Machine.kill(os_pid, "TERM")
      receive do: ({^port, {:exit_status, _status}} -> :ok)
    end
  end

  defp await_epmd(short) do
    with :noport <- :erl_epmd.port_please(short, ~c"127.0.0.1") do
      Process.sleep(20)
      await_epmd(short)
    end
  end

  defp start!(options) do
    {:ok, watcher} = Lookout.start_link([subscribe: [self()]] ++ options)
    watcher
  end

  defp stop(watcher) do
    Lookout.stop(watcher)
    Machine.batches(watcher)
  end

  ## Latency

  defp latencies(dir, quick?) do
    samples = if quick?, do: 400, else: 4_000
    IO.puts(:stderr, "node, latency")

    [port, node] =
      with_node(dir, fn node ->
        subjects = for options <- [[], [node: node.name]], do: subject(dir, options)
        times = for _n <- 1..(samples + div(samples, 10)), do: take(subjects)
        for subject <- subjects, do: stop(subject.watcher)
        times = Enum.drop(times, div(samples, 10))
        for subject <- subjects, do: Enum.map(times, & &1[subject.watcher])
      end)

    rows =
      for {name, times} <- [{"by a port", port}, {"over a node", node}] do
        [name] ++
          for(share <- [0.5, 0.9, 0.99], do: us(percentile(times, share))) ++ [ratio(median(times), median(port))]
      end

    [
      "Latency, as above: a watcher of Lookout by a port and one over a node on the same machine, in turn, #{number(samples)} changes each, in microseconds.",
      {:table, ["watcher", "p50", "p90", "p99", "p50 ratio"], rows},
      "Latency at p50: #{judge(median(node) / median(port), 1.1)}."
    ]
  end

  defp subject(dir, options) do
    folder = Path.join(dir, "latency_#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    path = Path.join(folder, "file.txt")
    File.write!(path, "")
    watcher = start!([dirs: folder] ++ options)
    {:ok, file} = :file.open(path, [:append, :raw, :binary])
    %{watcher: watcher, file: file}
  end

  defp take(subjects) do
    for %{watcher: watcher, file: file} <- Enum.shuffle(subjects), into: %{} do
      Process.sleep(:rand.uniform(3))
      {watcher, Machine.elapsed(fn -> mark(watcher, file) end)}
    end
  end

  defp mark(watcher, file) do
    :ok = :file.write(file, "x")
    receive do: ({:lookout, ^watcher, {:events, _seq, _events}} -> :ok)
  end

  ## Throughput

  defp throughput(dir, quick?) do
    {directories, files, rounds} = if quick?, do: {5_000, 25_000, 3}, else: {20_000, 100_000, 7}
    entries = directories + files
    tree = Path.join(dir, "tree")
    File.mkdir_p!(tree)
    Machine.write!(["tree", tree, directories, files])
    Machine.find!(tree)

    runs =
      with_node(dir, fn node ->
        for round <- 1..rounds do
          IO.puts(:stderr, "node, throughput, round #{round}")
          for kind <- Enum.shuffle([:port, :node]), into: %{}, do: {kind, events_and_list(tree, entries, kind, node)}
        end
      end)

    System.cmd("rm", ["-rf", tree])
    middle = fn value -> runs |> Enum.map(value) |> median() end
    rate = fn kind, key -> number(middle.(&(entries / &1[kind][key] * 1.0e9))) end
    cpu = fn kind, key -> number(middle.(&(&1[kind][key] / entries / 1.0e3))) end

    [
      "A tree of #{number(entries)} entries on tmpfs, as events of a watcher that starts with `initial: true` (the node checks of each directory that it is allowed), as a listing, and as events of a removed directory. " <>
        "CPU is in microseconds an entry, of the first. Medians of #{rounds} runs in turn, and of the ratios of port and node in each.",
      {:table, ["", "port", "node", "ratio"],
       [
         ["events a second of a start", rate.(:port, :events), rate.(:node, :events)] ++
           [at_least(middle.(&(&1.port.events / &1.node.events)), 0.95)],
         ["entries a second of a listing", rate.(:port, :list), rate.(:node, :list)] ++
           [at_least(middle.(&(&1.port.list / &1.node.list)), 0.95)],
         ["events a second of a removal", rate.(:port, :removed), rate.(:node, :removed)] ++
           [at_least(middle.(&(&1.port.removed / &1.node.removed)), 0.95)],
         ["CPU of lookout_port", cpu.(:port, :cpu), cpu.(:node, :cpu), ratio(middle.(&(&1.node.cpu / &1.port.cpu)), 1)],
         ["CPU of the VM", cpu.(:port, :vm_cpu), cpu.(:node, :vm_cpu)] ++
           [ratio(middle.(&(&1.node.vm_cpu / &1.port.vm_cpu)), 1)]
       ]}
    ]
  end

  defp events_and_list(tree, entries, kind, node) do
    vm = Machine.vm_cpu()
    cpu = Machine.threads_cpu(node.os_pid)
    begin = Machine.now()
    watcher = start!([dirs: tree, initial: true] ++ if(kind == :node, do: [node: node.name], else: []))
    await_events(watcher, entries)
    events = Machine.now() - begin
    vm_cpu = Machine.vm_cpu() - vm
    cpu = if kind == :node, do: Machine.threads_cpu(node.os_pid) - cpu, else: Machine.threads_cpu(os_pid(watcher))
    list = Machine.elapsed(fn -> {:ok, _seq, [_first | _more]} = Lookout.list(watcher, timeout: 60_000) end)

    removed =
      Machine.elapsed(fn ->
        :ok = Lookout.remove(watcher, tree)
        await_events(watcher, entries)
      end)

    stop(watcher)
    %{events: events, list: list, removed: removed, cpu: cpu, vm_cpu: vm_cpu}
  end

  defp os_pid(watcher) do
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    os_pid
  end

  defp await_events(_watcher, left) when left <= 0, do: :ok

  defp await_events(watcher, left) do
    receive do: ({:lookout, ^watcher, {:events, _seq, events}} -> await_events(watcher, left - length(events)))
  end

  ## A client that is stopped

  defp stopped(dir, quick?) do
    changes = if quick?, do: 20_000, else: 60_000
    IO.puts(:stderr, "node, a stopped client")
    [busy, quiet] = for name <- ["busy", "quiet"], do: Path.join(dir, name)
    for folder <- [busy, quiet], do: File.mkdir_p!(folder)

    with_node(dir, fn node ->
      path = Path.join(quiet, "file.txt")
      File.write!(path, "")
      {:ok, file} = :file.open(path, [:append, :raw, :binary])
      watcher = start!(dirs: quiet, node: node.name)
      {:ok, peer, os_pid} = client(node.name, busy)
      before = for _n <- 1..500, do: Machine.elapsed(fn -> mark(watcher, file) end)
      memory = Machine.resident(node.os_pid).anonymous
      Machine.kill(os_pid, "STOP")
      writer = Task.async(fn -> Machine.write!(["mixed", busy, changes]) end)
      during = marks_until(writer, watcher, file, [])
      grown = Machine.resident(node.os_pid).anonymous - memory
      Machine.kill(os_pid, "CONT")
      :peer.stop(peer)
      stop(watcher)

      [
        "Two VMs have a watcher over one node; one VM is stopped by SIGSTOP while #{number(changes)} changes are made in its directory. The other one gets " <>
          "#{number(length(during))} changes of its own meanwhile: p50 #{us(median(during))} us, p99 #{us(percentile(during, 0.99))}, the longest #{us(Enum.max(during))} " <>
          "(before: #{us(median(before))}, #{us(percentile(before, 0.99))}, #{us(Enum.max(before))}). The node grows by #{mib(max(grown, 0))} MiB."
      ]
    end)
  end

  defp marks_until(writer, watcher, file, times) do
    case Task.yield(writer, 0) do
      {:ok, _done} ->
        times

      nil ->
        time = Machine.elapsed(fn -> mark(watcher, file) end)
        Process.sleep(1)
        marks_until(writer, watcher, file, [time | times])
    end
  end

  defp client(node, folder) do
    code_path = for dir <- :code.get_path(), argument <- [~c"-pa", dir], do: argument
    name = :"lookout-bench-client-#{System.unique_integer([:positive])}"
    cookie = [~c"-setcookie", Atom.to_charlist(@cookie)]

    {:ok, peer, _node} =
      :peer.start_link(%{
        name: name,
        host: ~c"127.0.0.1",
        longnames: true,
        connection: :standard_io,
        args: cookie ++ code_path
      })

    {:ok, _started} = :peer.call(peer, :application, :ensure_all_started, [:lookout])
    :ok = :peer.call(peer, __MODULE__, :watch, [node, folder], 60_000)
    {:ok, peer, :peer.call(peer, System, :pid, [])}
  end

  @doc false
  def watch(node, folder) do
    caller = self()

    spawn(fn ->
      {:ok, _watcher} = Lookout.start_link(dirs: folder, node: node, subscribe: [self()])
      send(caller, :watching)
      forget()
    end)

    receive do: (:watching -> :ok)
  end

  defp forget, do: receive(do: (_message -> forget()))

  ## Memory

  defp memory(dir, quick?) do
    {sessions, entries} = if quick?, do: {16, 10_000}, else: {64, 10_000}
    IO.puts(:stderr, "node, memory")
    tree = Path.join(dir, "ten_thousand")
    File.mkdir_p!(tree)
    Machine.write!(["tree", tree, div(entries, 10), entries - div(entries, 10)])

    with_node(dir, fn node ->
      empty = Machine.resident(node.os_pid).all
      watchers = for _n <- 1..sessions, do: start!(dirs: tree, node: node.name)
      memory = Machine.resident(node.os_pid)
      Enum.each(watchers, &stop/1)

      [
        "#{sessions} sessions of #{number(entries)} entries each: #{judge(memory.all / 1_048_576, 120, "MiB")}, without one #{mib(empty)} MiB."
      ]
    end)
  end

  ## Resuming

  defp resumed(dir, quick?) do
    {directories, files, rounds} = if quick?, do: {1_000, 5_000, 5}, else: {10_000, 50_000, 21}
    IO.puts(:stderr, "node, resuming")
    tree = Path.join(dir, "resumed")
    File.mkdir_p!(tree)
    Machine.write!(["tree", tree, directories, files])
    changed = Path.join(tree, "changed")

    with_node(dir, fn node ->
      owner = open(node.name, 0)
      {:new, epoch} = owner.session
      request(owner, {:watch, 1, [tree], []})

      {times, _batch} =
        Enum.map_reduce(1..rounds, 0, fn round, batch ->
          # With a change to be told, made while nobody is connected.
          true = Node.disconnect(node.name)
          File.write!(changed, "#{round}")
          begin = Machine.now()
          owner = open(node.name, epoch + batch)
          {:resumed, ^epoch, ^batch} = owner.session
          command(owner, {:credit, 8})
          {:ok, batch} = request(owner, {:sync, 2})
          {Machine.now() - begin, batch}
        end)

      watcher = start!(dirs: tree, node: node.name, session: "watcher")
      away = for _n <- 1..div(rounds, 4), do: away(watcher, node.name, changed)
      stop(watcher)

      [
        "A session with a name of #{number(directories + files)} entries is resumed after the connection was lost, with a change made meanwhile: from the new connection " <>
          "until the answer to `sync`, median of #{rounds}: #{judge(median(times) / 1.0e6, 50, "ms")}, the longest #{ms(Enum.max(times))} ms. A watcher, which waits 100 ms " <>
          "before it connects again, has the change #{ms(median(away))} ms after the loss."
      ]
    end)
  end

  defp open(node, last) do
    ref = :erlang.monitor(:process, {:lookout, node}, alias: :explicit_unalias)
    send({:lookout, node}, {ref, {:open, "bench", 60_000, last}})
    owner = %{ref: ref, node: node, session: nil}
    receive do: ({^ref, {:data, {:hello, 1, _version}}} -> :ok)
    receive do: ({^ref, {:data, {:session, session}}} -> %{owner | session: session})
  end

  defp command(owner, request), do: send({:lookout, owner.node}, {owner.ref, {:command, request}})

  defp request(%{ref: ref} = owner, request) do
    id = elem(request, 1)
    command(owner, request)
    receive do: ({^ref, {:data, {:reply, ^id, result}}} -> result)
  end

  defp away(watcher, node, changed) do
    Machine.batches(watcher)

    Machine.elapsed(fn ->
      true = Node.disconnect(node)
      File.write!(changed, "again")
      receive do: ({:lookout, ^watcher, {:events, _seq, _events}} -> :ok)
    end)
  end
end
