defmodule Lookout.CommandSituationsTest do
  # What users of other libraries that run commands have reported, and input that is bad.
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  defp start!(command, options) do
    {:ok, pid} = Command.start_link(command, options)
    pid
  end

  defp output(pid, stream) do
    receive do
      {:lookout_command, ^pid, {^stream, bytes}} -> bytes <> output(pid, stream)
    after
      0 -> ""
    end
  end

  defp taken(pid, output, errors) do
    receive do
      {:lookout_command, ^pid, {:stdout, bytes}} -> taken(pid, output <> bytes, errors)
      {:lookout_command, ^pid, {:stderr, bytes}} -> taken(pid, output, errors + byte_size(bytes))
      {:lookout_command, ^pid, {:exit, 0}} -> {output, errors}
    after
      30_000 -> flunk("nothing more comes")
    end
  end

  describe "streams" do
    test "are bytes, whatever these are" do
      bytes = :crypto.strong_rand_bytes(300_000)
      assert Command.run(["cat"], input: bytes) == {:ok, bytes, 0}
      assert Command.run(["printf", "%s", <<"ü", 255, 10, 13>>]) == {:ok, <<"ü", 255, 10, 13>>, 0}
      assert Command.run(["printenv", "NAME"], env: [{"NAME", <<254, 255>>}]) == {:ok, <<254, 255, 10>>, 0}
    end

    test "a flood of one does not hold up the other" do
      pid = start!("head -c 2000000 /dev/zero >&2; echo out; head -c 2000000 /dev/zero >&2; echo end", shell: true)
      assert {"out\nend\n", errors} = taken(pid, "", 0)
      assert errors == 4_000_000
    end

    test "input that the command does not read is no error of run/2" do
      assert Command.run(["true"], input: :binary.copy("x", 10_000_000)) == {:ok, "", 0}
      assert Command.run(["head", "-c", "2"], input: :binary.copy("x", 10_000_000)) == {:ok, "xx", 0}
    end

    test "a command in a pipe ends of SIGPIPE, as in a terminal" do
      assert Command.run("yes | head -n 1", shell: true, timeout: 60_000) == {:ok, "y\n", 0}
    end

    test "a child that holds standard output holds up the exit only as long as it may linger" do
      assert {:ok, pid, 0} = Command.run("sleep 1000 & echo $!", shell: true, linger: 1)
      assert pid |> String.trim() |> gone?()
    end

    test "a process outside of the tree that holds standard output does not hold up the exit", %{dir: dir} do
      {_output, 0} = System.cmd("mkfifo", [Path.join(dir, "go")])
      # Opens the standard output of the command by its process id, then lets it go on.
      holder = "exec 3>/proc/$0/fd/1; echo >#{dir}/go; echo held; exec sleep 1000"
      pid = start!("read line <#{dir}/go; echo out", shell: true)
      {:ok, os_pid} = Command.os_pid(pid)
      stranger = start!(["sh", "-c", holder, "#{os_pid}"], [])
      assert_receive {:lookout_command, ^stranger, {:stdout, "held\n"}}, 10_000
      assert Command.await(pid, 60_000) == {:ok, 0}
      assert output(pid, :stdout) == "out\n"
      assert Command.stop(stranger, 0) == :ok
    end

    test "many commands at once keep theirs apart" do
      results =
        1..40
        |> Task.async_stream(&Command.run(["sh", "-c", "echo #{&1}; head -c 100000 /dev/zero; exit #{&1}"]),
          max_concurrency: 20,
          timeout: 60_000
        )
        |> Enum.map(fn {:ok, result} -> result end)

      assert results == for(n <- 1..40, do: {:ok, "#{n}\n" <> :binary.copy(<<0>>, 100_000), n})
    end

    test "files are written anew or at their end", %{dir: dir} do
      file = Path.join(dir, "file")
      assert {:ok, "", 0} = Command.run(["echo", "one"], stdout: {:append, file})
      assert {:ok, "", 0} = Command.run(["echo", "two"], stdout: {:append, file})
      assert File.read!(file) == "one\ntwo\n"

      assert {:ok, "", 0} =
               Command.run("echo three; echo four >&2", shell: true, stdout: {:file, file}, stderr: :stdout)

      assert File.read!(file) == "three\nfour\n"
    end
  end

  describe "what is wrong is an error with a reason of its own, nothing hangs and nothing is left" do
    setup %{dir: dir} do
      text = Path.join(dir, "text")
      File.write!(text, "no program\n")
      script = Path.join(dir, "script")
      File.write!(script, "#!/no/such/interpreter\n")
      plain = Path.join(dir, "plain")
      File.write!(plain, "echo no first line\n")
      for file <- [script, plain], do: File.chmod!(file, 0o755)
      fifo = Path.join(dir, "fifo")
      {_output, 0} = System.cmd("mkfifo", [fifo])
      loop = Path.join(dir, "loop")
      File.ln_s!(loop, loop)

      wrong = [
        {:enoent, ["no-such-program"], []},
        {:enoent, ["./no-such-program"], [cd: dir]},
        {:enoent, [""], []},
        {:enoent, [script], []},
        {:enoent, ["true"], [env: %{"PATH" => dir}]},
        {:eacces, [text], []},
        {:eacces, [dir], []},
        {:enoexec, [plain], []},
        {:bad_directory, ["true"], [cd: Path.join(dir, "none")]},
        {:bad_directory, ["true"], [cd: text]},
        {:bad_directory, ["true"], [cd: fifo]},
        {:nul_byte, ["a\0b"], []},
        {:nul_byte, ["echo", "\0"], []},
        {:empty_argv, [], []},
        {:e2big, ["echo", String.duplicate("x", 200_000)], []},
        {:e2big, ["echo" | List.duplicate(String.duplicate("x", 100_000), 100)], []},
        {:e2big, ["echo" | List.duplicate("x", 70_000)], []},
        {:e2big, ["true"], [env: Map.new(1..70_000, &{"V#{&1}", "x"})]},
        {:e2big, ["echo" | List.duplicate("", 65_000)],
         [env: Map.new(1..65_500, &{"V#{&1}", String.duplicate("x", 38)})]},
        {:e2big, ["echo" | List.duplicate("x", 65_535)], [env: Map.new(1..65_536, &{"V#{&1}", nil})]},
        {:e2big, ["true"], [env: %{"V" => String.duplicate("x", 200_000)}]},
        {:bad_limit, ["true"], [rlimits: [nofile: {2, 1}]]},
        {:bad_limit, ["true"], [rlimits: [nofile: -1]]},
        {:bad_limit, ["true"], [rlimits: [no_such: 1]]},
        {:enoent, ["true"], [stdout: {:file, Path.join(dir, "none/file")}]},
        {:eisdir, ["true"], [stdout: {:append, dir}]},
        {:eloop, [loop], []},
        {:eloop, ["true"], [stdout: {:file, loop}]},
        {:bad_directory, ["true"], [cd: loop]},
        # Nobody reads it: opening it would wait without end.
        {:enxio, ["true"], [stderr: {:append, fifo}]}
      ]

      {:ok, wrong: wrong}
    end

    test "by run/2, stream/2 and start_link/2", %{wrong: wrong} do
      for {reason, command, options} <- wrong do
        assert {reason, {:error, %Error{reason: reason, detail: detail}}} = {reason, Command.run(command, options)}
        assert String.printable?(detail) and detail != ""
        assert_raise Error, fn -> command |> Command.stream(options) |> Enum.to_list() end
        options = [name: __MODULE__.Wrong] ++ options
        assert {:error, %Error{reason: ^reason}} = Command.start_link(command, options)
        assert Process.whereis(__MODULE__.Wrong) == nil
      end

      assert Process.info(self(), :messages) == {:messages, []}
      assert Process.info(self(), :links) == {:links, []}
    end

    test "by a command whose input or life is over" do
      pid = start!(["sleep", "1000"], stdin: :pipe)
      assert Command.close_stdin(pid) == :ok
      assert Command.close_stdin(pid) == :ok
      assert {:error, %Error{reason: :closed}} = Command.write(pid, "late")
      assert {:error, %Error{reason: :no_terminal}} = Command.resize(pid, {1, 1})
      assert {:error, %Error{reason: :bad_request}} = Command.signal(pid, :no_such_signal)
      assert Command.stop(pid, 0) == :ok
      calls = [&Command.write(&1, "x"), &Command.close_stdin/1, &Command.signal(&1, :term), &Command.resize(&1, {1, 1})]
      calls = calls ++ [&Command.stop/1, &Command.os_pid/1, &Command.ask(&1, 1)]
      for call <- calls, do: assert({:error, %Error{reason: :not_running}} = call.(pid))
    end

    test "by a command that has exited and whose output its owner has not taken" do
      pid = start!(["echo", "untaken"], active: false, stdin: :pipe)
      assert eventually(fn -> :sys.get_state(pid).last end)

      assert {:error, %Error{reason: :epipe}} = Command.write(pid, "x")
      assert {:error, %Error{reason: :not_running}} = Command.signal(pid, :term)
      assert {:error, %Error{reason: :not_running}} = Command.resize(pid, {1, 1})
      assert Command.stop(pid) == :ok
      assert_receive {:lookout_command, ^pid, {:exit, 0}}
    end

    test "by a name that is taken" do
      pid = start!(["sleep", "1000"], name: __MODULE__.Taken)
      assert Command.start_link(["true"], name: __MODULE__.Taken) == {:error, {:already_started, pid}}
      assert Command.stop(__MODULE__.Taken, 0) == :ok
    end
  end

  test "whoever stops a command at the same time as others returns with them" do
    pid = start!("trap '' TERM; echo on; while :; do sleep 1000; done", shell: true)
    assert_receive {:lookout_command, ^pid, {:stdout, "on\n"}}, 10_000
    stops = for grace <- [60_000, 1, 60_000], do: Task.async(fn -> Command.stop(pid, grace) end)
    assert Task.await_many(stops, 30_000) == [:ok, :ok, :ok]
    assert_receive {:lookout_command, ^pid, {:exit, {:signal, :kill}}}
  end

  test "run/2 of a process that traps exits leaves it no message" do
    Process.flag(:trap_exit, true)
    assert {:ok, "", 1} = Command.run(["false"])
    assert {:error, %Error{}} = Command.run(["no-such-program"])
    assert Process.info(self(), :messages) == {:messages, []}
  end
end
