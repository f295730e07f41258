defmodule Lookout.CursorTest do
  use ExUnit.Case, async: true

  alias Lookout.{Error, Event}
  alias Lookout.Watcher.{Cursor, RecentBatches}

  setup do
    base = Path.join(System.tmp_dir!(), "lookout-cursor-#{System.unique_integer([:positive])}")
    dir = Path.join(base, "watched")
    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(base) end)
    %{dir: dir, cursor: Path.join(base, "cursor")}
  end

  defp start(options) do
    {:ok, watcher} = Lookout.start_link(options)
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    watcher
  end

  # All events of a watcher up to a sync.
  defp events(watcher) do
    :ok = Lookout.sync(watcher, 60_000)
    received(watcher)
  end

  defp received(watcher) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} -> events ++ received(watcher)
    after
      0 -> []
    end
  end

  defp paths(events, dir),
    do: Enum.sort(for %Event{} = event <- events, do: {event.change, Path.relative_to(event.path, dir)})

  defp checkpoint(watcher) do
    {:ok, cursor} = Lookout.checkpoint(watcher)
    assert_receive {:lookout, ^watcher, {:checkpoint, ^cursor}}
    cursor
  end

  defp end_by(watcher, :stop), do: :ok = Lookout.stop(watcher)

  defp end_by(watcher, :kill) do
    Process.unlink(watcher)
    ref = Process.monitor(watcher)
    Process.exit(watcher, :kill)
    assert_receive {:DOWN, ^ref, :process, ^watcher, :killed}
  end

  for way <- [:stop, :kill] do
    test "a start goes on from the last commit, after a #{way}", %{dir: dir, cursor: cursor} do
      File.write!(Path.join(dir, "old"), "1")
      watcher = start(dirs: dir, cursor: cursor)
      assert paths(events(watcher), dir) == [created: "old"]
      :ok = Lookout.commit(watcher, checkpoint(watcher))
      end_by(watcher, unquote(way))

      File.write!(Path.join(dir, "new"), "1")
      File.rm!(Path.join(dir, "old"))
      watcher = start(dirs: dir, cursor: cursor)
      assert paths(events(watcher), dir) == [created: "new", deleted: "old"]
    end
  end

  test "a commit is refused as long as what came before waits for a subscriber", %{dir: dir, cursor: path} do
    File.write!(Path.join(dir, "a"), "1")
    {:ok, watcher} = Lookout.start_link(dirs: dir, cursor: path)
    {:ok, cursor} = Lookout.checkpoint(watcher)
    assert {:error, %Error{reason: :lagging, detail: detail}} = Lookout.commit(watcher, cursor)
    assert detail =~ "there is no subscriber"
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    assert_receive {:lookout, ^watcher, {:checkpoint, ^cursor}}
    assert Lookout.commit(watcher, cursor) == :ok
  end

  test "snapshots that no start can name any more are deleted at the next start", %{dir: dir, cursor: path} do
    watcher = start(dirs: dir, cursor: path)
    committed = checkpoint(watcher)
    :ok = Lookout.commit(watcher, committed)
    checkpoint(watcher)
    :ok = Lookout.stop(watcher)
    watcher = start(dirs: dir, cursor: path)
    events(watcher)
    assert Enum.sort(File.ls!(path)) == Enum.sort(["committed", "lock", Cursor.file(committed)])
  end

  test "seq goes on, and what is new waits for the first subscriber", %{dir: dir, cursor: cursor} do
    File.write!(Path.join(dir, "a"), "1")
    watcher = start(dirs: dir, cursor: cursor)
    events(watcher)
    {:ok, %{seq: seq}} = Lookout.info(watcher)
    :ok = Lookout.commit(watcher, checkpoint(watcher))
    :ok = Lookout.stop(watcher)

    File.write!(Path.join(dir, "b"), "1")
    {:ok, watcher} = Lookout.start_link(dirs: dir, cursor: cursor)
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    assert_receive {:lookout, ^watcher, {:events, next, [%Event{change: :created}]}}
    assert next == seq + 1
  end

  test "a checkpoint stands between the batches that it has and those that it has not", %{dir: dir, cursor: cursor} do
    watcher = start(dirs: dir, cursor: cursor)
    File.write!(Path.join(dir, "before"), "1")
    {:ok, name} = Lookout.checkpoint(watcher)
    File.write!(Path.join(dir, "after"), "1")
    :ok = Lookout.sync(watcher, 60_000)

    {:messages, messages} = Process.info(self(), :messages)
    told = for {:lookout, ^watcher, message} <- messages, do: message
    {earlier, [{:checkpoint, ^name} | later]} = Enum.split_while(told, &(not match?({:checkpoint, _cursor}, &1)))

    names = fn batches ->
      for {:events, _seq, events} <- batches, event <- events, uniq: true, do: Path.basename(event.path)
    end

    assert names.(earlier) == ["before"]
    assert names.(later) == ["after"]
    :ok = Lookout.stop(watcher)

    watcher = start(dirs: dir, cursor: {cursor, name})
    assert paths(events(watcher), dir) == [created: "after"]
  end

  test "prepared and committed snapshots both stay until the commit", %{dir: dir, cursor: cursor} do
    watcher = start(dirs: dir, cursor: cursor)
    [one, two, three] = for _n <- 1..3, do: checkpoint(watcher)
    snapshots = fn -> for "snapshot-" <> name <- File.ls!(cursor), do: name end
    assert Enum.sort(snapshots.()) == Enum.sort([one, two, three])

    :ok = Lookout.commit(watcher, two)
    assert Enum.sort(snapshots.()) == Enum.sort([two, three])
    assert {:error, %Error{reason: :unknown_cursor}} = Lookout.commit(watcher, one)
    :ok = Lookout.commit(watcher, two)
    :ok = Lookout.commit(watcher, three)
    assert snapshots.() == [three]
    :ok = Lookout.stop(watcher)

    assert {:error, %Error{reason: :unknown_cursor}} = Lookout.start_link(dirs: dir, cursor: {cursor, one})
    watcher = start(dirs: dir, cursor: {cursor, three})
    assert :ok = Lookout.commit(watcher, three)
  end

  test "a bad snapshot is an error, or everything anew where that is wanted", %{dir: dir, cursor: cursor} do
    File.write!(Path.join(dir, "a"), "1")
    watcher = start(dirs: dir, cursor: cursor)
    name = checkpoint(watcher)
    :ok = Lookout.commit(watcher, name)
    :ok = Lookout.stop(watcher)
    received(watcher)
    File.write!(Path.join(cursor, "snapshot-" <> name), "x")

    assert {:error, %Error{reason: :bad_snapshot, operation: :load} = error} =
             Lookout.start_link(dirs: dir, cursor: cursor)

    assert Exception.message(error) =~ "on_bad_cursor: :restart"

    watcher = start(dirs: dir, cursor: cursor, on_bad_cursor: :restart)
    assert_receive {:lookout, ^watcher, {:notice, {:cursor_lost, :bad_snapshot}}}
    assert paths(events(watcher), dir) == [created: "a"]
    :ok = Lookout.commit(watcher, checkpoint(watcher))
    :ok = Lookout.stop(watcher)
    watcher = start(dirs: dir, cursor: cursor, on_bad_cursor: :restart)
    assert events(watcher) == []
  end

  test "P5: a FIFO instead of the last commit is an error and holds nothing up", %{dir: dir, cursor: cursor} do
    File.mkdir_p!(cursor)
    {_output, 0} = System.cmd("mkfifo", [Path.join(cursor, "committed")])

    assert {:error, %Error{reason: :bad_snapshot} = error} = Lookout.start_link(dirs: dir, cursor: cursor)
    assert Exception.message(error) =~ "no regular file"
  end

  test "a directory of cursors that is used, or inside, is refused", %{dir: dir, cursor: cursor} do
    _watcher = start(dirs: dir, cursor: cursor)
    assert {:error, %Error{reason: :locked}} = Lookout.start_link(dirs: dir, cursor: cursor)
    inside = Path.join(dir, "cursor")
    assert {:error, %Error{reason: :cursor_inside}} = Lookout.start_link(dirs: dir, cursor: inside)
  end

  test "a symbolic link in a directory of cursors is refused, and the error says that", %{dir: dir, cursor: cursor} do
    File.mkdir_p!(cursor)
    lock = Path.join(cursor, "lock")
    File.ln_s!(Path.join(dir, "elsewhere"), lock)
    assert {:error, %Error{reason: :eloop, path: ^lock} = error} = Lookout.start_link(dirs: dir, cursor: cursor)
    assert error.detail =~ "this is a symbolic link"
    refute File.exists?(Path.join(dir, "elsewhere"))
  end

  test "a watcher whose program is killed stops, and its successor goes on from the commit", %{dir: dir, cursor: cursor} do
    Process.flag(:trap_exit, true)
    watcher = start(dirs: dir, cursor: cursor)
    :ok = Lookout.commit(watcher, checkpoint(watcher))
    File.write!(Path.join(dir, "a"), "1")
    events(watcher)
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    {_output, 0} = System.cmd("kill", ["-KILL", "#{os_pid}"])
    assert_receive {:lookout, ^watcher, {:stopped, %Error{reason: :port_exited}}}
    assert_receive {:EXIT, ^watcher, %Error{}}

    watcher = start(dirs: dir, cursor: cursor)
    assert paths(events(watcher), dir) == [created: "a"]
  end

  # A FIFO without a writer blocks who opens it, as a file on a mount that hangs does. In a VM of its own, since it stays blocked.
  # The file server is one process for the whole VM: a call on a mount that hangs blocks every other.
  test "P5: a start reads the last commit without the file server of the VM", %{dir: dir, cursor: cursor} do
    watcher = start(dirs: dir, cursor: cursor)
    :ok = Lookout.commit(watcher, checkpoint(watcher))
    :ok = Lookout.stop(watcher)
    server = Process.whereis(:file_server_2)
    :erlang.trace(server, true, [:receive])
    start(dirs: dir, cursor: cursor)
    :erlang.trace(server, false, [:receive])
    delivered = :erlang.trace_delivered(server)
    assert_receive {:trace_delivered, ^server, ^delivered}, 10_000
    {:messages, messages} = Process.info(self(), :messages)
    traced = for {:trace, ^server, :receive, message} <- messages, do: inspect(message, limit: :infinity)
    assert Enum.filter(traced, &(&1 =~ Path.join(cursor, "committed"))) == []
  end

  test "checkpoints are made by themselves after changes", %{dir: dir, cursor: cursor} do
    watcher = start(dirs: dir, cursor: cursor, checkpoint_every: 100)
    File.write!(Path.join(dir, "a"), "1")
    assert_receive {:lookout, ^watcher, {:checkpoint, name}}
    assert :ok = Lookout.commit(watcher, name)
  end

  test "without the option there is no checkpoint", %{dir: dir} do
    watcher = start(dirs: dir)
    assert {:error, %Error{reason: :no_cursor}} = Lookout.checkpoint(watcher)
    assert {:error, %Error{reason: :no_cursor}} = Lookout.commit(watcher, Cursor.draw(1))
    assert_raise ArgumentError, ~r/expected a cursor/, fn -> Lookout.commit(watcher, "../x") end
  end

  test "options that make no sense raise" do
    for {options, why} <- [
          {[cursor: "c", changes: [:created]], ~r/cannot be combined with :changes/},
          {[checkpoint_every: 1000], ~r/needs the option :cursor/},
          {[cursor: {"c", "../evil"}], ~r/option :cursor: expected/},
          {[cursor: "c", checkpoint_every: 1], ~r/milliseconds from 100/},
          {[cursor: "c", on_bad_cursor: :ignore], ~r/:error or :restart/}
        ] do
      assert_raise ArgumentError, why, fn -> Lookout.start_link([dirs: "d"] ++ options) end
    end
  end

  describe "subscribe since" do
    test "first sends the batches after that one, each once", %{dir: dir} do
      watcher = start(dirs: dir)

      for n <- 1..5 do
        File.write!(Path.join(dir, "#{n}"), "1")
        :ok = Lookout.sync(watcher, 60_000)
      end

      {:ok, %{seq: last}} = Lookout.info(watcher)
      received(watcher)

      task =
        Task.async(fn ->
          {:ok, ^watcher} = Lookout.subscribe(watcher, since: last - 2, active: 0)
          {:messages, messages} = Process.info(self(), :messages)
          for {:lookout, ^watcher, {:events, seq, _events}} <- messages, do: seq
        end)

      assert Task.await(task) == [last - 1, last]
      assert {:ok, ^watcher} = Lookout.subscribe(watcher, since: last)
      assert received(watcher) == []
      assert {:error, %Error{reason: :too_old}} = Lookout.subscribe(watcher, since: last + 1)
    end

    test "goes on across a restart with a cursor, but not before it", %{dir: dir, cursor: cursor} do
      watcher = start(dirs: dir, cursor: cursor)
      File.write!(Path.join(dir, "a"), "1")
      events(watcher)
      {:ok, %{seq: seq}} = Lookout.info(watcher)
      :ok = Lookout.commit(watcher, checkpoint(watcher))
      :ok = Lookout.stop(watcher)
      File.write!(Path.join(dir, "b"), "1")
      {:ok, watcher} = Lookout.start_link(dirs: dir, cursor: cursor)
      assert {:error, %Error{reason: :too_old}} = Lookout.subscribe(watcher, since: seq - 1)
      assert {:ok, ^watcher} = Lookout.subscribe(watcher, since: seq)
      assert paths(events(watcher), dir) == [created: "b"]
    end

    test "batches beyond a mebibyte are forgotten, the oldest first" do
      recent = Enum.reduce(1..20, RecentBatches.new(), &RecentBatches.add(&2, {&1, []}, 100_000))
      assert {:ok, batches} = RecentBatches.since(recent, 10, 20)
      assert for({seq, []} <- batches, do: seq) == Enum.to_list(11..20)
      assert RecentBatches.since(recent, 9, 20) == :too_old
      assert RecentBatches.since(recent, 20, 20) == {:ok, []}
      assert RecentBatches.since(recent, 21, 20) == :too_old
    end
  end
end
