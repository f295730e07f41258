defmodule Mix.Tasks.LookoutTest do
  # The program as a person or a script calls it: a VM of its own, its bytes, its exit status.
  use Lookout.ConsoleCase, async: true

  describe "changes" do
    test "are lines without colours where there is no terminal, and TERM ends with 143", context do
      program = watching!(context, ["in"])
      write!(context, "a")
      assert output(program, &(&1 =~ "created     a\n")) =~ ~r/\Acreated     a\n/
      signal(program.os_pid, "TERM")
      assert {143, _rest} = ended(program)
    end

    test "are below the current directory by default", context do
      program = watching!(context, [])
      write!(context, "a")
      output(program, &(&1 =~ "created     in/a\n"))
    end

    test "are those of a directory that appears later, with --wait", context do
      program = watching!(context, ["later", "--wait"])
      assert output(program, &(&1 =~ "notice      ")) =~ "later is missing\n"
      File.mkdir!(context.dir <> "/later")
      File.mkdir!(context.dir <> "/later/a")
      output(program, &(&1 =~ ~r/later has appeared\ncreated     a\/\n/))
    end

    test "are objects of JSON with --json", context do
      program = watching!(context, ["in", "--json", "--once"])
      File.mkdir!(context.dir <> "/in/" <> <<"odd", 0xFF>>)
      encoded = Base.encode64(context.dir <> "/in/" <> <<"odd", 0xFF>>)

      assert ended(program) ==
               {0, ~s({"change":"created","type":"directory","path_base64":"#{encoded}","seq":1}\n)}
    end

    test "are the bytes of the paths and nothing else with --print0", context do
      File.mkdir!(context.dir <> "/in/old")
      program = watching!(context, ["in", "--print0", "--once"])
      File.rename!(context.dir <> "/in/old", context.dir <> "/in/" <> <<"é\n", 0xFF>>)
      assert ended(program) == {0, context.dir <> "/in/old\0" <> context.dir <> "/in/" <> <<"é\n", 0xFF, 0>>}
    end

    test "that are ignored are not told, and --stats tells figures at the end", context do
      program = watching!(context, ["in", "--ignore", "*.tmp", "--once", "--stats"])
      File.mkdir!(context.dir <> "/in/a.tmp")
      File.mkdir!(context.dir <> "/in/b")
      assert ended(program) == {0, "created     b/\n"}
      assert words(context) =~ ~r/^stats: 1 change in 1 batch; /m
    end

    test "have colours on a terminal", context do
      program = start!(context, ["in"], tty: true)
      output(program, &(&1 =~ "Watching"))
      File.mkdir!(context.dir <> "/in/a")
      output(program, &(&1 =~ "\e[32mcreated     in/a/\e[0m"))
    end

    for {name, once} <- [{"the last", ["--once"]}, {"others", []}] do
      test "that cannot be written are not lost in silence: #{name}", context do
        program = watching!(context, ["in" | unquote(once)], stdout: "/dev/full")
        write!(context, "a")
        assert {1, ""} = ended(program)
        assert words(context) =~ "lookout: standard output cannot be written (enospc)\n"
      end
    end

    test "end where nobody reads them from the start", context do
      ebin = Application.app_dir(:lookout, "ebin")
      call = "echo $$ >pid; exec elixir --erl -noinput -pa #{quoted(ebin)} -e #{quoted(program())} -- in 2>words"
      line = "(sh -c #{quoted(call)}; echo $? >status) | exec true"
      Port.open({:spawn_executable, "/bin/sh"}, [:binary, args: ["-c", line], cd: context.dir])

      os_pid =
        eventually(fn ->
          with {:ok, <<pid::binary>>} when pid != "" <- File.read(context.dir <> "/pid"),
               do: String.trim(pid),
               else: (_ -> nil)
        end)

      on_exit(fn -> System.cmd("kill", ["-KILL", os_pid], stderr_to_stdout: true) end)
      eventually(fn -> match?({:ok, <<_, _::binary>>}, File.read(context.dir <> "/status")) end)
      assert File.read!(context.dir <> "/status") == "141\n"
    end

    test "end at once when their reader is gone, without another change; so does a command", context do
      for words <- [["in"], ["in", "--", "sh", "-c", "echo first; exec sleep 1000"]] do
        File.rm(context.dir <> "/words")
        File.rm(context.dir <> "/status")
        ebin = Application.app_dir(:lookout, "ebin")
        words = Enum.map_join(words, " ", &quoted/1)

        call =
          "echo $$ >pid; exec elixir --erl -noinput -pa #{quoted(ebin)} -e #{quoted(program())} -- #{words} 2>words"

        line = "(sh -c #{quoted(call)}; echo $? >status) | head -n 1 >first"
        Port.open({:spawn_executable, "/bin/sh"}, [:binary, args: ["-c", line], cd: context.dir])
        eventually(fn -> words(context) =~ "Watching" end, 6_000)
        os_pid = String.trim(File.read!(context.dir <> "/pid"))
        on_exit(fn -> System.cmd("kill", ["-KILL", os_pid], stderr_to_stdout: true) end)
        File.mkdir_p!(context.dir <> "/in/one")
        eventually(fn -> match?({:ok, <<_, _::binary>>}, File.read(context.dir <> "/status")) end)
        assert File.read!(context.dir <> "/status") == "141\n"
        assert [_one_line, ""] = File.read!(context.dir <> "/first") |> String.split("\n")
      end
    end

    test "leave out what git ignores within a git repository, unless --no-gitignore is given", context do
      File.mkdir!(context.dir <> "/.git")
      File.write!(context.dir <> "/.git/HEAD", "ref: refs/heads/main\n")
      File.mkdir!(context.dir <> "/.git/objects")
      File.mkdir!(context.dir <> "/.git/refs")
      File.write!(context.dir <> "/.gitignore", "*.tmp\n")

      for {words, seen} <- [{[], "created     b/\n"}, {["--no-gitignore"], "created     a.tmp/\n"}] do
        File.rm(context.dir <> "/words")
        program = watching!(context, ["in", "--once", "--settle", "0" | words])
        assert words(context) =~ "without what git ignores" == (words == [])
        File.mkdir!(context.dir <> "/in/a.tmp")
        File.mkdir!(context.dir <> "/in/b")
        {0, output} = ended(program)
        assert output |> String.starts_with?(seen)
        File.rmdir!(context.dir <> "/in/a.tmp")
        File.rmdir!(context.dir <> "/in/b")
      end
    end

    test "of a run that starts the next ones are a notice", context do
      program = watching!(context, ["in", "--", "sh", "-c", "date >>in/own"])
      eventually(fn -> words(context) =~ ~r"^notice      each of the last runs was started by .*/in/own;"m end)
      signal(program.os_pid, "TERM")
      assert {143, _output} = ended(program)
    end
  end

  describe "a command" do
    test "runs at once, and again on change, its bytes passed on to the stream they are for", context do
      program = watching!(context, ["in", "--", "sh", "-c", "printf 'out\\377'; printf 'err\\376' >&2"])
      output(program, &(&1 == <<"out", 0xFF>>))
      write!(context, "a")
      output(program, &(&1 =~ <<"out", 0xFF>>))
      assert words(context) =~ <<"err", 0xFE>>
      # Headers and footers are for terminals.
      refute words(context) =~ "──"
    end

    test "is passed its words and the directory as they are", context do
      program = watching!(context, ["in", "--", "sh", "-c", "echo \"$PWD|$1|\"", "--", "a b  --json"])
      assert output(program, &(&1 =~ "\n")) =~ "#{context.dir}|a b  --json|\n"
    end

    test "with --once runs after the first change, and gives its status", context do
      program = watching!(context, ["in", "--once", "--notify-exit", "--", "sh", "-c", "echo ran; exit 7"])
      refute_received {_port, {:data, _bytes}}
      write!(context, "a")
      assert ended(program) == {7, "ran\n"}
      assert words(context) =~ "the command ended with status 7"
    end

    test "that dies of a signal gives 128 and its number, one that is missing 127", context do
      for {command, status} <- [{["sh", "-c", "kill -9 $$"], 137}, {["no-such-program"], 127}] do
        File.rm(context.dir <> "/words")
        program = watching!(context, ["in", "--once", "--" | command])
        write!(context, "#{status}")
        assert {^status, ""} = ended(program)
      end

      assert words(context) =~ "no-such-program"
    end

    test "that is missing is said, and waited for", context do
      program = watching!(context, ["in", "--", "./program"])
      eventually(fn -> words(context) =~ "No such file" end)
      File.write!(context.dir <> "/program", "#!/bin/sh\necho it runs\n")
      File.chmod!(context.dir <> "/program", 0o755)
      write!(context, "a")
      output(program, &(&1 =~ "it runs\n"))
    end

    test "is restarted by a change with --restart, and waits for one with --postpone", context do
      program = watching!(context, ["in", "--restart", "--postpone", "--", "sh", "-c", "echo begins; sleep 1000"])
      refute_received {_port, {:data, _bytes}}
      File.mkdir!(context.dir <> "/in/a")
      output(program, &(&1 == "begins\n"))
      File.mkdir!(context.dir <> "/in/b")
      output(program, &(&1 == "begins\n"))
    end

    test "has a terminal of the same size where there is one, which --clear clears", context do
      program = start!(context, ["in", "--clear", "--", "sh", "-c", "stty size; tty -s <&1 && echo yes"], tty: true)
      assert output(program, &(&1 =~ ~r"77\r*\nyes")) =~ ~r/\e\[H\e\[2J\e\[1m── start · sh -c [^\n]*\n33 77\r*\nyes/
    end

    test "that reads on a terminal finds the end of its input", context do
      program = start!(context, ["in", "--", "sh", "-c", "cat; echo over"], tty: true)
      output(program, &(&1 =~ "over"))
    end
  end

  describe "P6: nothing is left of a deaf command and its orphan" do
    @deaf "trap '' TERM; (setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' &); echo $$; while :; do sleep 1000; done"

    for name <- ["KILL", "INT"] do
      test "when the program ends by #{name}", context do
        {program, pids} = start_deaf(context)
        signal(program.os_pid, unquote(name))
        for pid <- pids, do: assert(eventually(fn -> gone?(pid) end))
      end
    end

    test "when the program is sent TERM, and the last words of a command are heard", context do
      command = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
      program = watching!(context, ["in", "--", "sh", "-c", command])
      output(program, &(&1 =~ "ready\n"))
      signal(program.os_pid, "TERM")
      assert {143, rest} = ended(program)
      assert rest =~ "bye\n"
    end

    defp start_deaf(context) do
      program = watching!(context, ["in", "--", "sh", "-c", @deaf])
      {program, program |> output(&(length(String.split(&1)) == 2)) |> String.split()}
    end
  end

  describe "P10: the command has its grace" do
    @clean_up "trap 'sleep 0.2; : >clean; exit 0' TERM; echo up; while :; do sleep 0.01; done"

    test "when the program ends by HUP", context do
      program = watching!(context, ["in", "--", "sh", "-c", @clean_up])
      output(program, &(&1 == "up\n"))
      signal(program.os_pid, "HUP")
      eventually(fn -> File.exists?(context.dir <> "/clean") end)
    end

    test "when the terminal is closed", context do
      program = start!(context, ["in", "--", "sh", "-c", @clean_up], tty: true)
      output(program, &(&1 =~ "\nup"))
      # `script`, which has the other side of the terminal.
      signal(program.os_pid, "KILL")
      eventually(fn -> File.exists?(context.dir <> "/clean") end)
      leader = context.dir |> Path.join("leader") |> File.read!() |> String.trim()
      eventually(fn -> gone?(leader) end)
    end
  end

  test "what makes no sense is said, with status 2, and what cannot be watched with status 1", context do
    assert {2, ""} = ended(start!(context, ["--jsn"]))
    assert words(context) =~ "unknown option --jsn"
    assert {1, ""} = ended(start!(context, ["missing"]))
    assert words(context) =~ ~r/missing.*No such file/
    assert {2, ""} = ended(start!(context, ["in", "--ignore", "./x"]))
    assert words(context) =~ ~S(lookout: option --ignore: the pattern "./x" can match nothing)
  end

  test "the Mix task needs no dependency of the project for --help and --version", context do
    File.write!(Path.join(context.dir, "mix.exs"), """
    defmodule Broken.MixProject do
      use Mix.Project
      def project, do: [app: :broken, version: "1.0.0", deps: [{:missing, "~> 1.0"}]]
    end
    """)

    ebin = Application.app_dir(:lookout, "ebin")
    lookout = fn words -> System.cmd("elixir", ["-pa", ebin, "-S", "mix", "lookout" | words], cd: context.dir) end
    assert lookout.(["--help"]) == {Lookout.Console.usage(), 0}
    assert lookout.(["--version"]) == {"lookout #{Mix.Project.config()[:version]}\n", 0}
  end

  test "the Mix task does the same, and ends with the status", context do
    {output, 0} = System.cmd("mix", ["lookout", "--help"], env: [{"MIX_ENV", "test"}])
    assert output =~ "--notify-exit"

    assert {output, 2} =
             System.cmd("mix", ["lookout", "--jsn", "--", "ls"], env: [{"MIX_ENV", "test"}], stderr_to_stdout: true)

    assert output =~ "unknown option --jsn"
    assert context.dir
  end
end
