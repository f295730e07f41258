defmodule Lookout.Watcher.StreamServerTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, Event, FakeProgram}
  alias Lookout.Port.Tuning
  alias Lookout.Watcher.{Options, StreamServer}

  # Enumerates in another process, which sends each event here.
  defp enumerate(stream) do
    me = self()
    spawn_monitor(fn -> Enum.each(stream, &send(me, {:seen, &1})) end)
  end

  defp programs(pid) do
    {:links, links} = Process.info(pid, :links)
    for watcher <- links, is_pid(watcher), do: os_pid(watcher)
  end

  test "is live when the enumeration starts, and gives the events", %{dir: dir} do
    File.write!(Path.join(dir, "a"), "")

    events =
      Lookout.stream(dirs: dir, initial: true)
      |> Stream.each(fn %Event{path: path} -> if Path.basename(path) == "a", do: File.mkdir!(Path.join(dir, "b")) end)
      |> Enum.take(2)

    assert Enum.map(events, &change(&1, dir)) == [{:created, "a"}, {:created, "b"}]
  end

  test "starts nothing before it is enumerated, and a watcher for each enumeration", %{dir: dir} do
    stream = Lookout.stream(dirs: Path.join(dir, "later"), initial: true)
    File.mkdir_p!(Path.join(dir, "later/a"))
    assert [%Event{change: :created}] = Enum.take(stream, 1)
    assert [%Event{change: :created}] = Enum.take(stream, 1)
  end

  test "gives every event of many, in order, however slowly it is read", %{dir: dir} do
    {"", 0} =
      System.cmd("sh", ["-c", "mkdir a b; seq 2000 | sed s:^:a/: | xargs touch; seq 2000 | sed s:^:b/: | xargs touch"],
        cd: dir
      )

    events = Lookout.stream(dirs: dir, initial: true) |> Enum.take(4002)
    assert events |> MapSet.new(& &1.path) |> MapSet.size() == 4002
  end

  test "leaves the mailbox of its process alone, and nothing behind when it is halted", %{dir: dir} do
    File.write!(Path.join(dir, "a"), "")
    me = self()
    send(me, :before)
    before = Port.list()

    stream = Lookout.stream(dirs: dir, initial: true)
    assert [{%Event{}, :b}] = stream |> Stream.zip([:b]) |> Enum.take(1)

    assert_raise RuntimeError, "enough", fn -> Enum.each(stream, fn _event -> raise "enough" end) end
    assert catch_throw(Enum.each(stream, fn _event -> throw(:enough) end)) == :enough

    assert Process.info(self(), :messages) == {:messages, [:before]}

    assert for(port <- Port.list() -- before, {:connected, pid} <- [Port.info(port, :connected)], pid == me, do: port) ==
             []
  end

  test "has ended its watcher when the enumeration returns", %{dir: dir} do
    File.write!(Path.join(dir, "a"), "")
    for _ <- 1..5, do: assert([_] = Enum.take(Lookout.stream(dirs: dir, initial: true, name: __MODULE__.Ended), 1))
    assert Process.whereis(__MODULE__.Ended) == nil
  end

  test "ends its watcher when the enumerating process is killed", %{dir: dir} do
    me = self()
    File.write!(Path.join(dir, "a"), "")

    {pid, ref} = enumerate(Lookout.stream(dirs: dir, initial: true))
    assert_receive {:seen, %Event{}}
    relay = relay_of(pid)
    [program] = programs(relay)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
    eventually(fn -> gone?(program) end)
    eventually(fn -> not Process.alive?(relay) end)
    assert Process.info(me, :messages) == {:messages, []}
  end

  test "raises the error when the directory cannot be watched", %{dir: dir} do
    assert_raise Error, ~r/create it first/, fn -> Lookout.stream(Path.join(dir, "missing")) |> Enum.take(1) end
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "raises the error when its name is taken", %{dir: dir} do
    start_supervised!({Lookout, dirs: dir, name: __MODULE__.Taken})
    assert_raise Error, ~r/name is taken/, fn -> Enum.take(Lookout.stream(dirs: dir, name: __MODULE__.Taken), 1) end
  end

  test "raises ArgumentError for bad options at once" do
    assert_raise ArgumentError, fn -> Lookout.stream(dirs: "/", never: true) end
  end

  test "raises when changes may have been missed, after what came before", %{dir: dir} do
    seen = Path.join(dir, "seen")

    # It ends when its event has been seen: what it says may be lost where it does not read what is written to it.
    steps =
      FakeProgram.well_started() ++
        [
          {:say, {:events, 1, [{:created, :file, "/a"}]}},
          {:sh, "while [ ! -e #{seen} ]; do sleep 0.01; done"},
          {:exit, 1}
        ]

    limits = %Tuning{port_path: FakeProgram.write!(dir, steps), backoff: {1, 1}}
    stream = StreamServer.new(%{Options.parse!(dir) | limits: limits})

    assert_raise Error, ~r/start the stream anew/, fn ->
      Enum.each(stream, fn %Event{path: "/a"} -> File.touch!(seen) end)
    end

    assert File.exists?(seen)
  end

  test "P8: raises when it was left behind by another subscriber, after what came before the gap", %{dir: dir} do
    me = self()

    pid =
      spawn_link(fn ->
        stream = Lookout.stream(dirs: dir, subscribe: [me], max_lag: 0, ready: :async)

        error =
          assert_raise Error, fn ->
            Enum.each(stream, fn event ->
              send(me, {:seen, Path.basename(event.path)})
              receive do: (:go -> :ok)
            end)
          end

        send(me, {:raised, error})
      end)

    assert_receive {:lookout, watcher, {:notice, :ready}}, 10_000
    make_and_await(watcher, dir, "a")
    assert_receive {:seen, "a"}, 10_000
    # It has one, and asks for the next; the third is not kept for it.
    eventually(fn -> 1 in wants(watcher) end)
    for name <- ["b", "c"], do: make_and_await(watcher, dir, name)
    send(pid, :go)
    assert_receive {:seen, "b"}, 10_000
    make_and_await(watcher, dir, "d")
    send(pid, :go)

    assert_receive {:raised, %Error{reason: :lagging} = error}, 10_000
    assert Exception.message(error) =~ "consumed too slowly"
    refute_received {:seen, _name}
  end

  defp make_and_await(watcher, dir, name) do
    path = Path.join(dir, name)
    File.mkdir!(path)
    assert_receive {:lookout, ^watcher, {:events, _seq, [%Event{path: ^path}]}}, 10_000
  end

  # How many batches each of its subscribers may still have.
  defp wants(watcher) do
    %{passed: passed, flow: %{subscribers: %{attached: attached, batches: batches}}} = :sys.get_state(watcher).delivery
    for {_pid, {:count, limit}} <- attached, do: limit - batches - passed
  end

  test "raises when its watcher is gone", %{dir: dir} do
    {pid, ref} = enumerate(Lookout.stream(dir))
    relay = eventually(fn -> relay_of(pid) end)
    {:links, [watcher]} = Process.info(relay, :links)
    Process.exit(watcher, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, {%Error{reason: :stopped}, _stack}}
  end

  # The process behind the stream monitors the one that enumerates.
  defp relay_of(pid) do
    with {:monitored_by, monitors} <- Process.info(pid, :monitored_by) do
      Enum.find(monitors, fn monitor ->
        is_pid(monitor) and monitor != self() and match?({:links, [_ | _]}, Process.info(monitor, :links))
      end)
    end
  end
end
