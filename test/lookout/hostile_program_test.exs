defmodule Lookout.HostileProgramTest do
  use Lookout.Case, async: true

  alias Lookout.{Error, FakeProgram, Watcher}
  alias Lookout.Port.Tuning
  alias Lookout.Watcher.Options

  # What start_link says to a program of these steps.
  defp start(dir, steps, limits \\ []) do
    path = FakeProgram.write!(dir, steps)
    limits = struct!(Tuning, [port_path: path, shutdown_timeout: 50, backoff: {1, 10}] ++ limits)
    result = Watcher.Server.start_link(%{Options.parse!(dirs: dir, subscribe: [self()]) | limits: limits})
    with {:ok, watcher} <- result, do: on_exit(fn -> Process.exit(watcher, :kill) end)
    result
  end

  # The process stays: it only must not be killed by what it is linked to.
  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  describe "a program that at its start" do
    test "speaks another protocol is an error that says so, and is not started again", %{dir: dir} do
      steps = [{:sh, "echo started >>#{dir}/log"}, {:say, {:hello, 2, "9.9"}}, :listen]
      assert {:error, %Error{reason: :wrong_protocol} = error} = start(dir, steps)
      assert Exception.message(error) =~ "protocol 2, but 1 is needed"
      assert File.read!(Path.join(dir, "log")) == "started\n"
    end

    test "says nothing is killed", %{dir: dir} do
      steps = [{:sh, "echo $$ >#{dir}/os_pid"}, :deaf]
      assert {:error, %Error{reason: :port_hung} = error} = start(dir, steps, hello: 500)
      assert Exception.message(error) =~ "did not say hello within 500 ms"
      os_pid = dir |> Path.join("os_pid") |> File.read!() |> String.trim()
      eventually(fn -> gone?(os_pid) end)
    end

    test "says hello and then nothing is killed", %{dir: dir} do
      steps = [{:say, {:hello, 1, "0"}}, :deaf]
      assert {:error, %Error{reason: :port_hung} = error} = start(dir, steps, quiet: 50, answer: 50)
      assert Exception.message(error) =~ "did not answer"
    end

    test "exits at once is an error with its exit status", %{dir: dir} do
      assert {:error, %Error{reason: :port_exited, detail: detail}} = start(dir, [{:exit, 3}])
      assert detail =~ "exit status 3"
    end

    test "is killed is an error with the signal", %{dir: dir} do
      assert {:error, %Error{reason: :port_exited, detail: detail}} = start(dir, [{:sh, "kill -SEGV $$"}])
      assert detail =~ "signal 11"
    end

    test "says why it ends is believed", %{dir: dir} do
      steps = [{:say, {:fatal, {:emfile, :inotify_init, nil, "no more"}}}, {:exit, 1}]
      assert {:error, %Error{reason: :emfile, operation: :inotify_init}} = start(dir, steps)
    end

    test "sends garbage is ended, and the error shows it", %{dir: dir} do
      for garbage <- [<<0::32>>, <<4::32, "text">>, <<7::32, 131, 108, 0xFFFFFFFF::32, 0>>] do
        assert {:error, %Error{reason: :port_garbled, detail: detail}} = start(dir, [{:raw, garbage}, :listen])
        assert detail =~ "no message of the protocol"
      end
    end

    test "sends an atom that the protocol does not list is ended, and the error says so", %{dir: dir} do
      name = "e_unheard_of_#{System.unique_integer([:positive])}"

      error =
        <<131, 104, 2, 119, 5, "fatal", 104, 4, 119, byte_size(name), name::binary, 119, 4, "open", 106, 109, 0::32>>

      assert {:error, %Error{reason: :port_garbled, detail: detail}} =
               start(dir, [{:raw, <<byte_size(error)::32, error::binary>>}, :listen])

      assert detail =~ "an atom that the protocol does not list"
      assert_raise ArgumentError, fn -> String.to_existing_atom(name) end
    end

    test "is no program at all is an error", %{dir: dir} do
      path = Path.join(dir, "lookout_port")
      File.write!(path, :crypto.strong_rand_bytes(100))
      File.chmod!(path, 0o755)
      options = %{Options.parse!(dir) | limits: %Tuning{port_path: path, shutdown_timeout: 50}}
      assert {:error, %Error{}} = Watcher.Server.start_link(options)
    end
  end

  describe "a program that later" do
    test "sends garbage, or what nobody can use, is replaced", %{dir: dir} do
      bad = [
        {:raw, <<4::32, "text">>},
        {:say, {:events, 1, []}},
        {:say, {:events, 7, [{:created, :file, "/a"}]}},
        {:say, {:hello, 1, "again"}},
        {:say, :hello}
      ]

      for step <- bad do
        # The second time it behaves.
        once = [
          {:sh, "[ -e #{dir}/$(basename $0).once ] || {"},
          {:sh, ": >#{dir}/$(basename $0).once"},
          step,
          {:sh, "}"}
        ]

        steps = [{:say, {:hello, 1, "0"}}, {:say, {:reply, 1, :ok}}] ++ once ++ [{:say, {:reply, 2, :ok}}, :listen]
        assert {:ok, watcher} = start(dir, steps)
        assert_receive {:lookout, ^watcher, {:notice, :restarted}}
        assert :sys.get_state(watcher).program.restarts == 1
        :ok = Lookout.stop(watcher)
      end
    end

    test "answers what nobody asked is not believed, and lives", %{dir: dir} do
      steps = [
        {:say, {:reply, 77, :ok}},
        {:say, {:reply, nil, {:error, {:bad_request, :read, nil, "?"}}}},
        {:say, {:entries, 5, []}}
      ]

      assert {:ok, watcher} = start(dir, FakeProgram.well_started() ++ steps ++ [{:say, {:notice, :x}}, :listen])
      assert_receive {:lookout, ^watcher, {:notice, :x}}
    end

    test "answers with what is no answer to the request is replaced", %{dir: dir} do
      assert {:ok, watcher} =
               start(
                 dir,
                 FakeProgram.well_started() ++ [{:sh, "sleep 0.3"}, {:say, {:reply, 2, {:ok, :seven}}}, :listen]
               )

      assert {:error, %Error{reason: :timeout}} = Lookout.info(watcher, 1_000)
      assert Process.alive?(watcher)
    end
  end

  test "P3: a program that sends more than it was allowed is replaced", %{dir: dir} do
    flood = for seq <- 1..20, do: {:say, {:events, seq, [{:created, :file, "/#{seq}"}]}}
    path = FakeProgram.write!(dir, FakeProgram.well_started() ++ flood ++ [:listen])

    watcher =
      start_watcher!([dirs: dir, initial: true],
        port_path: path,
        window: 8,
        shutdown_timeout: 50,
        backoff: {60_000, 60_000}
      )

    eventually(fn -> :sys.get_state(watcher).program.phase == :down end)
    assert :sys.get_state(watcher).delivery.flow.held == 8
  end

  test "messages, calls and casts that nobody knows do no harm", %{dir: dir} do
    assert {:ok, watcher} = start(dir, FakeProgram.well_started() ++ [:listen])
    send(watcher, :what)
    send(watcher, {:EXIT, spawn(fn -> :ok end), :normal})
    send(watcher, {:timeout, make_ref(), {:program, :hello}})
    send(watcher, {:DOWN, make_ref(), :process, self(), :normal})
    GenServer.cast(watcher, :what)
    assert {:error, %Error{reason: :bad_request}} = GenServer.call(watcher, :what)
    assert Process.alive?(watcher)
  end

  test "a message that nobody knows is logged", %{dir: dir} do
    assert {:ok, watcher} = start(dir, FakeProgram.well_started() ++ [:listen])
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{config: %{pid: self()}})
    on_exit(fn -> :logger.remove_handler(__MODULE__) end)
    send(watcher, :never_dropped_in_silence)
    assert_receive {:logged, ":never_dropped_in_silence" <> _}
  end

  # A handler of :logger.
  def log(%{msg: {:string, text}}, %{config: %{pid: pid}}) do
    case String.split(IO.chardata_to_string(text), "does not know: ") do
      [_before, message] -> send(pid, {:logged, message})
      _other -> :ok
    end
  end

  def log(_event, _config), do: :ok
end
