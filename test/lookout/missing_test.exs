defmodule Lookout.MissingTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, Event}

  setup %{dir: dir} do
    {:ok, root: Path.join(dir, "a/root")}
  end

  defp make!(root, name \\ "file") do
    File.mkdir_p!(root)
    File.write!(Path.join(root, name), "")
  end

  defp subscribed!(watcher) do
    {:ok, watcher} = Lookout.subscribe(watcher)
    watcher
  end

  # The next event of a path.
  defp assert_created(watcher, path) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} ->
        unless Enum.any?(events, &match?(%Event{change: :created, path: ^path}, &1)), do: assert_created(watcher, path)
    after
      10_000 -> flunk("#{path} was not reported")
    end
  end

  describe "a directory that is missing when the watcher starts" do
    test "is an error by default, also in the child specification", %{root: root} do
      assert {:error, %Error{reason: :enoent, path: ^root}} = Lookout.start_link(root)
      assert {:error, {%Error{reason: :enoent}, _child}} = start_supervised({Lookout, dirs: root})
    end

    test "is waited for with :wait: notices say that it is missing and that it appears, and its entries are reported",
         %{dir: dir, root: root} do
      watcher = start_supervised!({Lookout, dirs: [dir, root], missing: :wait, subscribe: [self()]})
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      assert {:ok, %{roots: %{^dir => :inotify, ^root => nil}}} = Lookout.info(watcher)
      assert Lookout.dirs(watcher) == {:ok, [dir, root]}
      make!(root)
      assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
    end

    test "is reported with all that it contains when it appears, with and without initial: true", %{root: root} do
      for initial <- [false, true] do
        watcher =
          start_supervised!({Lookout, dirs: root, missing: :wait, initial: initial, subscribe: [self()]}, id: initial)

        assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
        make!(root)
        assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
        assert_created(watcher, Path.join(root, "file"))
        File.rm_rf!(root)
        assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      end
    end

    test "may be a single file as well", %{dir: dir, root: root} do
      watcher = start_supervised!({Lookout, dirs: root, missing: :wait, subscribe: [self()]})
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      File.mkdir!(Path.join(dir, "a"))
      File.write!(root, "")
      assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
      assert_created(watcher, root)
    end
  end

  describe "a watcher under a supervisor" do
    test "that is killed while its directory is away starts again, and reports what comes with the directory", %{
      root: root
    } do
      make!(root)
      name = __MODULE__.Killed
      child = {Lookout, dirs: root, name: name, missing: :wait}
      # A supervisor like that of an application: one start that fails would end it.
      {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one, max_restarts: 1)
      watcher = subscribed!(name)
      File.rm_rf!(root)
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      Process.exit(watcher, :kill)
      eventually(fn -> Process.whereis(name) not in [nil, watcher] end)

      watcher = subscribed!(name)
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      make!(root)
      assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
      assert_created(watcher, Path.join(root, "file"))
      assert Process.alive?(supervisor)
      :ok = Supervisor.stop(supervisor)
    end
  end

  for missing <- [:error, :wait] do
    test "a live watcher whose lookout_port dies while its directory is away goes on: missing: #{missing}", %{
      root: root
    } do
      make!(root)
      watcher = start_watcher!([dirs: root, missing: unquote(missing), subscribe: [self()]], backoff: {1, 1})
      File.rm_rf!(root)
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      signal(os_pid(watcher), "KILL")
      assert_receive {:lookout, ^watcher, {:notice, :restarted}}, 10_000
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      make!(root)
      assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
      assert_created(watcher, Path.join(root, "file"))
    end
  end

  describe "who subscribes later" do
    test "gets a notice of each directory that is missing then, and not again when it subscribes again", %{
      dir: dir,
      root: root
    } do
      watcher = start_supervised!({Lookout, dirs: [dir, root], missing: :wait})
      :ok = Lookout.sync(watcher)
      for active <- [true, 1, true], do: {:ok, ^watcher} = Lookout.subscribe(watcher, active: active)
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      :ok = Lookout.sync(watcher)
      assert taken(watcher) == []
    end

    test "gets none of a directory that is back, or that is not watched any more", %{dir: dir, root: root} do
      other = Path.join(dir, "other")
      watcher = start_supervised!({Lookout, dirs: [root, other], missing: :wait})
      make!(root)
      :ok = Lookout.remove(watcher, other)
      :ok = Lookout.sync(watcher)
      subscribed!(watcher)
      :ok = Lookout.sync(watcher)
      assert taken(watcher) == []
    end

    test "gets none of a directory that came back while lookout_port was replaced", %{root: root} do
      me = self()
      subscriber = spawn_link(fn -> forward(me) end)

      watcher = start_watcher!([dirs: root, missing: :wait, subscribe: [subscriber]], backoff: {1, 1})
      assert_receive {:lookout, ^watcher, {:notice, {:root_deleted, ^root}}}, 10_000
      os_pid = os_pid(watcher)
      signal(os_pid, "STOP")
      make!(root)
      signal(os_pid, "KILL")
      assert_receive {:lookout, ^watcher, {:notice, :restarted}}, 10_000
      :ok = Lookout.sync(watcher)
      _before = taken(watcher)
      subscribed!(watcher)
      :ok = Lookout.sync(watcher)
      assert taken(watcher) == []
    end

    defp forward(pid) do
      receive do: (message -> send(pid, message))
      forward(pid)
    end
  end

  describe "add" do
    test "takes a missing directory with :wait, by itself or from the watcher", %{dir: dir, root: root} do
      strict = start_supervised!({Lookout, dirs: dir, subscribe: [self()]}, id: :strict)
      patient = start_supervised!({Lookout, dirs: dir, missing: :wait, subscribe: [self()]}, id: :patient)
      assert {:error, %Error{reason: :enoent}} = Lookout.add(strict, root)
      assert {:error, %Error{reason: :enoent}} = Lookout.add(patient, root, missing: :error)
      assert {:error, %Error{reason: :timeout}} = Lookout.add(patient, root, 0)
      assert :ok = Lookout.add(strict, root, missing: :wait, timeout: 10_000)
      assert :ok = Lookout.add(patient, root)
      make!(root)

      for watcher <- [strict, patient] do
        assert_receive {:lookout, ^watcher, {:notice, {:root_created, ^root}}}, 10_000
      end
    end
  end

  test "a runner with a watcher of its own waits for it", %{root: root} do
    options = [dirs: root, missing: :wait, command: ["true"], into: nil, notify: self()]
    runner = start_supervised!({Lookout.Runner, options})
    assert_receive {:lookout_runner, ^runner, {:notice, {:root_deleted, ^root}}}, 10_000
    make!(root)
    assert_receive {:lookout_runner, ^runner, {:notice, {:root_created, ^root}}}, 10_000
    assert_receive {:lookout_runner, ^runner, {:finished, 0}}, 10_000
  end
end
