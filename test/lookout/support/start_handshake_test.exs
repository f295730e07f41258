defmodule Lookout.Support.StartHandshakeTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, FakeProgram}
  alias Lookout.Port.Program

  describe "a directory that cannot be watched" do
    test "is an error, and a bare process that called start_link lives on", %{dir: dir} do
      missing = Path.join(dir, "missing")
      me = self()

      {caller, ref} =
        spawn_monitor(fn ->
          send(me, {:result, Lookout.start_link(missing)})
          send(me, {:mailbox, Process.info(self(), :messages), Process.info(self(), :links)})
          receive do: (:end -> :ok)
        end)

      assert_receive {:result, {:error, %Error{reason: :enoent, path: ^missing} = error}}
      assert Exception.message(error) =~ "create it first"
      assert_receive {:mailbox, {:messages, []}, {:links, []}}
      send(caller, :end)
      assert_receive {:DOWN, ^ref, :process, ^caller, :normal}
    end

    test "since its links lead back to themselves is an error that says so, with the path and what to do", %{dir: dir} do
      [one, two] = for name <- ["one", "two"], do: Path.join(dir, name)
      File.ln_s!(two, one)
      File.ln_s!(one, two)

      for start <- [one, Path.join(one, "below")] do
        assert {:error, %Error{reason: :eloop, operation: :open, path: ^start} = error} = Lookout.start_link(start)
        assert error.detail =~ "a symbolic link in this path leads back to itself"
        assert error.detail =~ "namei -l PATH"
      end
    end

    test "is an error to a process that traps exits, without any message", %{dir: dir} do
      Process.flag(:trap_exit, true)
      assert {:error, %Error{reason: :enoent}} = Lookout.start_link(dirs: [dir, Path.join(dir, "missing")])
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "leaves its name free, whatever way it was registered", %{dir: dir} do
      start_supervised!({Registry, keys: :unique, name: __MODULE__.Registry})

      for name <- [__MODULE__.Name, {:global, make_ref()}, {:via, Registry, {__MODULE__.Registry, :a}}], _ <- 1..5 do
        assert {:error, %Error{reason: :enoent}} = Lookout.start_link(dirs: Path.join(dir, "missing"), name: name)
        {:ok, watcher} = Lookout.start_link(dirs: dir, name: name)
        assert {:ok, [^dir]} = Lookout.dirs(name)
        :ok = Lookout.stop(watcher)
        eventually(fn -> GenServer.whereis(name) == nil end)
      end
    end

    test "is told those who have subscribed by the name meanwhile, and not those whom nobody told the name", %{dir: dir} do
      me = self()
      failed = {:say, {:reply, 1, {:error, {:enoent, :watch, "/missing", "create it first"}}}}
      await = {:sh, "until [ -e #{dir}/go ]; do sleep 0.01; done"}
      path = FakeProgram.write!(dir, [{:say, {:hello, 1, "0"}}, await, failed, :listen])

      given =
        spawn_link(fn ->
          receive do: ({:mailbox, from} -> send(from, {:mailbox, Process.info(self(), :messages)}))
        end)

      options = Lookout.Watcher.Options.parse!(dirs: "/missing", name: __MODULE__.Meanwhile, subscribe: [given])
      options = %{options | limits: %Lookout.Port.Tuning{port_path: path, shutdown_timeout: 10}}
      spawn_link(fn -> send(me, {:started, Lookout.Watcher.Server.start_link(options)}) end)

      {:ok, watcher} = eventually(fn -> with {:error, _error} <- Lookout.subscribe(__MODULE__.Meanwhile), do: nil end)
      File.write!(Path.join(dir, "go"), "")
      assert_receive {:started, {:error, %Error{reason: :enoent} = error}}, 10_000
      assert_received {:lookout, ^watcher, {:stopped, ^error}}
      send(given, {:mailbox, me})
      assert_receive {:mailbox, {:messages, []}}
    end

    test "is :enotdir where a parent is a file", %{dir: dir} do
      File.write!(Path.join(dir, "file"), "")
      assert {:error, %Error{reason: :enotdir}} = Lookout.start_link(Path.join(dir, "file/a"))
    end

    test "is :eacces where it may not be read", %{dir: dir} do
      {"", 0} = System.cmd("mkdir", ["-m", "0", Path.join(dir, "secret")])

      assert {:error, {%Error{reason: :eacces} = error, _child}} =
               start(Path.join(dir, "secret"), FakeProgram.unprivileged!(dir))

      assert Exception.message(error) =~ "secret"
    end

    test "leaves no program behind", %{dir: dir} do
      assert {:error, %Error{}} = Lookout.start_link(Path.join(dir, "missing"))
      # Only the program knows this directory as its own.
      assert Port.list() |> Enum.filter(&(Port.info(&1, :connected) == {:connected, self()})) == []
    end
  end

  describe "the program" do
    test "that is missing is an error that says where it was looked for and how to build it", %{dir: dir} do
      path = Path.join(dir, "lookout_port")
      assert {:error, {%Error{reason: :enoent, operation: :open_port, path: ^path} = error, _child}} = start(dir, path)
      assert Exception.message(error) =~ "mix compile"
    end

    test "that may not be executed is an error that says so", %{dir: dir} do
      path = Path.join(dir, "lookout_port")
      File.write!(path, "")
      assert {:error, {%Error{reason: :eacces, operation: :open_port, path: ^path} = error, _child}} = start(dir, path)
      assert Exception.message(error) =~ "chmod +x"
    end

    defp start(dir, path) do
      options = %{Lookout.Watcher.Options.parse!(dir) | limits: %Lookout.Port.Tuning{port_path: path}}
      start_supervised(%{id: :a, start: {Lookout.Watcher.Server, :start_link, [options]}})
    end

    test "stands where port_path says" do
      assert File.exists?(Lookout.port_path())
    end
  end

  describe "a name" do
    test "serves every call", %{dir: dir} do
      watcher = start_supervised!({Lookout, dirs: dir, name: __MODULE__.Calls})

      for name <- [__MODULE__.Calls, {__MODULE__.Calls, node()}, watcher] do
        assert Lookout.subscribe(name, active: 0) == {:ok, watcher}
        assert Lookout.ask(name, 1) == :ok
        assert Lookout.sync(name) == :ok
        assert Lookout.list(name) == {:ok, 0, []}
        assert {:ok, %{}} = Lookout.info(name)
        assert Lookout.unsubscribe(name) == :ok
      end
    end

    test "that is taken is an error", %{dir: dir} do
      watcher = start_supervised!({Lookout, dirs: dir, name: __MODULE__.Taken})
      assert Lookout.start_link(dirs: dir, name: __MODULE__.Taken) == {:error, {:already_started, watcher}}
    end
  end

  describe "under a supervisor" do
    test "the child's id is the name, so that there may be several" do
      assert %{id: Lookout, start: {Lookout, :start_link, ["/a"]}} = Lookout.child_spec("/a")
      assert %{id: A} = Lookout.child_spec(dirs: "/a", name: A)
      assert %{modules: [Lookout.Watcher.Server]} = Lookout.child_spec("/a")
    end

    test "it starts, is restarted, and ends with it", %{dir: dir} do
      {:ok, supervisor} = Supervisor.start_link([{Lookout, dirs: dir, name: __MODULE__.Child}], strategy: :one_for_one)
      first = Process.whereis(__MODULE__.Child)
      first_program = os_pid(first)
      Process.exit(first, :kill)

      second =
        eventually(fn ->
          pid = Process.whereis(__MODULE__.Child)
          pid != first && pid
        end)

      second_program = os_pid(second)
      {:ok, ^second} = Lookout.subscribe(second)
      :ok = Supervisor.stop(supervisor)
      assert_received {:lookout, ^second, {:stopped, :shutdown}}
      eventually(fn -> gone?(first_program) and gone?(second_program) end)
    end
  end

  describe "ready: :async" do
    test "returns at once, and says :ready to those who subscribe before and after", %{dir: dir} do
      {:ok, watcher} = Lookout.start_link(dirs: dir, ready: :async, subscribe: [self()])
      assert_receive {:lookout, ^watcher, {:notice, :ready}}

      task = Task.async(fn -> {Lookout.subscribe(watcher), taken(watcher)} end)
      assert Task.await(task) == {{:ok, watcher}, [{:notice, :ready}]}

      # Told once.
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      :ok = Lookout.sync(watcher)
      assert taken(watcher) == []
    end

    test "says :ready once to whom it was kept for, after what exists", %{dir: dir} do
      File.write!(Path.join(dir, "a"), "")
      {:ok, watcher} = Lookout.start_link(dirs: dir, ready: :async, initial: true)
      {:ok, _seq, [_a]} = Lookout.list(watcher)

      for _ <- 1..2 do
        {:ok, ^watcher} = Lookout.subscribe(watcher)
        :ok = Lookout.sync(watcher)
      end

      messages = taken(watcher)
      assert for({:events, _seq, events} <- messages, event <- events, do: change(event, dir)) == [{:created, "a"}]
      assert for({:notice, notice} <- messages, do: notice) == [:ready]
    end

    test "says :ready once to who comes while it is kept for a slow one", %{dir: dir} do
      {:ok, watcher} = Lookout.start_link(dirs: dir, ready: :async, initial: true)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)
      {:ok, 0, []} = Lookout.list(watcher)
      task = Task.async(fn -> {Lookout.subscribe(watcher), Lookout.sync(watcher), taken(watcher)} end)
      eventually(fn -> :sys.get_state(watcher).delivery.syncs != %{} end)
      :ok = Lookout.ask(watcher, 1)
      assert Task.await(task) == {{:ok, watcher}, :ok, [{:notice, :ready}]}
    end

    test "keeps requests until the watches are live", %{dir: dir} do
      File.write!(Path.join(dir, "a"), "")
      {:ok, watcher} = Lookout.start_link(dirs: dir, ready: :async)
      assert {:ok, 0, [%Lookout.Entry{}]} = Lookout.list(watcher)
    end

    test "P5: lets info be answered before the watches are live, and asks for it once", %{dir: dir} do
      heard = Path.join(dir, "heard")
      await = fn condition -> {:sh, "until #{condition}; do sleep 0.01; done"} end
      infos = fn count -> await.("[ $(grep -ao info #{heard} | wc -l) -ge #{count} ]") end

      steps =
        [{:sh, "exec 3<&0; cat <&3 >#{heard} &"}, await.("[ -e #{dir}/go ]"), {:say, {:hello, 1, "0"}}] ++
          [infos.(1), {:say, {:reply, 1, {:ok, %{files: 7}}}}, infos.(2), {:say, {:reply, 2, :ok}}] ++
          [await.("grep -aq list #{heard}"), {:say, {:reply, 3, {:ok, %{files: 8}}}}, {:say, {:reply, 4, {:ok, 0}}}] ++
          [{:sh, "wait"}]

      limits = [port_path: FakeProgram.write!(dir, steps), shutdown_timeout: 10, quiet: 60_000]
      watcher = start_watcher!([dirs: "/", ready: :async], limits)
      open = fn -> Program.open_kinds(:sys.get_state(watcher).program) end

      first = Task.async(fn -> Lookout.info(watcher, 60_000) end)
      eventually(fn -> match?([{:info, _from}], open.()) end)
      File.write!(Path.join(dir, "go"), "")
      assert {:ok, %{files: 7}} = Task.await(first, 30_000)

      second = Task.async(fn -> Lookout.info(watcher, 60_000) end)
      eventually(fn -> Enum.any?(open.(), &match?({:info, _from}, &1)) end)
      # Sent when the watches are live, after whatever else is sent then.
      assert {:ok, 0, []} = Lookout.list(watcher, timeout: 30_000)
      assert {:ok, %{files: 8}} = Task.await(second)
      assert [_before, _first, _second] = heard |> File.read!() |> :binary.split("info", [:global])
    end

    test "stops with the error when there is nothing to watch", %{dir: dir} do
      Process.flag(:trap_exit, true)
      {:ok, watcher} = Lookout.start_link(dirs: Path.join(dir, "missing"), ready: :async, subscribe: [self()])
      assert_receive {:lookout, ^watcher, {:stopped, %Error{reason: :enoent} = error}}
      assert_receive {:EXIT, ^watcher, ^error}
    end
  end

  describe "from Erlang" do
    test "it starts with charlists and proplists", %{dir: dir} do
      {:ok, watcher} = :"Elixir.Lookout".start_link(String.to_charlist(dir))
      assert Lookout.dirs(watcher) == {:ok, [dir]}
      :ok = Lookout.stop(watcher)

      {:ok, watcher} = :"Elixir.Lookout".start_link([:initial, {:dirs, [String.to_charlist(dir)]}])
      assert Lookout.dirs(watcher) == {:ok, [dir]}
      :ok = Lookout.stop(watcher)
    end
  end
end
