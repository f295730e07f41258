defmodule Lookout.CommandInputTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  # Counts how many elements of 64 KiB have been taken, and says its end.
  defp endless(count) do
    me = self()

    Stream.resource(
      fn -> nil end,
      fn nil ->
        :counters.add(count, 1, 1)
        {[:binary.copy("x", 65_536)], nil}
      end,
      fn nil -> send(me, :halted) end
    )
  end

  # Fails when the command below has told its process id.
  defp failing(dir, fun) do
    Stream.map(1..3, fn
      3 -> fun.()
      n -> eventually(fn -> File.exists?(Path.join(dir, "pid")) end) && "#{n}\n"
    end)
  end

  # A command that tells its process id and goes on, deaf, whatever its input does.
  defp deaf(dir) do
    ["sh", "-c", "trap '' TERM; echo $$ >#{dir}/new; mv #{dir}/new #{dir}/pid; cat; while :; do sleep 1000; done"]
  end

  defp assert_ended(dir), do: assert(Path.join(dir, "pid") |> File.read!() |> String.trim() |> gone?())

  test "the elements are written one after another, and the input is closed" do
    assert Command.run(["cat"], input: Stream.map(1..3, &["line ", Integer.to_string(&1), ?\n])) ==
             {:ok, "line 1\nline 2\nline 3\n", 0}

    assert Command.run(["cat"], input: Stream.take([], 0)) == {:ok, "", 0}
    assert Command.run(["cat"], input: MapSet.new(["only"])) == {:ok, "only", 0}

    assert ["cat"] |> Command.stream(input: Stream.repeatedly(fn -> "ab" end) |> Stream.take(2)) |> Enum.join() ==
             "abab"
  end

  test "each element is written when it comes, not when the next one has" do
    me = self()

    input =
      Stream.map([:first, :second], fn name ->
        if name == :second, do: receive(do: (:go_on -> :ok)), else: send(me, {:feeder, self()})
        Atom.to_string(name)
      end)

    {:ok, pid} = Command.start_link(["cat"], input: input)
    assert_receive {:feeder, feeder}, 10_000
    assert_receive {:lookout_command, ^pid, {:stdout, "first"}}, 10_000
    send(feeder, :go_on)
    assert_receive {:lookout_command, ^pid, {:stdout, "second"}}, 10_000
    assert Command.await(pid) == {:ok, 0}
  end

  test "many small elements cost few calls of the process of the command" do
    me = self()

    wait = fn name ->
      send(me, {name, self()})
      receive(do: (:go_on -> "#{name}\n"))
    end

    lines = Stream.map(1..100_000, fn n -> if n in [1, 100_000], do: wait.(n), else: "line\n" end)
    {:ok, pid} = Command.start_link(["wc", "-l"], input: lines)
    assert_receive {1, feeder}
    :ok = :sys.statistics(pid, true)
    send(feeder, :go_on)
    assert_receive {100_000, ^feeder}
    {:ok, statistics} = :sys.statistics(pid, :get)
    assert statistics[:messages_in] < 50_000
    send(feeder, :go_on)
    assert_receive {:lookout_command, ^pid, {:stdout, "100000\n"}}
    assert Command.await(pid) == {:ok, 0}
  end

  test "large input and output cross each other" do
    element = :binary.copy("0123456789abcdef", 10_000)
    assert {:ok, output, 0} = Command.run(["cat"], input: Stream.repeatedly(fn -> element end) |> Stream.take(50))
    assert output == :binary.copy(element, 50)
  end

  test "commands are joined by their streams" do
    numbers = Command.stream(["seq", "1", "100000"])
    assert {:ok, "100000\n", 0} = Command.run(["wc", "-l"], input: numbers)
    assert [<<"1\n2\n", _rest::binary>>] = ["head", "-n", "2"] |> Command.stream(input: numbers) |> Enum.to_list()
  end

  test "P3: nothing is taken ahead of a command that does not read, but for what is on its way" do
    count = :counters.new(1, [])
    {:ok, pid} = Command.start_link(["sleep", "1000"], input: endless(count))
    # What is on its way is full when a write waits, behind that of the enumerable.
    eventually(fn -> match?({:error, %Error{reason: :timeout}}, Command.write(pid, "x", 50)) end)
    assert :counters.get(count, 1) * 65_536 <= 3 * 262_144
    assert Command.stop(pid, 0) == :ok
    assert_receive :halted, 10_000
  end

  test "an enumeration is halted when the command reads no more" do
    count = :counters.new(1, [])
    assert {:ok, "x", 0} = Command.run(["head", "-c", "1"], input: endless(count))
    assert_receive :halted, 10_000
  end

  test "an enumerable that is being waited for does not hold up the end of the command" do
    me = self()

    never =
      Stream.resource(
        fn -> send(me, {:feeder, self()}) end,
        fn _ -> receive(do: (:never -> {:halt, nil})) end,
        fn _ -> nil end
      )

    assert {:ok, "", 0} = Command.run(["true"], input: never)
    assert {:ok, "", :timeout} = Command.run(["sleep", "1000"], input: never, timeout: 4_000)
    for _ <- 1..2, do: assert_receive({:feeder, feeder} when is_pid(feeder))
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "P6: the process that enumerates ends with the command, with its owner, and when that is killed" do
    me = self()

    never =
      Stream.resource(fn -> send(me, {:feeder, self()}) end, fn _ -> Process.sleep(:infinity) end, fn _ -> nil end)

    for reason <- [:stop, :owner, :kill] do
      owner =
        spawn(fn ->
          Process.flag(:trap_exit, true)
          {:ok, pid} = Command.start_link(["sleep", "1000"], input: never)
          send(me, {:command, pid})
          Process.sleep(:infinity)
        end)

      assert_receive {:feeder, feeder}, 10_000
      assert_receive {:command, command}, 10_000
      ref = Process.monitor(feeder)

      case reason do
        :stop -> Command.stop(command, 0)
        :owner -> Process.exit(owner, :kill)
        :kill -> Process.exit(command, :kill)
      end

      assert_receive {:DOWN, ^ref, :process, ^feeder, _reason}, 10_000
      Process.exit(owner, :kill)
    end
  end

  test "P6: no process is left when an input has been written" do
    me = self()
    input = Stream.map(1..2, fn _ -> send(me, Process.info(self(), :links)) && "x" end)
    assert Command.run(["cat"], input: input) == {:ok, "xx", 0}
    assert_receive {:links, processes}

    for process <- processes do
      ref = Process.monitor(process)
      assert_receive {:DOWN, ^ref, :process, ^process, _reason}, 10_000
    end
  end

  test "the bytes of a writer that was killed are not written", %{dir: dir} do
    {:ok, pid} = Command.start_link(["sh", "-c", "cat \"$1\" - | tr -d x", "sh", fifo(dir)], stdin: :pipe)
    # It is on its way as far as it fits; the rest waits.
    rest = Task.async(fn -> Command.write(pid, String.duplicate("x", 1_000_000), :infinity) end)
    eventually(fn -> match?({:error, %Error{reason: :timeout}}, Command.write(pid, "x", 50)) end)
    {writer, ref} = spawn_monitor(fn -> Command.write(pid, "killed", :infinity) end)
    eventually(fn -> monitored?(pid, writer) end)
    Process.exit(writer, :kill)
    assert_receive {:DOWN, ^ref, :process, ^writer, :killed}
    eventually(fn -> not monitored?(pid, writer) end)
    File.write!(fifo(dir), "go on\n")
    assert Task.await(rest, 20_000) == :ok
    assert Command.close_stdin(pid) == :ok
    assert_receive {:lookout_command, ^pid, {:stdout, "go on\n"}}
    assert Command.await(pid) == {:ok, 0}
    assert Process.info(self(), :messages) == {:messages, []}
  end

  # The command above reads this first.
  defp fifo(dir) do
    path = Path.join(dir, "fifo")
    unless File.exists?(path), do: {"", 0} = System.cmd("mkfifo", [path])
    path
  end

  defp monitored?(pid, writer) do
    {:monitors, monitors} = Process.info(pid, :monitors)
    {:process, writer} in monitors
  end

  describe "P6: an enumerable that fails ends the command with its tree, and run/2 and stream/2 fail as it did" do
    test "when it raises", %{dir: dir} do
      error =
        assert_raise RuntimeError, "broken", fn ->
          Command.run(deaf(dir), input: failing(dir, fn -> raise "broken" end))
        end

      assert %RuntimeError{} = error
      assert_ended(dir)
      assert Process.info(self(), :messages) == {:messages, []}
      assert Process.info(self(), :monitors) == {:monitors, []}
    end

    test "when it throws or exits", %{dir: dir} do
      assert catch_throw(Command.run(deaf(dir), input: failing(dir, fn -> throw(:ball) end))) == :ball
      assert_ended(dir)
      assert catch_exit(Command.run(deaf(dir), input: failing(dir, fn -> exit(:enough) end))) == :enough
      assert_ended(dir)
      assert catch_exit(Command.run(deaf(dir), input: failing(dir, fn -> Process.exit(self(), :kill) end))) == :killed
      assert_ended(dir)
    end

    test "when it holds something else than iodata", %{dir: dir} do
      assert_raise ArgumentError, ~r/:input.* got in it an integer/, fn ->
        Command.run(deaf(dir), input: failing(dir, fn -> 7 end))
      end

      assert_ended(dir)
    end

    test "in the middle of a stream", %{dir: dir} do
      stream = Command.stream(deaf(dir), input: failing(dir, fn -> raise "broken" end))
      assert_raise RuntimeError, "broken", fn -> Enum.to_list(stream) end
      assert_ended(dir)
    end

    test "as it does where it is the collectable that fails", %{dir: dir} do
      assert catch_error(Command.run(deaf(dir), input: failing(dir, fn -> Process.sleep(:infinity) end), into: %{}))
      assert_ended(dir)
    end

    test "and an owner is told", %{dir: dir} do
      {:ok, pid} = Command.start_link(deaf(dir), input: failing(dir, fn -> raise "broken" end), active: false)
      assert_receive {:lookout_command, ^pid, {:error, %Error{reason: :input_failed} = error}}, 10_000
      assert Exception.message(error) =~ "broken"
      assert_ended(dir)
    end
  end
end
