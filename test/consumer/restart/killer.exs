# killer.exs SCRATCH KILLS SEED ELIXIR_ARGUMENT...: changes a tree, kills the indexer of it by SIGKILL at a random moment, lets another one go on from
# what it has stored, and demands that its index is what is on the disk, with each content read once.
[scratch, kills, seed | arguments] = System.argv()

defmodule Killer do
  @patience 120_000
  # Entries of the tree.
  @most 200

  def run(scratch, kills, seed, arguments) do
    :rand.seed(:exsss, seed)
    root = Path.join(scratch, "root")
    for dir <- ["root", "staged"], do: File.mkdir_p!(Path.join(scratch, dir))
    paths = for name <- ["root", "cursors", "store"], do: Path.join(scratch, name)

    state = %{
      root: root,
      staged: Path.join(scratch, "staged/file"),
      store: Path.join(scratch, "store"),
      command: arguments ++ paths,
      next: 1,
      touched: MapSet.new(),
      older: [MapSet.new(), MapSet.new()],
      when: %{}
    }

    state = for round <- 1..kills, reduce: state, do: (state -> round(state, round))
    IO.puts("killed #{kills} times, #{inspect(state.when)}; #{state.next - 1} contents, each indexed once")
  end

  # The changes are spread over the time before the kill, while nobody watches, and after it.
  defp round(state, round) do
    [last, _before] = state.older
    state = change(%{state | touched: MapSet.new(), older: [state.touched, last]}, 6)
    indexer = start(state)
    {moment, state} = wait(state, indexer, :rand.uniform(3))
    kill(indexer)
    state = change(state, :rand.uniform(6) - 1)
    indexer = start(state)
    state = change(state, :rand.uniform(6) - 1)
    await(indexer, "ready")
    Port.command(indexer.port, "settle\n")
    await(indexer, "settled")
    judge(state, round, moment)
    kill(indexer)
    %{state | when: Map.update(state.when, moment, 1, &(&1 + 1))}
  end

  # While its VM starts, while it compares or saves or stores, or between a transaction and its commit.
  defp wait(state, _indexer, 1) do
    Process.sleep(:rand.uniform(800))
    {:starting, state}
  end

  defp wait(state, indexer, 2) do
    await(indexer, "ready")
    state = change(state, 4)
    Process.sleep(:rand.uniform(150) - 1)
    {:working, state}
  end

  defp wait(state, indexer, 3) do
    await(indexer, "ready")
    state = change(state, 4)
    await(indexer, "stored")
    {:stored, state}
  end

  defp start(state) do
    program = System.find_executable("elixir")
    options = [:binary, :exit_status, :stderr_to_stdout, line: 1_000, args: state.command]
    port = Port.open({:spawn_executable, program}, options)
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    %{port: port, os_pid: os_pid}
  end

  defp kill(%{port: port, os_pid: os_pid}) do
    {_output, 0} = System.cmd("kill", ["-KILL", "#{os_pid}"])
    flush(port)
  end

  defp flush(port) do
    receive do
      {^port, {:exit_status, 137}} -> :ok
      {^port, {:exit_status, status}} -> raise "the indexer ended with #{status} before it was killed"
      {^port, _line} -> flush(port)
    after
      @patience -> raise "the indexer does not end"
    end
  end

  defp await(%{port: port} = indexer, line) do
    receive do
      {^port, {:data, {:eol, ^line}}} -> :ok
      {^port, {:data, {:eol, known}}} when known in ["ready", "stored", "settled"] -> await(indexer, line)
      {^port, {:data, {_end, other}}} -> IO.puts(:stderr, other) && await(indexer, line)
      {^port, {:exit_status, status}} -> raise "the indexer ended with #{status}, awaited was: #{line}"
    after
      @patience -> raise "the indexer does not say: #{line}"
    end
  end

  # So many bursts of changes, with a time between them in which a checkpoint has its place.
  defp change(state, bursts) do
    for _burst <- 1..bursts//1, reduce: state do
      state ->
        state = for _step <- 1..:rand.uniform(4), reduce: state, do: (state -> step(state, :rand.uniform(10)))
        Process.sleep(40 + :rand.uniform(40))
        state
    end
  end

  # A file's content changes at most once a round, in one step, so that each change is one event.
  defp step(state, kind) when kind <= 4 do
    if length(entries(state)) < @most,
      do: put(state, Path.join(random_directory(state), "file_#{state.next}")),
      else: step(state, 7)
  end

  defp step(state, kind) when kind <= 6 do
    case untouched(state) do
      nil -> state
      path -> put(state, path)
    end
  end

  defp step(state, 7) do
    path = untouched(state)
    if path, do: File.rm!(path)
    state
  end

  # A file that was found by a scan has no stamp until the next start has checked it; where it is renamed before that, it is reported as renamed and
  # modified (docs/guarantees.md, P9).
  defp step(state, 8) do
    fresh = Enum.reduce(state.older, state.touched, &MapSet.union/2)
    if path = file_without(state, fresh), do: File.rename!(path, random_name(random_directory(state), "renamed"))
    state
  end

  defp step(state, 9) do
    File.mkdir!(random_name(random_directory(state), "directory"))
    state
  end

  defp step(state, 10) do
    directory = state |> entries() |> Enum.filter(&File.dir?/1) |> random()
    if directory, do: File.rename!(directory, random_name(state.root, "moved"))
    state
  end

  defp put(state, path) do
    content = "content #{state.next}"
    File.write!(state.staged, content)
    File.rename!(state.staged, path)
    %{state | next: state.next + 1, touched: MapSet.put(state.touched, content)}
  end

  defp untouched(state), do: file_without(state, state.touched)

  defp file_without(state, contents) do
    state
    |> entries()
    |> Enum.filter(&(File.regular?(&1) and not MapSet.member?(contents, File.read!(&1))))
    |> random()
  end

  defp random_name(directory, word), do: Path.join(directory, "#{word}_#{:rand.uniform(1_000_000_000)}")

  defp random_directory(state), do: random([state.root | state |> entries() |> Enum.filter(&File.dir?/1)])
  defp random([]), do: nil
  defp random(paths), do: Enum.random(paths)
  defp entries(state), do: Path.wildcard(state.root <> "/**")

  defp judge(state, round, moment) do
    # A map of the struct of the indexer, which this VM does not know.
    index = state.store |> File.read!() |> :erlang.binary_to_term()
    disk = Map.new(entries(state), fn path -> {path, if(File.regular?(path), do: File.read!(path))} end)

    wrong =
      for path <- Map.keys(Map.merge(index.files, disk)),
          Map.fetch(index.files, path) != Map.fetch(disk, path),
          do: path

    often = for {content, count} <- index.indexed, count != 1, do: {content, count}
    missed = for number <- 1..(state.next - 1)//1, not is_map_key(index.indexed, "content #{number}"), do: number

    if wrong != [] or often != [] or missed != [] do
      for path <- wrong,
          do: IO.puts(:stderr, "#{path}: index #{inspect(index.files[path])}, disk #{inspect(disk[path])}")

      raise "round #{round}, killed while #{moment}: #{length(wrong)} paths differ; not indexed once: #{inspect(often)}; never: #{inspect(missed)}"
    end
  end
end

Killer.run(scratch, String.to_integer(kills), String.to_integer(seed), arguments)
