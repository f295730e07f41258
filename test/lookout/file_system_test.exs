defmodule Lookout.FileSystemTest do
  use Lookout.Case, async: true

  import Lookout.LogCapture
  alias Lookout.{FileEvents, FileSystem, OracleTools}

  # Churns of thousands of files take long on a busy machine.
  @moduletag timeout: 300_000

  setup %{dir: dir} do
    watched = Path.join(dir, "watched")
    File.mkdir!(watched)
    {:ok, watched: watched}
  end

  defp start!(options), do: start_supervised!({FileSystem, options}, restart: :temporary)

  # The messages of a watcher until now, paths relative to `dir`. Of a file that is opened, written and closed there may be more than one
  # change: the tests make empty files, and append by one write.
  defp file_events(pid, dir) do
    :ok = Lookout.sync(pid)
    for {path, events} <- taken_events(pid), do: {Path.relative_to(path, dir), events}
  end

  defp taken_events(pid) do
    receive do
      {:file_event, ^pid, event} -> [event | taken_events(pid)]
    after
      0 -> []
    end
  end

  describe "messages" do
    setup %{watched: watched} do
      pid = start!(dirs: [watched])
      :ok = FileSystem.subscribe(pid)
      {:ok, pid: pid}
    end

    test "a created file is created, modified, and modified and closed", %{pid: pid, watched: watched} do
      File.write!(Path.join(watched, "a"), "")
      assert [{"a", [:created]}, {"a", [:modified]}, {"a", [:modified, :closed]}] = file_events(pid, watched)
    end

    test "a written file is modified, and modified and closed", %{pid: pid, watched: watched} do
      File.write!(Path.join(watched, "a"), "")
      file_events(pid, watched)
      File.write!(Path.join(watched, "a"), "22", [:append])
      assert [{"a", [:modified]}, {"a", [:modified, :closed]}] = file_events(pid, watched)
    end

    test "directories carry :isdir, and a link has no content", %{pid: pid, watched: watched} do
      File.mkdir!(Path.join(watched, "d"))
      File.ln_s!("nowhere", Path.join(watched, "l"))
      assert [{"d", [:created, :isdir]}, {"l", [:created]}] = Enum.sort(file_events(pid, watched))
      chmod!(Path.join(watched, "d"), "700")
      assert [{"d", [:attribute, :isdir]}] = file_events(pid, watched)
      File.rename!(Path.join(watched, "d"), Path.join(watched, "e"))
      assert [{"d", [:moved_from, :isdir]}, {"e", [:moved_to, :isdir]}] = file_events(pid, watched)
      File.rmdir!(Path.join(watched, "e"))
      assert [{"e", [:deleted, :isdir]}] = file_events(pid, watched)
    end

    test "a renamed file is moved from and moved to, its attributes and its end are reported", context do
      %{pid: pid, watched: watched} = context
      File.write!(Path.join(watched, "a"), "")
      file_events(pid, watched)
      grow_old(pid)
      File.rename!(Path.join(watched, "a"), Path.join(watched, "b"))
      assert [{"a", [:moved_from]}, {"b", [:moved_to]}] = file_events(pid, watched)
      chmod!(Path.join(watched, "b"), "600")
      assert [{"b", [:attribute]}] = file_events(pid, watched)
      File.rm!(Path.join(watched, "b"))
      assert [{"b", [:deleted]}] = file_events(pid, watched)
    end

    test "paths are absolute binaries of the bytes on disk", %{pid: pid, watched: watched} do
      name = <<"odd", 10, 255, ",", 1>>
      path = Path.join(watched, name)
      {"", 0} = System.cmd("touch", [path])
      :ok = Lookout.sync(pid)
      assert_received {:file_event, ^pid, {^path, [:created]}}
    end

    test ":stop is the last message of a watcher that is stopped", %{pid: pid} do
      :ok = Lookout.stop(pid)
      assert_receive {:file_event, ^pid, :stop}
    end

    # phoenix_live_reload and mix_test_watch have no clause for it.
    test "nothing is sent when a supervisor shuts the watcher down", %{pid: pid} do
      ref = Process.monitor(pid)
      stop_supervised!(FileSystem)
      assert_receive {:DOWN, ^ref, :process, ^pid, :shutdown}
      refute_received {:file_event, ^pid, :stop}
    end

    test "who subscribes twice gets each message once", %{pid: pid, watched: watched} do
      :ok = FileSystem.subscribe(pid)
      File.mkdir!(Path.join(watched, "d"))
      assert [{"d", [:created, :isdir]}] = file_events(pid, watched)
    end
  end

  describe "start_link" do
    test "takes a name, relative directories and charlists", %{watched: watched} do
      relative = Path.relative_to(watched, "/")
      up = String.duplicate("../", length(Path.split(File.cwd!())) - 1)
      pid = start!(dirs: [String.to_charlist(up <> relative)], name: :lookout_file_system_test)
      assert Process.whereis(:lookout_file_system_test) == pid
      assert {:ok, [^watched]} = Lookout.dirs(pid)
      assert {:error, {:already_started, ^pid}} = FileSystem.start_link(dirs: [], name: :lookout_file_system_test)
    end

    test "an empty path is the working directory, and ~ has no meaning, as with FileSystem" do
      cwd = File.cwd!()
      assert {:ok, options} = FileSystem.Options.parse(dirs: ["", "~/x"])
      assert options.dirs == [cwd, Path.join(cwd, "~/x")]
    end

    test "a missing directory does not stop the others, and is watched when it appears", context do
      %{dir: dir, watched: watched} = context
      missing = Path.join(dir, "missing")

      log =
        logged(fn ->
          pid = start!(dirs: [missing, watched])
          :ok = FileSystem.subscribe(pid)
          File.mkdir!(Path.join(watched, "a"))
          assert [{"watched/a", [:created, :isdir]}] = file_events(pid, dir)
          File.mkdir_p!(Path.join(missing, "b"))
          path = Path.join(missing, "b")
          assert_receive {:file_event, ^pid, {^path, [:created, :isdir]}}, 10_000
        end)

      assert log =~ "missing\" does not exist; it is watched when it appears"
    end

    test "only what is directly in a directory is reported with recursive: false", %{watched: watched} do
      File.mkdir!(Path.join(watched, "d"))
      pid = start!(dirs: [watched], recursive: false)
      :ok = FileSystem.subscribe(pid)
      File.write!(Path.join(watched, "d/below"), "1")
      File.mkdir!(Path.join(watched, "beside"))
      assert [{"beside", [:created, :isdir]}] = file_events(pid, watched)
    end

    test "takes the options of file_system's backends, and Lookout's", %{watched: watched} do
      options = [dirs: [watched], backend: :fs_poll, interval: 50, latency: 0, no_defer: true, watch_root: true]
      assert {:ok, %{backend: :poll, poll_interval: 50, missing: :wait}} = FileSystem.Options.parse(options)
      assert {:ok, %{backend: :auto}} = FileSystem.Options.parse(dirs: [watched], backend: :fs_inotify)
      assert {:ok, %{backend: :fanotify}} = FileSystem.Options.parse(dirs: [watched], backend: :fanotify)

      pid = start!(dirs: [watched], ignore: ["*.swp"])
      :ok = FileSystem.subscribe(pid)
      File.write!(Path.join(watched, "a.swp"), "1")
      assert [] = file_events(pid, watched)
    end

    test "is ignored, with a warning, without directories and with a backend of another system" do
      assert logged(fn -> assert :ignore = FileSystem.start_link(recursive: true) end) =~ ":dirs is missing"
      assert logged(fn -> assert :ignore = FileSystem.start_link(dirs: ["."], backend: :fs_mac) end) =~ ":fs_mac"
    end

    test "an unknown option, or a bad value, raises and is named" do
      assert_raise ArgumentError, ~r/unknown option :dir /, fn -> FileSystem.start_link(dirs: ["."], dir: "x") end
      assert_raise ArgumentError, ~r/:recursive/, fn -> FileSystem.start_link(dirs: ["."], recursive: :yes) end
      assert_raise ArgumentError, ~r/:dirs/, fn -> FileSystem.start_link(dirs: [:lib]) end
      assert_raise ArgumentError, ~r/expected options/, fn -> FileSystem.start_link("lib") end
    end

    test "subscribe exits where there is no watcher" do
      assert {:noproc, {FileSystem, :subscribe, [:nobody_here]}} = catch_exit(FileSystem.subscribe(:nobody_here))
    end
  end

  describe "slow subscribers" do
    # 8 batches of at most 256 changes, with three messages each, come before the second check of the mailbox.
    test "one that does not read has a bounded mailbox, and misses nothing once it reads", context do
      %{dir: dir, watched: watched} = context
      outside = Path.join(dir, "outside")
      File.mkdir!(outside)
      for n <- 1..19_999, do: File.write!(Path.join(outside, "f#{n}"), "")
      pid = start!(dirs: [watched])
      :ok = FileSystem.subscribe(pid)
      File.rename!(outside, Path.join(watched, "moved_in"))
      # Nothing else holds up a sync.
      assert {:error, _lagging} = Task.await(Task.async(fn -> Lookout.sync(pid, 3_000) end))
      {:message_queue_len, waiting} = Process.info(self(), :message_queue_len)
      assert waiting in 8..(8 + 8 * 256 * 3)

      known = receive_until(pid, %FileEvents{}, &(MapSet.size(&1.paths) == 20_000))
      assert known.paths == FileEvents.on_disk(watched)
    end

    defp receive_until(pid, known, done?) do
      if done?.(known) do
        known
      else
        assert_receive {:file_event, ^pid, event}, 10_000
        receive_until(pid, FileEvents.apply_event(known, event), done?)
      end
    end
  end

  describe "recall" do
    test "in a gentle churn, compared after each change", %{watched: watched} do
      pid = start!(dirs: [watched])
      :ok = FileSystem.subscribe(pid)
      Process.put(:known, %FileEvents{})

      FileEvents.churn(watched, 440, 1, fn ->
        :ok = Lookout.sync(pid)
        Process.put(:known, Enum.reduce(taken_events(pid), Process.get(:known), &FileEvents.apply_event(&2, &1)))
        assert Process.get(:known).paths == FileEvents.on_disk(watched)
      end)
    end

    test "in a churn without a pause", %{watched: watched} do
      pid = start!(dirs: [watched])
      :ok = FileSystem.subscribe(pid)
      FileEvents.churn(watched, 1_000, 2, fn -> :ok end)
      :ok = Lookout.sync(pid)
      known = Enum.reduce(taken_events(pid), %FileEvents{}, &FileEvents.apply_event(&2, &1))
      assert known.paths == FileEvents.on_disk(watched)
    end

    # Races, odd names, paths longer than PATH_MAX.
    @tag timeout: 300_000
    test "in the churn of the mutator, compared whenever it rests", %{dir: dir} do
      root = Path.join(dir, "r0")
      arguments = ~w(--dir #{dir} --seed 3 --ops 2000 --roots 1 --log #{dir}/log)
      options = [:binary, :exit_status, line: 64, args: arguments]
      mutator = Port.open({:spawn_executable, OracleTools.path!("mutator")}, options)
      assert_receive {^mutator, {:data, {:eol, "ready"}}}, 60_000

      pid = start!(dirs: [root], initial: true)
      :ok = FileSystem.subscribe(pid)
      Port.command(mutator, "go\n")
      assert rests(mutator, pid, root, %FileEvents{}) > 0
    end

    defp rests(mutator, pid, root, known, count \\ 0) do
      receive do
        {^mutator, {:data, {:eol, "rest"}}} ->
          :ok = Lookout.sync(pid, 60_000)
          known = Enum.reduce(taken_events(pid), known, &FileEvents.apply_event(&2, &1))
          assert known.paths == [root] |> OracleTools.walk!() |> Map.keys() |> MapSet.new() |> MapSet.delete(root)
          Port.command(mutator, "go\n")
          rests(mutator, pid, root, known, count + 1)

        {^mutator, {:data, {:eol, "done"}}} ->
          count

        {:file_event, ^pid, event} ->
          rests(mutator, pid, root, FileEvents.apply_event(known, event), count)
      after
        120_000 -> flunk("the mutator did not rest")
      end
    end
  end
end
