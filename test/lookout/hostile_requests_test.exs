defmodule Lookout.HostileRequestsTest do
  # P7: whatever bytes come, the program answers the good requests between them. Random terms, and requests with bytes
  # changed, dropped and put in, all drawn from a seed: LOOKOUT_SEED=7 mix test test/lookout/hostile_requests_test.exs.
  use Lookout.Case, async: true

  @seed String.to_integer(System.get_env("LOOKOUT_SEED", "1"))
  @rounds 300
  @first_good 1_000_000
  @most_memory_kib 65_536

  setup do
    :rand.seed(:exsss, @seed)
    options = [:binary, :exit_status, packet: 4]
    port = Port.open({:spawn_executable, Lookout.port_path()}, options)
    assert_receive {^port, {:data, hello}}
    assert {:hello, 1, _version} = :erlang.binary_to_term(hello)
    {:ok, port: port}
  end

  test "good requests between random and mutated ones are all answered", %{port: port, dir: dir} do
    for round <- 1..@rounds do
      for _ <- 1..:rand.uniform(20), do: Port.command(port, hostile(dir))
      Port.command(port, :erlang.term_to_binary({:ping, @first_good + round}))
      assert answer(port, @first_good + round) == :ok, "round #{round} of seed #{@seed}"
    end

    {:os_pid, os_pid} = Port.info(port, :os_pid)
    assert resident_kib(os_pid) < @most_memory_kib
  end

  test "a program that was given nonsense watches as any other", %{port: port, dir: dir} do
    for _ <- 1..500, do: Port.command(port, hostile("/nonexistent"))
    Port.command(port, :erlang.term_to_binary({:watch, @first_good, [dir], credit: :infinity}))
    assert answer(port, @first_good) == :ok
    path = Path.join(dir, "new")
    File.write!(path, "")
    assert eventually(fn -> created?(port, path) end)
  end

  defp answer(port, id) do
    receive do
      {^port, {:data, payload}} ->
        case :erlang.binary_to_term(payload) do
          {:reply, ^id, reply} -> reply
          _other -> answer(port, id)
        end

      {^port, {:exit_status, status}} ->
        flunk("the program ended with status #{status}, seed #{@seed}")
    after
      60_000 -> flunk("no answer to request #{id}, seed #{@seed}")
    end
  end

  defp created?(port, path) do
    receive do
      {^port, {:data, payload}} ->
        match?({:events, _seq, _events}, :erlang.binary_to_term(payload)) and
          :binary.match(payload, path) != :nomatch
    after
      0 -> false
    end
  end

  defp resident_kib(os_pid) do
    [_all, kib] = Regex.run(~r/VmRSS:\s+(\d+) kB/, File.read!("/proc/#{os_pid}/status"))
    String.to_integer(kib)
  end

  defp hostile(dir) do
    case :rand.uniform(4) do
      1 -> :rand.bytes(:rand.uniform(64))
      2 -> <<131>> <> :rand.bytes(:rand.uniform(64))
      3 -> 4 |> random_term() |> :erlang.term_to_binary(compressed: :rand.uniform(10) - 1)
      4 -> dir |> request() |> :erlang.term_to_binary() |> mutate(:rand.uniform(4))
    end
  end

  # All of it may be taken for what it says: nothing outside of `dir` is named.
  defp request(dir) do
    Enum.random([
      {:watch, 1, [Path.join(dir, "a"), Path.join(dir, "b")], [missing: :wait, recursive: false, settle: 10]},
      {:unwatch, 2, Path.join(dir, "a")},
      {:sync, 3},
      {:list, 4, under: dir, stat: true},
      {:info, 5},
      {:ping, 6},
      {:credit, 7},
      {random_term(1), random_term(1)},
      {:watch, random_term(1), random_term(2), random_term(2)},
      {:list, 8, random_term(3)}
    ])
  end

  defp mutate(bytes, 0), do: bytes

  defp mutate(bytes, times) do
    at = :rand.uniform(byte_size(bytes)) - 1
    {before, <<byte, rest::binary>>} = :erlang.split_binary(bytes, at)

    case :rand.uniform(4) do
      1 -> before <> <<:rand.uniform(256) - 1>> <> rest
      2 -> before <> <<byte>> <> :rand.bytes(1) <> rest
      3 when rest != "" -> before <> rest
      _flip -> before <> <<Bitwise.bxor(byte, Bitwise.bsl(1, :rand.uniform(8) - 1))>> <> rest
    end
    |> mutate(times - 1)
  end

  @atoms [:watch, :sync, :list, :credit, :infinity, true, false, nil, :"", :"é€"]

  defp random_term(0) do
    case :rand.uniform(8) do
      1 -> Enum.random(@atoms)
      2 -> :rand.uniform(1_000) - 500
      3 -> Enum.random([-1, 1]) * Bitwise.bsl(1, :rand.uniform(300))
      4 -> :rand.normal()
      5 -> :rand.bytes(:rand.uniform(40))
      6 -> <<1::size(:rand.uniform(30))>>
      7 -> Enum.random([self(), make_ref(), &Function.identity/1, hd(Port.list())])
      8 -> String.duplicate("/x", :rand.uniform(3_000))
    end
  end

  defp random_term(depth) do
    case :rand.uniform(6) do
      1 -> for _ <- 1..:rand.uniform(5), do: random_term(depth - 1)
      2 -> List.to_tuple(for _ <- 1..:rand.uniform(5), do: random_term(depth - 1))
      3 -> %{random_term(depth - 1) => random_term(depth - 1)}
      4 -> [random_term(depth - 1) | random_term(0)]
      5 -> Enum.reduce(1..:rand.uniform(100), [], fn _, nested -> [nested] end)
      6 -> random_term(0)
    end
  end
end
