defmodule Lookout.OracleTest do
  # The whole way from the disk to a mailbox, judged by a mutator and a walker that know nothing of Lookout. The native
  # program is judged alone, by many more seeds and under faults, in test/native/oracle.
  #
  # LOOKOUT_ORACLE_SEEDS=100 mix test test/lookout/oracle_test.exs runs more seeds.
  use Lookout.Case, async: true

  alias Lookout.{Mirror, Oracle, OracleTools}

  @moduletag timeout: 300_000
  @seeds String.to_integer(System.get_env("LOOKOUT_ORACLE_SEEDS", "5"))
  @operations 2_000

  for seed <- 1..@seeds do
    @tag seed: seed
    test "P1, P2: the replayed batches are the tree on disk, and nothing is untold (seed #{seed})", %{
      dir: dir,
      seed: seed
    } do
      roots = for n <- 0..rem(seed, 2), do: Path.join(dir, "r#{n}")
      mutator = start_mutator(dir, seed, length(roots))
      assert_receive {^mutator, {:data, {:eol, "ready"}}}, 60_000

      watcher = start_watcher!(dirs: roots, settle: if(rem(seed, 4) == 3, do: 20, else: 0))
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: active(seed))
      {:ok, seq, entries} = Lookout.list(watcher)
      {[], oracle} = roots |> Oracle.new(entries) |> Oracle.compare(OracleTools.walk!(roots))

      go(mutator)

      run(%{
        mutator: mutator,
        watcher: watcher,
        roots: roots,
        dir: dir,
        seed: seed,
        seq: seq,
        oracle: oracle,
        batches: []
      })
    end
  end

  for seed <- 1..@seeds do
    @tag seed: 1_000 + seed
    test "P2: so they are when the program is killed at any moment, after a new listing (seed #{1_000 + seed})", %{
      dir: dir,
      seed: seed
    } do
      :rand.seed(:exsss, seed)
      roots = [Path.join(dir, "r0")]
      mutator = start_mutator(dir, seed, 1)
      assert_receive {^mutator, {:data, {:eol, "ready"}}}, 60_000

      watcher = start_watcher!([dirs: roots], deaths: {1_000, 1_000}, backoff: {1, 10})
      {:ok, ^watcher} = Lookout.subscribe(watcher, active: active(seed))
      {:ok, seq, entries} = Lookout.list(watcher)
      go(mutator)

      state =
        run(%{
          mutator: mutator,
          watcher: watcher,
          roots: roots,
          dir: dir,
          seed: seed,
          seq: seq,
          oracle: Oracle.new(roots, entries),
          batches: [],
          kills: 0,
          dying: false
        })

      assert state.kills > 0
    end
  end

  test "the oracle sees what was not told" do
    [created, modified] =
      for change <- [:created, :modified], do: %Lookout.Event{change: change, type: :file, path: "/r/a"}

    entry = %{type: :file, identity: {1, 2}, size: 0, mtime: 0, ctime: 0, mode: 0o644}
    new = Oracle.new(["/r"], [])

    assert {["\"/r/a\" is a file that was not told"], _oracle} = Oracle.compare(new, %{"/r/a" => entry})
    assert {[], oracle} = new |> Oracle.replay([created]) |> Oracle.compare(%{"/r/a" => entry})
    assert {["\"/r/a\" was told as file, is gone"], _oracle} = Oracle.compare(oracle, %{})
    assert {["\"/r/a\": untold size"], _oracle} = Oracle.compare(oracle, %{"/r/a" => %{entry | size: 1}})

    assert {[], _oracle} = oracle |> Oracle.replay([modified]) |> Oracle.compare(%{"/r/a" => %{entry | size: 1}})

    renamed = %Lookout.Event{change: :renamed, type: :file, path: "/r/b", from: "/r/a"}

    assert {["\"/r/b\": untold size"], _oracle} =
             oracle |> Oracle.replay([renamed]) |> Oracle.compare(%{"/r/b" => %{entry | size: 1}})

    assert_raise RuntimeError, ~r/created twice/, fn -> Oracle.replay(oracle, [created]) end
  end

  defp active(seed), do: Enum.at([true, 3, :once], rem(seed, 3))

  defp start_mutator(dir, seed, roots) do
    arguments = ~w(--dir #{dir} --seed #{seed} --ops #{@operations} --roots #{roots} --log #{dir}/log)
    options = [:binary, :exit_status, line: 64, args: arguments]
    Port.open({:spawn_executable, OracleTools.path!("mutator")}, options)
  end

  defp go(mutator), do: Port.command(mutator, "go\n")

  # Until the mutator is done: its lines and the watcher's messages as they come.
  defp run(%{mutator: mutator, watcher: watcher} = state) do
    receive do
      {^mutator, {:data, {:eol, "rest"}}} -> state |> compare() |> run()
      {^mutator, {:data, {:eol, "done"}}} -> state
      {^mutator, {:exit_status, status}} -> flunk(report(state, "the mutator ended with #{status}"))
      {:lookout, ^watcher, message} -> state |> take(message) |> ask_in_between() |> kill_in_between() |> run()
    after
      120_000 -> flunk(report(state, "the mutator came to no rest"))
    end
  end

  # What the listing after a death holds already.
  defp take(%{listed: listed} = state, {:events, seq, _events}) when seq <= listed, do: state

  defp take(state, {:events, seq, _events}) when seq != state.seq + 1 do
    flunk(report(state, "batch #{seq} came after #{state.seq}"))
  end

  defp take(state, {:events, seq, events}) do
    state = %{state | seq: seq, batches: [{seq, events} | state.batches]}
    %{state | oracle: Oracle.replay(state.oracle, events)}
  rescue
    error -> reraise(report(state, Exception.message(error)), __STACKTRACE__)
  end

  defp take(state, {:notice, {:overflow, _dir}}), do: state

  defp take(%{dying: true} = state, {:notice, :restarted}) do
    {:ok, seq, entries} = Lookout.list(state.watcher)
    oracle = Oracle.new(state.roots, entries)
    Map.merge(state, %{seq: seq, listed: seq, oracle: oracle, batches: [], dying: false})
  end

  defp take(state, other), do: flunk(report(state, "unexpected: #{inspect(other)}"))

  defp kill_in_between(%{dying: false} = state) do
    if state.kills == 0 or :rand.uniform(20) == 1 do
      signal(os_pid(state.watcher), "KILL")
      %{state | dying: true, kills: state.kills + 1}
    else
      state
    end
  end

  # Or there is nothing to be killed in this test.
  defp kill_in_between(state), do: state

  # Now and then something is asked in the middle of the churn.
  defp ask_in_between(%{watcher: watcher, seq: seq} = state) do
    if active(state.seed) != true, do: :ok = Lookout.ask(watcher, 1)

    case rem(seq, 97) do
      0 -> assert :ok = Lookout.sync(watcher, 60_000)
      50 -> assert {:ok, %{}} = Lookout.info(watcher)
      _other -> :ok
    end

    if rem(seq, 211) == 0 and not Map.get(state, :dying, false), do: compare_listing(state), else: state
  end

  # A listing and the batches after it are as good as the mirror.
  defp compare_listing(%{watcher: watcher} = state) do
    {:ok, listed_at, entries} = Lookout.list(watcher)
    state = state |> catch_up(listed_at) |> take_all()
    later = state.batches |> Enum.reverse() |> Enum.filter(fn {seq, _events} -> seq > listed_at end)

    mirror =
      Enum.reduce(later, Mirror.new(state.roots, entries), fn {_seq, events}, mirror ->
        Mirror.replay(mirror, events)
      end)

    if Mirror.types(mirror) != Mirror.types(state.oracle.mirror) do
      flunk(report(state, "the listing after batch #{listed_at} and the mirror differ"))
    end

    state
  end

  # The batches that the listing holds may still wait to be asked for.
  defp catch_up(%{seq: seq} = state, listed_at) when seq >= listed_at, do: state

  defp catch_up(%{watcher: watcher} = state, listed_at) do
    if active(state.seed) != true, do: :ok = Lookout.ask(watcher, 1)
    assert_receive {:lookout, ^watcher, message}, 60_000
    state |> take(message) |> catch_up(listed_at)
  end

  # The mutator rests: what was told must be what is on disk.
  defp compare(%{watcher: watcher} = state) do
    assert :ok = Lookout.sync(watcher, 60_000)
    state = take_all(state)

    case Oracle.compare(state.oracle, OracleTools.walk!(state.roots)) do
      {[], oracle} ->
        go(state.mutator)
        %{state | oracle: oracle, batches: []}

      {wrong, _oracle} ->
        flunk(report(state, Enum.join(wrong, "\n")))
    end
  end

  defp take_all(%{watcher: watcher} = state), do: Enum.reduce(taken(watcher), state, &take(&2, &1))

  defp report(state, what) do
    log = File.read!(Path.join(state.dir, "log")) |> String.trim_trailing("rest\n")
    operations = log |> :binary.split("\nrest\n", [:global]) |> List.last()

    batches =
      for {seq, events} <- Enum.reverse(state.batches),
          do: "#{seq} #{inspect(events, limit: :infinity, pretty: true)}\n"

    """
    seed #{state.seed}: #{what}
    -- batches since the last rest:
    #{batches}
    -- operations since the last rest:
    #{operations}
    """
  end
end
