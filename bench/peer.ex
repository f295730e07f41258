defmodule Lookout.Bench.Peer do
  @moduledoc false
  # The watchers that Lookout is compared with, as programs whose output is read until they have told of a change.
  #
  # A peer that runs is a map: `port`, `os_pid`, `name`, `buffer` (what it has written), `files` (standard error), and
  # for watchman its socket.

  alias Lookout.Bench.{Bser, Machine}

  # nanoseconds
  @patience 120_000_000_000

  @doc "Those that are installed."
  def installed, do: Enum.filter(["inotifywait", "fswatch", "@parcel/watcher", "chokidar", "watchman"], &installed?/1)

  defp installed?("@parcel/watcher"), do: node_module?("@parcel/watcher")
  defp installed?("chokidar"), do: node_module?("chokidar")
  defp installed?(name), do: System.find_executable(name) != nil

  defp node_module?(name), do: System.find_executable("node") != nil and File.dir?(npm("node_modules/" <> name))
  defp npm(path), do: Path.join(System.fetch_env!("LOOKOUT_BENCH_NPM"), path)

  @doc """
  Starts one on a directory. `scratch` is a folder for its files. Returns when it says that it watches; fswatch says
  nothing, and watchman has answered `watch`. Throws `{:too_slow, peer}` from here and from `await_told/2` when two minutes
  are over.
  """
  def start!(name, dir, scratch) do
    File.mkdir_p!(scratch)
    errors = Path.join(scratch, "stderr")
    File.write!(errors, "")
    [program | arguments] = command(name, dir, scratch)

    port =
      Port.open({:spawn_executable, "/bin/sh"}, [
        :binary,
        :exit_status,
        args: ["-c", "errors=$1; shift; exec \"$@\" 2>\"$errors\"", "sh", errors, program | arguments]
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    deadline = Machine.now() + @patience

    await_ready(%{
      name: name,
      dir: dir,
      port: port,
      os_pid: os_pid,
      scratch: scratch,
      errors: errors,
      deadline: deadline,
      buffer: [],
      clock: nil
    })
  end

  defp command("inotifywait", dir, _scratch) do
    events = Enum.flat_map(~w(modify attrib create delete move), &["-e", &1])
    ["inotifywait", "-m", "-r", "--no-newline", "--format", "%e%0%w%f%0"] ++ events ++ [dir]
  end

  defp command("fswatch", dir, _scratch),
    do: ["stdbuf", "-o0", "fswatch", "-r", "-0", "--format", "%f/%p", "--event-flag-separator", ",", dir]

  defp command("@parcel/watcher", dir, _scratch), do: ["node", npm("parcel.mjs"), dir]
  defp command("chokidar", dir, _scratch), do: ["node", npm("chokidar.mjs"), dir]

  defp command("watchman", _dir, scratch) do
    file = &Path.join(scratch, &1)

    ["watchman", "--foreground", "-U", socket(scratch), "-o", file.("log"), "--statefile", file.("state")] ++
      ["--pidfile", file.("pid")]
  end

  defp socket(scratch), do: Path.join(scratch, "socket")

  defp await_ready(%{name: "inotifywait"} = peer) do
    wait_until(peer, fn -> File.read!(peer.errors) =~ "Watches established" end)
    peer
  end

  defp await_ready(%{name: "fswatch"} = peer), do: peer

  defp await_ready(%{name: "watchman"} = peer) do
    wait_until(peer, fn -> match?({_output, 0}, client(peer, ["get-pid"])) end)
    {_output, 0} = client(peer, ["watch", peer.dir])
    %{peer | clock: clock(peer)}
  end

  defp await_ready(peer) do
    alive!(peer)
    peer = read(peer, 1_000)
    if output(peer) =~ "ready\n", do: peer, else: await_ready(peer)
  end

  defp wait_until(peer, fun) do
    alive!(peer)

    unless fun.() do
      Process.sleep(10)
      wait_until(peer, fun)
    end
  end

  defp alive!(peer) do
    if Machine.now() > peer.deadline, do: throw({:too_slow, peer})
    if ended?(peer), do: raise("#{peer.name} ended: #{output(peer)} #{File.read!(peer.errors)}")
  end

  def stop(peer) do
    Machine.kill(peer.os_pid, "KILL")
    if Port.info(peer.port), do: Port.close(peer.port)
    flush(peer.port)
  end

  defp flush(port) do
    receive do
      {^port, _message} -> flush(port)
    after
      0 -> :ok
    end
  end

  @doc "Waits until it has told of a path. For fswatch, of which nobody knows when it watches, the file is written again."
  def await_told(%{name: "watchman"} = peer, path) do
    alive!(peer)
    if Enum.any?(told(peer), fn {_state, told} -> told == path end), do: peer, else: await_told(peer, path)
  end

  def await_told(peer, path) do
    alive!(peer)

    cond do
      output(peer) =~ path ->
        peer

      peer.name == "fswatch" ->
        File.write!(path, "again")
        await_told(read(peer, 50), path)

      true ->
        await_told(read(peer, 1_000), path)
    end
  end

  @doc "Whether it has ended by itself, as by a fault of its own."
  def ended?(peer), do: Port.info(peer.port) == nil

  @doc "Reads what it writes until it has been silent for so long."
  def collect(peer, quiet) do
    size = IO.iodata_length(peer.buffer)
    peer = read(peer, quiet)
    if IO.iodata_length(peer.buffer) == size, do: peer, else: collect(peer, quiet)
  end

  defp read(%{port: port} = peer, ms) do
    receive do
      {^port, {:data, data}} -> read(%{peer | buffer: [peer.buffer | data]}, 0)
      {^port, {:exit_status, status}} -> %{peer | buffer: [peer.buffer | "exit status #{status}"]}
    after
      ms -> peer
    end
  end

  defp output(peer), do: IO.iodata_to_binary(peer.buffer)

  @doc """
  What it has told, in order: `{:present | :gone | :unclear, path}`, and `{:moved, from, to}` where both halves of a
  directory's rename stand side by side. Of one that has ended, what it told until then: nothing for watchman, which is asked.
  """
  def told(%{name: "inotifywait"} = peer), do: peer |> output() |> String.split(<<0>>) |> inotify_pairs()

  def told(%{name: "fswatch"} = peer) do
    for record <- String.split(output(peer), <<0>>), [flags, path] <- [String.split(record, "/", parts: 2)] do
      {flags |> String.split(",") |> fswatch_state(), "/" <> path}
    end
  end

  def told(%{name: "watchman"} = peer) do
    file = Path.join(peer.scratch, "query.json")
    File.write!(file, ~s(["query", "#{peer.dir}", {"since": "#{peer.clock}", "fields": ["name", "exists"]}]\n))
    script = "exec watchman --no-spawn --no-local --output-encoding=bser -j -U \"$1\" <\"$2\""
    answer = System.cmd("sh", ["-c", script, "sh", socket(peer.scratch), file])

    if ended?(peer), do: [], else: watchman_files(peer, answer)
  end

  def told(peer) do
    for line <- String.split(output(peer), "\n"),
        [_all, type] <- [Regex.run(~r/"type":"(\w+)"/, line)],
        [_all, path] <- [Regex.run(~r/"path":"((?:[^"\\]|\\.)*)"/, line)] do
      {if(type in ["delete", "unlink", "unlinkDir"], do: :gone, else: :present), unescape(path)}
    end
  end

  defp watchman_files(peer, {output, 0}) do
    for %{"name" => name, "exists" => exists} <- Bser.decode!(output)["files"] do
      {if(exists, do: :present, else: :gone), peer.dir <> "/" <> name}
    end
  end

  defp inotify_pairs([from_flags, from, to_flags, to | rest]) do
    if from_flags == "MOVED_FROM,ISDIR" and to_flags == "MOVED_TO,ISDIR" do
      [{:moved, from, to} | inotify_pairs(rest)]
    else
      [{inotify_state(from_flags), from} | inotify_pairs([to_flags, to | rest])]
    end
  end

  defp inotify_pairs([flags, path | rest]), do: [{inotify_state(flags), path} | inotify_pairs(rest)]
  defp inotify_pairs(_rest), do: []

  defp inotify_state(flags), do: if(flags =~ ~r/DELETE|MOVED_FROM/, do: :gone, else: :present)

  # Flags of several events may stand together; which was the last is not told then.
  defp fswatch_state(flags) do
    gone? = Enum.any?(flags, &(&1 in ["Removed", "MovedFrom"]))
    present? = Enum.any?(flags, &(&1 in ["Created", "Updated", "MovedTo", "AttributeModified", "OwnerModified"]))

    case {gone?, present?} do
      {true, false} -> :gone
      {false, true} -> :present
      _both -> :unclear
    end
  end

  # JSON's escapes of a name; bytes that are not UTF-8 do not survive JSON and count as missed.
  defp unescape(text) do
    Regex.replace(~r/\\(u([0-9a-fA-F]{4})|.)/, text, fn
      _all, "u" <> _digits, code -> <<String.to_integer(code, 16)::utf8>>
      _all, "n", _none -> "\n"
      _all, "t", _none -> "\t"
      _all, "r", _none -> "\r"
      _all, "b", _none -> "\b"
      _all, "f", _none -> "\f"
      _all, char, _none -> char
    end)
  end

  defp clock(peer) do
    {output, 0} = client(peer, ["clock", peer.dir])
    [_all, clock] = Regex.run(~r/"clock":\s*"([^"]+)"/, output)
    clock
  end

  defp client(peer, arguments) do
    System.cmd("watchman", ["--no-spawn", "--no-local", "-U", socket(peer.scratch) | arguments], stderr_to_stdout: true)
  end
end
