defmodule Lookout.NodeTest do
  # Makes the VM of the tests a node.
  use Lookout.Case, async: false

  alias Lookout.{Entry, Error, NodeDouble, NodeProgram}
  alias Lookout.Port.Bridge

  @quick [backoff: {1, 20}]

  setup_all do
    :ok = NodeDouble.distribute()
    {:ok, storage: NodeDouble.start!()}
  end

  setup %{storage: storage} do
    for mode <- [{:refuse, nil}, {:deaf, false}], do: NodeDouble.call(storage, mode)
    :ok
  end

  defp watch!(storage, options, limits \\ []) do
    start_watcher!([node: storage.node, subscribe: [self()]] ++ options, @quick ++ limits)
  end

  defp cut(storage), do: true = :erlang.disconnect_node(storage.node)

  # The test says when the time of a timer is up, so that the load of the machine does not.
  defp time_is_up(watcher, name) do
    send(watcher, {:timeout, eventually(fn -> timer(watcher, name) end), {:program, name}})
  end

  defp timer(watcher, name), do: :sys.get_state(watcher).program.timers.running[name]

  # The double sees the end of a session in its own time.
  defp sessions(storage, counts), do: eventually(fn -> NodeDouble.call(storage, :sessions) == counts end)

  defp make(dir, name), do: File.mkdir!(Path.join(dir, name))

  defp await_notice(watcher, notice), do: assert_receive({:lookout, ^watcher, {:notice, ^notice}}, 20_000)

  describe "a watcher of directories on a node" do
    test "has every function of a local one", %{dir: dir, storage: storage} do
      root = Path.join(dir, "in")
      other = Path.join(dir, "other")
      for path <- [root, other], do: File.mkdir!(path)
      watcher = watch!(storage, dirs: [root], ignore: ["*.o"])
      make(root, "a")
      make(root, "b.o")
      assert changes(watcher, root) == [{:created, "a"}]
      assert {:ok, 1, [%Entry{type: :directory}]} = Lookout.list(watcher, under: root)
      assert Lookout.dirs(watcher) == {:ok, [root]}

      assert Lookout.add(watcher, other) == :ok
      make(other, "c")
      assert changes(watcher, other) == [{:created, "c"}]
      assert Lookout.remove(watcher, other) == :ok
      assert {:error, %Error{reason: :not_watched}} = Lookout.remove(watcher, other)
      assert changes(watcher, other) == [{:deleted, "c"}]

      node = storage.node
      assert {:ok, %{node: ^node, os_pid: nil, dirs: [^root], roots: %{^root => _source}}} = Lookout.info(watcher)
      assert Lookout.stop(watcher) == :ok
      assert_receive {:lookout, ^watcher, {:stopped, :normal}}
      sessions(storage, 0)
      assert Process.info(self(), :messages) == {:messages, []}
    end

    test "is ended with its session, in whatever way it ends", %{dir: dir, storage: storage} do
      watcher = watch!(storage, dirs: dir)
      sessions(storage, 1)
      Process.exit(watcher, :kill)
      sessions(storage, 0)
    end

    test "has streams and runners", %{dir: dir, storage: storage} do
      make(dir, "a")
      path = Path.join(dir, "a")

      assert [%{change: :created, path: ^path}] =
               [dirs: dir, node: storage.node, initial: true] |> Lookout.stream() |> Enum.take(1)

      me = self()
      {:ok, runner} = Lookout.Runner.start_link(dirs: dir, node: storage.node, settle: 0, run: &send(me, {:ran, &1}))
      make(dir, "c")
      path = Path.join(dir, "c")
      assert_receive {:ran, [^path]}
      assert Lookout.Runner.stop(runner) == :ok
    end

    test "P3: is held up by a slow subscriber as a local one is", %{dir: dir, storage: storage} do
      watcher = start_watcher!(dirs: dir, node: storage.node)
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: 1)

      for n <- 1..100 do
        make(dir, "#{n}")
        Lookout.info(watcher)
      end

      assert_receive {:lookout, ^watcher, {:events, 1, first}}
      refute_received {:lookout, ^watcher, _more}
      :ok = Lookout.sync(watcher)
      rest = for {:events, _seq, events} <- taken(watcher), event <- events, do: event
      assert length(first ++ rest) == 100
    end

    test "P7: takes no path that depends on something of this node", %{dir: dir, storage: storage} do
      for dirs <- ["lib", ["/srv", "~/in"], ~c"lib", "~"] do
        assert_raise ArgumentError,
                     ~r/option :dirs: expected absolute paths, since they are those of lookout-double/,
                     fn ->
                       Lookout.start_link(dirs: dirs, node: storage.node)
                     end
      end

      watcher = watch!(storage, dirs: dir)

      for call <- [&Lookout.add(watcher, &1), &Lookout.remove(watcher, &1), &Lookout.list(watcher, under: &1)] do
        assert_raise ArgumentError, ~r/expected an absolute path, since .* watches paths of lookout-double/, fn ->
          call.("a")
        end
      end
    end

    test "P7: takes no cursor, whose snapshots would be files of the node" do
      assert_raise ArgumentError, ~r/:cursor cannot be combined with :node/, fn ->
        Lookout.start_link(dirs: "/", node: :a@b, cursor: "/c")
      end
    end

    test "P7: takes no option of a session without a session" do
      assert_raise ArgumentError, ~r/option :session is for a watcher with the option :node/, fn ->
        Lookout.start_link(dirs: "/", session: "a")
      end

      assert_raise ArgumentError, ~r/option :linger is for a session with a name/, fn ->
        Lookout.start_link(dirs: "/", node: :a@b, linger: 1)
      end

      for {key, value} <- [node: :storage, node: "watch@storage", session: "", session: {"a", -1}, linger: -1] do
        assert_raise ArgumentError, ~r/option #{inspect(key)}: expected/, fn ->
          Lookout.start_link(Keyword.merge([dirs: "/", node: :a@b, session: "a"], [{key, value}]))
        end
      end
    end
  end

  test "P3: who sends to a node that does not read is not suspended, and all is sent, in order, when it does" do
    storage = NodeDouble.start!(lookout: false)
    true = Node.connect(storage.node)
    :peer.call(storage.peer, Lookout.Remote, :forward_to, [self()])
    assert_receive :forwarding
    vm = :peer.call(storage.peer, System, :pid, [])
    signal(vm, "STOP")
    on_exit(fn -> System.cmd("kill", ["-CONT", vm], stderr_to_stdout: true) end)
    {:ok, bridge} = Bridge.open({storage.node, :open})
    requests = for number <- 1..32, do: {:request, number, String.duplicate("x", 262_144)}

    {result, bridge} =
      Enum.reduce(requests, {:ok, bridge}, fn request, {_result, bridge} -> Bridge.send(bridge, request) end)

    assert result == :busy
    signal(vm, "CONT")
    %{port: ref} = bridge = flushed(bridge)
    assert_receive {^ref, :open}

    for request <- requests do
      assert_receive {^ref, {:command, sent}}
      assert sent == request
    end

    assert Bridge.close(bridge) == :ok
    assert_receive {^ref, :close}
  end

  describe "P8: a start fails with what to do" do
    test "where there is no such node, or no such host", %{dir: dir} do
      for {node, advice} <- [
            {NodeDouble.name(), "start `lookout_port --node"},
            {:"a@no-such-host.invalid", "the host no-such-host.invalid of a@no-such-host.invalid is not known"},
            {:a@short, "connects only to nodes with a host with a dot"}
          ] do
        assert {:error, %Error{reason: :nodedown} = error} = Lookout.start_link(dirs: dir, node: node)
        assert Exception.message(error) =~ advice
      end
    end

    test "where the cookie is another one", %{dir: dir} do
      storage = NodeDouble.start!(cookie: :another)
      assert {:error, %Error{reason: :nodedown} = error} = Lookout.start_link(dirs: dir, node: storage.node)

      for cause <- ["the cookies may differ", "another HOST in its name", "a firewall"],
          do: assert(Exception.message(error) =~ cause)
    end

    test "where the node is no lookout_port", %{dir: dir} do
      storage = NodeDouble.start!(lookout: false)
      assert {:error, %Error{reason: :noproc} = error} = Lookout.start_link(dirs: dir, node: storage.node)
      assert Exception.message(error) =~ "--node"
    end

    test "where the node refuses the session", %{dir: dir, storage: storage} do
      for reason <- [:in_use, :eagain, :not_allowed] do
        NodeDouble.call(storage, {:refuse, {reason, "a detail"}})
        assert {:error, %Error{reason: ^reason, detail: "a detail"}} = Lookout.start_link(dirs: dir, node: storage.node)
      end
    end

    test "where the directory cannot be watched", %{dir: dir, storage: storage} do
      missing = Path.join(dir, "missing")
      assert {:error, %Error{reason: :enoent, path: ^missing}} = Lookout.start_link(dirs: missing, node: storage.node)
      sessions(storage, 0)
    end
  end

  describe "a connection that is lost" do
    test "is reported, made again, and begins a new epoch", %{dir: dir, storage: storage} do
      watcher = watch!(storage, dirs: dir)
      make(dir, "a")
      assert changes(watcher, dir) == [{:created, "a"}]
      cut(storage)
      await_notice(watcher, {:away, storage.node})
      await_notice(watcher, :restarted)
      assert {:ok, 1, [%Entry{}]} = Lookout.list(watcher)
      make(dir, "b")
      :ok = Lookout.sync(watcher)
      assert [{:events, 2, [%{change: :created}]}] = taken(watcher)
      assert {:ok, %{restarts: 1}} = Lookout.info(watcher)
      sessions(storage, 1)
    end

    test "however often is no death of the program", %{dir: dir, storage: storage} do
      watcher = watch!(storage, [dirs: dir], deaths: {0, 600_000})

      for _ <- 1..5 do
        cut(storage)
        await_notice(watcher, {:away, storage.node})
        await_notice(watcher, :restarted)
      end

      make(dir, "a")
      assert changes(watcher, dir) == [{:created, "a"}]
    end

    test "answers each call with an error while it lasts", %{dir: dir} do
      storage = NodeDouble.start!()
      watcher = watch!(storage, dirs: dir)
      NodeDouble.stop(storage)
      await_notice(watcher, {:away, storage.node})

      for {call, result} <- Lookout.Remote.results(watcher),
          call not in [:subscribe, :unsubscribe, :ask, :dirs, :stop] do
        assert {^call, {:error, %Error{reason: :nodedown} = error}} = {call, result}
        assert Exception.message(error) =~ "tries again"
      end
    end

    test "has the calls that are under way answered with an error", %{dir: dir, storage: storage} do
      watcher = watch!(storage, dirs: dir)
      NodeDouble.call(storage, {:deaf, true})

      tasks =
        for call <- [
              fn -> Lookout.sync(watcher, :infinity) end,
              fn -> Lookout.list(watcher, timeout: :infinity) end,
              fn -> Lookout.info(watcher, :infinity) end,
              fn -> Lookout.add(watcher, dir, :infinity) end,
              fn -> Lookout.remove(watcher, dir, :infinity) end
            ],
            do: Task.async(call)

      eventually(fn -> length(Lookout.Port.Program.open_kinds(:sys.get_state(watcher).program)) == 5 end)
      cut(storage)
      for result <- Task.await_many(tasks), do: assert({:error, %Error{reason: :nodedown}} = result)
    end

    test "is reported to who subscribes meanwhile, and the watcher goes on with a new node of that name", context do
      %{dir: dir} = context
      storage = NodeDouble.start!()
      watcher = start_watcher!([dirs: dir, node: storage.node], @quick)
      NodeDouble.stop(storage)
      eventually(fn -> match?({:error, %Error{reason: :nodedown}}, Lookout.info(watcher)) end)
      {:ok, ^watcher} = Lookout.subscribe(watcher)
      await_notice(watcher, {:away, storage.node})
      NodeDouble.start!(name: storage.node)
      await_notice(watcher, :restarted)
      make(dir, "a")
      assert changes(watcher, dir) == [{:created, "a"}]
    end

    test "by the end of the node, in good order or by a refusal later, is waited for", %{dir: dir, storage: storage} do
      watcher = watch!(storage, dirs: dir)
      NodeDouble.call(storage, {:refuse, {:eagain, "full"}})
      NodeDouble.call(storage, {:end, :shutdown})
      await_notice(watcher, {:away, storage.node})
      eventually(fn -> match?(%{away: %Error{reason: :eagain}}, :sys.get_state(watcher)) end)
      NodeDouble.call(storage, {:refuse, nil})
      await_notice(watcher, :restarted)
    end

    test "without a sign (the node hangs) is noticed while a request is open", %{dir: dir} do
      storage = NodeProgram.start!(dir)
      watcher = watch!(storage, [dirs: dir], quiet: 600_000, answer: 600_000)
      signal(storage.os_pid, "STOP")
      task = Task.async(fn -> Lookout.sync(watcher, :infinity) end)
      for timer <- [:watchdog, :watchdog], do: time_is_up(watcher, timer)
      assert {:error, %Error{reason: :nodedown}} = Task.await(task)
      await_notice(watcher, {:away, storage.node})
      signal(storage.os_pid, "CONT")
      await_notice(watcher, :restarted)
      eventually(fn -> NodeProgram.sessions(storage) == 1 end)
    end

    test "before the start is waited for with ready: :async", %{dir: dir} do
      name = NodeDouble.name()
      watcher = watch!(%{node: name}, dirs: dir, ready: :async)
      await_notice(watcher, {:away, name})
      NodeDouble.start!(name: name)
      await_notice(watcher, :ready)
      make(dir, "a")
      assert changes(watcher, dir) == [{:created, "a"}]
    end
  end
end
