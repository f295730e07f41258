defmodule LookoutTest do
  use Lookout.Case, async: true

  alias Lookout.{Entry, Error, Event, FakeProgram, Mirror}

  # A watcher of `dir`, and this process its subscriber.
  defp watched!(dir, options \\ []) do
    watcher = start_watcher!(options ++ [dirs: dir])
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    watcher
  end

  describe "P1: changes" do
    test "made right after the start are seen", %{dir: dir} do
      for number <- 1..20 do
        watcher = start_watcher!(dirs: dir, subscribe: [self()])
        File.write!(Path.join(dir, "#{number}"), "")
        assert {:created, "#{number}"} in changes(watcher, dir)
        :ok = Lookout.stop(watcher)
      end
    end

    test "arrive without being asked for", %{dir: dir} do
      watcher = watched!(dir)
      path = Path.join(dir, "a")
      File.write!(path, "")
      assert_receive {:lookout, ^watcher, {:events, 1, [%Event{change: :created, type: :file, path: ^path} | _]}}
    end

    test "of each kind are told as such", %{dir: dir} do
      watcher = watched!(dir)
      a = Path.join(dir, "a")

      File.write!(a, "")
      assert {:created, "a"} in changes(watcher, dir)
      File.write!(a, "more", [:append])
      assert changes(watcher, dir) == [{:modified, "a"}]
      # By chmod(1): File.chmod!/2 sets the owner as well.
      {"", 0} = shell(dir, "chmod 600 a")
      assert changes(watcher, dir) == [{:attributes, "a"}]
      grow_old(watcher)
      File.rename!(a, a <> "b")
      assert changes(watcher, dir) == [{:renamed, "ab", "a"}]
      File.rm!(a <> "b")
      assert changes(watcher, dir) == [{:deleted, "ab"}]
    end

    test "of every type of entry are told with it", %{dir: dir} do
      watcher = watched!(dir)
      File.mkdir!(Path.join(dir, "directory"))
      File.write!(Path.join(dir, "file"), "")
      File.ln_s!("nowhere", Path.join(dir, "symlink"))
      {"", 0} = System.cmd("mkfifo", [Path.join(dir, "other")])
      :ok = Lookout.sync(watcher)

      types = for {:events, _seq, events} <- taken(watcher), %{change: :created} = e <- events, do: {e.path, e.type}

      assert Enum.sort(types) ==
               for(t <- [:directory, :file, :other, :symlink], do: {Path.join(dir, "#{t}"), t})
    end

    test "in directories made at once, however deep, are seen", %{dir: dir} do
      watcher = watched!(dir)
      File.mkdir_p!(Path.join(dir, "a/b/c"))
      File.write!(Path.join(dir, "a/b/c/d"), "")
      created = for {:created, path} <- changes(watcher, dir), do: path
      assert created == ["a", "a/b", "a/b/c", "a/b/c/d"]
    end

    test "of names with a newline or no UTF-8 carry the bytes on disk", %{dir: dir} do
      watcher = watched!(dir)
      names = ["new\nline", <<"raw", 0xFF, 0xC3>>, String.duplicate("x", 255)]
      for name <- names, do: File.write!(dir <> "/" <> name, "")
      created = for {:created, path} <- changes(watcher, dir), do: path
      assert Enum.sort(created) == Enum.sort(names)
    end

    test "are numbered without a gap", %{dir: dir} do
      watcher = watched!(dir)

      for number <- 1..50 do
        File.write!(Path.join(dir, "#{number}"), "")
        :ok = Lookout.sync(watcher)
      end

      seqs = for {:events, seq, _events} <- taken(watcher), do: seq
      assert seqs == Enum.to_list(1..length(seqs))
      assert {:ok, %{seq: seq}} = Lookout.info(watcher)
      assert seq == length(seqs)
    end
  end

  describe "P2: a mirror" do
    test "made by list and the batches after it is the tree on disk", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p a/b/c d && touch a/1 a/b/2 a/b/c/3 && ln -s a link")
      watcher = watched!(dir)
      {:ok, seq, entries} = Lookout.list(watcher)
      mirror = Mirror.new([dir], entries)
      assert Mirror.types(mirror) == Mirror.disk(dir)

      script = """
      mv a/b d/b; touch d/b/c/4; mv d/b/2 a/1; rm -r a; mkdir a; touch a/x a/y; ln a/x a/z; mv a/z a/y
      mv d a/d; mkdir d; mv a/d/b d; rm link; touch link
      """

      for _round <- 1..5 do
        {"", 0} = shell(dir, script)
        {"", 0} = shell(dir, "rm -rf ./* && mkdir -p a/b/c d && touch a/1 a/b/2 a/b/c/3 && ln -s a link")
      end

      :ok = Lookout.sync(watcher)
      events = for {:events, n, events} <- taken(watcher), n > seq, event <- events, do: event
      assert mirror |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(dir)
    end

    test "can be made of the batches alone with initial: true", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p a/b/c && touch a/b/c/1 2")
      watcher = watched!(dir, initial: true)
      File.write!(Path.join(dir, "3"), "")
      :ok = Lookout.sync(watcher)
      events = for {:events, _seq, events} <- taken(watcher), event <- events, do: event
      assert [dir] |> Mirror.new([]) |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(dir)
    end

    test "stays one when directories are added and removed", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p one/a two/b/c && touch two/b/c/d")
      [one, two] = for name <- ["one", "two"], do: Path.join(dir, name)
      watcher = watched!(one)
      {:ok, seq, entries} = Lookout.list(watcher)

      :ok = Lookout.add(watcher, two)
      assert Lookout.dirs(watcher) == {:ok, [one, two]}
      File.write!(Path.join(two, "e"), "")
      :ok = Lookout.remove(watcher, one)
      assert Lookout.dirs(watcher) == {:ok, [two]}
      :ok = Lookout.sync(watcher)

      events = for {:events, n, events} <- taken(watcher), n > seq, event <- events, do: event
      assert [one, two] |> Mirror.new(entries) |> Mirror.replay(events) |> Mirror.types() == Mirror.disk(two)
    end
  end

  describe "list" do
    test "tells size, mtime and mode only when asked", %{dir: dir} do
      path = Path.join(dir, "a")
      File.write!(path, "12345")
      File.chmod!(path, 0o640)
      watcher = start_watcher!(dir)
      %File.Stat{inode: inode, mtime: mtime} = File.stat!(path, time: :posix)

      assert {:ok, 0, [%Entry{path: ^path, type: :file, inode: ^inode, size: nil, mtime: nil, mode: nil}]} =
               Lookout.list(watcher)

      assert {:ok, 0, [%Entry{size: 5, mode: 0o100640, mtime: ns}]} = Lookout.list(watcher, stat: true)
      assert div(ns, 1_000_000_000) == mtime
    end

    test "can be limited to what is below a directory", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p a/b c && touch a/b/1 c/2")
      watcher = start_watcher!(dir)
      assert {:ok, 0, entries} = Lookout.list(watcher, under: Path.join(dir, "a"))
      assert Enum.map(entries, & &1.path) == for(path <- ["a/b", "a/b/1"], do: Path.join(dir, path))

      assert {:error, %Error{reason: :not_found}} = Lookout.list(watcher, under: Path.join(dir, "nowhere"))
    end

    test "of many entries comes whole, and leaves no message behind", %{dir: dir} do
      {"", 0} = shell(dir, "seq 20000 | xargs touch")
      watcher = start_watcher!(dir)
      assert {:ok, 0, entries} = Lookout.list(watcher)
      assert entries |> MapSet.new(& &1.path) |> MapSet.size() == 20_000
      assert Process.info(self(), :messages) == {:messages, []}
    end
  end

  describe "what is watched" do
    test "may be many directories, and single files", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir one two && touch one/a two/a two/b")
      watcher = watched!([], dirs: [Path.join(dir, "one"), Path.join(dir, "two/a")])
      {"", 0} = shell(dir, "echo 1 >> one/a; echo 1 >> two/a; echo 1 >> two/b")
      assert Enum.sort(changes(watcher, dir)) == [{:modified, "one/a"}, {:modified, "two/a"}]
    end

    test "below two nested directories is told once", %{dir: dir} do
      File.mkdir!(Path.join(dir, "a"))
      watcher = watched!([], dirs: [dir, Path.join(dir, "a")])
      File.mkdir!(Path.join(dir, "a/b"))
      assert changes(watcher, dir) == [{:created, "a/b"}]
    end

    test "is one level with recursive: false, for directories added later too", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p one/a two/a")
      watcher = watched!(Path.join(dir, "one"), recursive: false)
      :ok = Lookout.add(watcher, Path.join(dir, "two"))
      _created = changes(watcher, dir)
      {"", 0} = shell(dir, "mkdir one/a/x two/a/x one/b two/b")
      created = for {:created, path} <- changes(watcher, dir), do: path
      assert Enum.sort(created) == ["one/b", "two/b"]
    end

    test "is reported under the name by which it was given", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir real && ln -s real link")
      watcher = watched!(Path.join(dir, "link") <> "/../link/")
      File.mkdir!(Path.join(dir, "real/a"))
      assert changes(watcher, dir) == [{:created, "link/a"}]
    end

    test "may be nothing at first", %{dir: dir} do
      watcher = watched!([], dirs: [])
      assert Lookout.list(watcher) == {:ok, 0, []}
      :ok = Lookout.add(watcher, dir)
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]
    end

    test "can be added twice, and removed once", %{dir: dir} do
      watcher = watched!(dir)
      assert Lookout.add(watcher, dir) == :ok
      assert Lookout.add(watcher, String.to_charlist(dir)) == :ok
      assert Lookout.dirs(watcher) == {:ok, [dir]}
      assert Lookout.remove(watcher, dir) == :ok
      assert {:error, %Error{reason: :not_watched, path: ^dir}} = Lookout.remove(watcher, dir)
      assert Lookout.dirs(watcher) == {:ok, []}
    end

    test "cannot be added when it is missing, and the rest lives on", %{dir: dir} do
      watcher = watched!(dir)
      missing = Path.join(dir, "missing")
      assert {:error, %Error{reason: :enoent, path: ^missing}} = Lookout.add(watcher, missing)
      assert Lookout.dirs(watcher) == {:ok, [dir]}
      File.mkdir!(Path.join(dir, "a"))
      assert changes(watcher, dir) == [{:created, "a"}]
    end
  end

  describe "P8: notices" do
    test "say that a watched directory went, after its entries, and that it is back", %{dir: dir} do
      root = Path.join(dir, "root")
      {"", 0} = shell(dir, "mkdir root && touch root/a")
      watcher = watched!(root)

      File.rm_rf!(root)
      assert changes_and_notices(watcher, root) == [{:deleted, "a"}, {:root_deleted, root}]

      {"", 0} = shell(dir, "mkdir root && mkdir root/b")
      assert changes_and_notices(watcher, root) == [{:root_created, root}, {:created, "b"}]
    end

    test "say that a directory cannot be read, and it is read as soon as it can", %{dir: dir} do
      root = Path.join(dir, "root")
      File.mkdir!(root)
      watcher = start_watcher!([dirs: root], port_path: FakeProgram.unprivileged!(dir))
      {:ok, ^watcher} = Lookout.subscribe(watcher)

      {"", 0} = shell(root, "mkdir -m 0 secret")
      assert {:unreadable, Path.join(root, "secret"), :eacces} in changes_and_notices(watcher, root)

      {"", 0} = shell(root, "mkdir secret/a && chmod 755 secret")
      assert {:created, "secret/a"} in changes(watcher, root)
    end
  end

  describe "settle" do
    test "holds changes back until it is quiet, and sync does not wait for it", %{dir: dir} do
      watcher = watched!(dir, settle: 3_600_000)
      {"", 0} = shell(dir, "mkdir a b")
      refute_received {:lookout, ^watcher, {:events, _seq, _events}}
      assert changes(watcher, dir) |> Enum.sort() == [{:created, "a"}, {:created, "b"}]
    end

    test "holds changes back for :max_settle at most", %{dir: dir} do
      watcher = watched!(dir, settle: 3_600_000, max_settle: 50)
      {"", 0} = shell(dir, "mkdir a")
      assert_receive {:lookout, ^watcher, {:events, 1, [%{change: :created}]}}, 10_000
    end

    test "is not undone by a directory that is added", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir one two")
      watcher = watched!(Path.join(dir, "one"), settle: 3_600_000)
      :ok = Lookout.add(watcher, Path.join(dir, "two"))
      _created = changes(watcher, dir)
      {"", 0} = shell(dir, "mkdir one/a && rmdir one/a")
      assert changes(watcher, dir) == []
    end
  end

  test "with await: :close a file is told when it has been closed", %{dir: dir} do
    watcher = watched!(dir, await: :close)
    file = File.open!(Path.join(dir, "a"), [:write, :raw])
    :ok = :file.write(file, "half")
    assert changes(watcher, dir) == []
    :ok = File.close(file)
    assert changes(watcher, dir) == [{:created, "a"}]
  end

  describe "what is told" do
    test "leaves out what is ignored, and follows what comes into sight and goes", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir -p deps/a lib; touch deps/a/x lib/a.o lib/a")
      watcher = watched!(dir, ignore: ["deps/", "*.o"])
      assert {:ok, 0, [%{path: lib}, %{path: a}]} = Lookout.list(watcher)
      assert {lib, a} == {Path.join(dir, "lib"), Path.join(dir, "lib/a")}
      assert {:ok, %{watches: 2}} = Lookout.info(watcher)

      {"", 0} = shell(dir, "touch lib/b.o deps/a/y; mv lib/a.o lib/c")
      assert changes(watcher, dir) == [{:created, "lib/c"}]
      {"", 0} = shell(dir, "mv lib deps/lib")
      assert Enum.sort(changes(watcher, dir)) == [{:deleted, "lib"}, {:deleted, "lib/a"}, {:deleted, "lib/c"}]
    end

    test "follows a .gitignore as it changes", %{dir: dir} do
      {"", 0} = shell(dir, "echo '*.o' > .gitignore; mkdir .git lib; touch lib/a.o lib/b")
      watcher = watched!(dir, gitignore: true)
      {:ok, 0, entries} = Lookout.list(watcher)
      assert Enum.sort(for entry <- entries, do: Path.basename(entry.path)) == [".gitignore", "b", "lib"]

      {"", 0} = shell(dir, "echo b > .gitignore")
      # The file was emptied, then written: that may be seen as one change, or as two.
      told = watcher |> changes(dir) |> Enum.sort() |> Enum.dedup()
      assert told == [{:created, "lib/a.o"}, {:deleted, "lib/b"}, {:modified, ".gitignore"}]
    end

    test "is only the changes asked for by :changes, in batches without a gap", %{dir: dir} do
      watcher = watched!(dir, changes: [:created, :renamed])
      {"", 0} = shell(dir, "touch a b; echo more > a; chmod 600 a; rm b")
      :ok = Lookout.sync(watcher)
      {"", 0} = shell(dir, "rm a; touch e")
      :ok = Lookout.sync(watcher)
      {"", 0} = shell(dir, "mv e f")
      told = changes(watcher, dir)
      for change <- [{:created, "a"}, {:created, "e"}, {:renamed, "f", "e"}], do: assert(change in told)
      assert [] == Enum.reject(told, &(elem(&1, 0) in [:created, :renamed]))
      assert {:ok, _seq, [%{path: path}]} = Lookout.list(watcher)
      assert path == Path.join(dir, "f")
    end

    test "is what matches alone with :only, in directories added later too", %{dir: dir} do
      {"", 0} = shell(dir, "mkdir one two")
      watcher = watched!(Path.join(dir, "one"), only: ["*.ex"])
      :ok = Lookout.add(watcher, Path.join(dir, "two"))
      {"", 0} = shell(dir, "for name in one/a.ex one/a.o two/b.ex two/b.o; do ln -s x $name; done")
      assert Enum.sort(changes(watcher, dir)) == [{:created, "one/a.ex"}, {:created, "two/b.ex"}]
    end
  end

  test "alternatives in a pattern are expanded", %{dir: dir} do
    watcher = watched!(dir, only: ["**/*.{ex,exs}"], ignore: ["{deps,_build}/"])
    {"", 0} = shell(dir, "mkdir deps lib; for name in a.ex lib/b.exs lib/c.o deps/d.ex; do ln -s x $name; done")
    assert Enum.sort(changes(watcher, dir)) == [{:created, "a.ex"}, {:created, "lib"}, {:created, "lib/b.exs"}]
  end

  test "a directory is watched by fanotify, or it is said what that needs", %{dir: dir} do
    case Lookout.start_link(dirs: dir, backend: :fanotify, subscribe: [self()]) do
      {:ok, watcher} ->
        assert {:ok, %{roots: %{^dir => :fanotify}}} = Lookout.info(watcher)
        File.write!(Path.join(dir, "a"), "")
        assert {:created, "a"} in changes(watcher, dir)

      {:error, error} ->
        assert error.reason in [:eperm, :einval]
        assert Exception.message(error) =~ "CAP_SYS_ADMIN"
    end
  end

  describe "a polled directory" do
    test "is looked at every interval and takes no watch", %{dir: dir} do
      watcher = watched!(dir, backend: :poll, poll_interval: 20)

      assert {:ok, %{roots: %{^dir => :poll}, watches: 0, polled: 1}} = Lookout.info(watcher)
      File.write!(Path.join(dir, "b"), "")
      assert_receive {:lookout, ^watcher, {:events, 1, [%Lookout.Event{change: :created}]}}, 5_000
    end

    @tag skip: System.find_executable("fswatch") == nil && "fswatch is not installed"
    test "is looked at where fswatch says so, without waiting for the interval", %{dir: dir} do
      watcher = watched!(dir, backend: :fswatch, poll_interval: 3_600_000)
      eventually(fn -> match?({:ok, %{roots: %{^dir => :fswatch}}}, Lookout.info(watcher)) end)

      # It does not say when its watches are live.
      eventually(fn ->
        File.write!(Path.join(dir, "a"), "x", [:append])
        match?([_ | _], taken(watcher))
      end)
    end

    test "is looked at for a sync, however long the interval", %{dir: dir} do
      watcher = watched!(dir, backend: :poll, poll_interval: 3_600_000)
      File.write!(Path.join(dir, "a"), "")
      assert changes(watcher, dir) == [{:created, "a"}]
    end
  end

  test "info tells figures of the watcher and of its program", %{dir: dir} do
    File.write!(Path.join(dir, "a"), "")
    watcher = watched!(dir)

    assert {:ok, %{dirs: [^dir], files: 1, subscribers: 1, restarts: 0, held: 0, seq: 0} = info} = Lookout.info(watcher)
    assert is_integer(info.memory) and is_integer(info.os_pid) and is_binary(info.version)
    assert info.credit in 16..32
  end

  defp changes_and_notices(watcher, dir) do
    :ok = Lookout.sync(watcher)

    Enum.flat_map(taken(watcher), fn
      {:events, _seq, events} -> Enum.map(events, &change(&1, dir))
      {:notice, notice} -> [notice]
    end)
  end

  defp shell(dir, script), do: System.cmd("sh", ["-c", script], cd: dir)
end
