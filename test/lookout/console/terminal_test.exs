defmodule Lookout.Console.TerminalTest do
  # `mix lookout` and bin/watch as a person uses them: on a terminal, with keys. The terminal is that of a Lookout.Command.
  use Lookout.Case, async: true

  alias Lookout.Command
  alias Lookout.Console.Terminal

  @program "Lookout.Console.main()"
  @reset "\e[0m"

  setup %{dir: dir} do
    File.mkdir!(Path.join(dir, "in"))
    :ok
  end

  # The shell that starts the program writes the settings of the terminal before and after to files, and the status in between.
  defp start!(context, words, options \\ []) do
    line = options[:line] || line(words)
    around = "stty -g >before; #{line}; echo $? >status; stty -g >after; #{options[:then] || "echo the end"}"
    env = Map.merge(%{"TERM" => "xterm", "NO_COLOR" => nil, "PS1" => "%%"}, Map.new(options[:env] || %{}))
    pty = options[:pty] || {33, 77}
    {:ok, command} = Command.start_link(["sh", "-c", around], pty: pty, cd: options[:cd] || context.dir, env: env)
    %{command: command}
  end

  # As bin/watch calls it.
  defp line(words) do
    ebin = Application.app_dir(:lookout, "ebin")
    call = ["elixir", "--erl", "+Bd +fnu -noshell", "-pa", ebin, "-e", @program, "--" | words]
    Enum.map_join(call, " ", &quoted/1)
  end

  defp quoted(word), do: "'" <> String.replace(word, "'", "'\\''") <> "'"

  # The output up to the text; what comes after it is for the next call.
  defp output(%{command: command} = program, wanted, sofar \\ Process.delete(:rest) || "") do
    case String.split(sofar, wanted, parts: 2) do
      [before, rest] ->
        Process.put(:rest, rest)
        before <> wanted

      [_not_yet] ->
        assert_receive {:lookout_command, ^command, {:stdout, bytes}}, 30_000, "waiting for #{wanted} after: #{sofar}"
        output(program, wanted, sofar <> bytes)
    end
  end

  defp type(%{command: command}, keys), do: :ok = Command.write(command, keys)
  defp write!(context, name), do: File.write!(Path.join([context.dir, "in", name]), name)
  defp file!(context, name), do: File.read!(Path.join(context.dir, name))

  # It has ended, with the status, and the terminal has its settings back.
  defp assert_ended(context, program, status) do
    last = output(program, "the end")
    assert file!(context, "status") == "#{status}\n"
    assert file!(context, "after") == file!(context, "before")
    last
  end

  describe "a run" do
    test "has a header with its cause and the time, a footer with its result, and what is waited for then", context do
      File.write!(Path.join(context.dir, "job"), "printf part; exit $(cat in/status 2>/dev/null || echo 0)")
      program = start!(context, ["in", "--", "sh", "job"])

      assert output(program, @reset) =~
               ~r/Watching in · Ctrl-C or q ends\r\n\e\[1m── start · sh job · \d\d:\d\d:\d\d/

      assert output(program, @reset) =~ ~r/part\r*\n\e\[32m── done · \d+\.\d\d s/
      assert output(program, @reset) =~ "\e[2mwaiting for changes of in · Enter runs it again, q ends"
      File.write!(Path.join(context.dir, "in/status"), "3")
      assert output(program, @reset) =~ "\e[1m── in/status changed · sh job · "
      assert output(program, @reset) =~ ~r/\e\[31m── status 3 · \d/
      output(program, "q ends")
      type(program, "\x03")
      assert_ended(context, program, 130)
    end

    test "has lines with a hanging indent on a narrow terminal, and its words as a shell needs them", context do
      program = start!(context, ["in", "--", "sh", "-c", "exit 0"], pty: {33, 24}, env: [{"NO_COLOR", "1"}])
      assert output(program, "── start") =~ "Watching in · Ctrl-C or\r\n  q ends\r\n"
      assert output(program, "──") =~ ~r/^ · sh -c 'exit\r\n   0' · \d\d:\d\d:\d\d\r\n──/
      assert output(program, "q ends") =~ "waiting for changes of\r\n   in · Enter runs it\r\n   again, q ends"
      type(program, "q")
      assert_ended(context, program, 0)
    end

    test "has no colours with NO_COLOR", context do
      program = start!(context, ["in", "--", "true"], env: [{"NO_COLOR", "1"}])
      refute output(program, "waiting for") =~ "\e["
      type(program, "q")
      assert_ended(context, program, 0)
    end

    test "has its bytes passed on as they are, line feeds without a carriage return among them", context do
      File.write!(Path.join(context.dir, "job"), "stty -onlcr; printf '<a\\nb\\r\\n>'")
      program = start!(context, ["in", "--", "sh", "job"])
      assert output(program, ">") =~ "<a\nb\r\n>"
      output(program, "waiting for")
      type(program, "q")
      assert_ended(context, program, 0)
    end

    test "follows Enter and space, and q ends", context do
      program = start!(context, ["in", "--postpone", "--", "echo", "ran"])
      output(program, "waiting for")

      for key <- ["\r", " "] do
        type(program, key)
        output(program, "── asked for by a key")
        output(program, "\nran")
        output(program, "waiting for")
      end

      type(program, "q")
      assert_ended(context, program, 0)
    end
  end

  describe "the keys" do
    test "are those of a command that runs, which may read its standard input or its terminal", context do
      ask =
        "stty -echo; printf 'secret: ' >/dev/tty; read secret </dev/tty; stty echo; read line; echo \"<$secret> <$line>\""

      File.write!(Path.join(context.dir, "job"), ask)
      program = start!(context, ["in", "--", "sh", "job"])
      output(program, "secret: ")
      type(program, "quiet\r")
      type(program, "q words\r")
      refute output(program, "<quiet> <q words>") =~ "quiet\r\n"
      output(program, "waiting for")
      type(program, "q")
      assert_ended(context, program, 0)
    end

    test "are Lookout's with --restart, also while the command runs", context do
      program = start!(context, ["in", "-r", "--", "sh", "-c", "echo up; exec sleep 1000"])
      output(program, "\nup")
      type(program, "\r")
      assert output(program, "\nup") =~ ~r/── ended by SIGTERM.*── asked for by a key/s
      type(program, "q")
      assert_ended(context, program, 0)
    end

    test "are the command's with --restart --interactive", context do
      program = start!(context, ["in", "-r", "--interactive", "--", "sh", "-c", "echo up; read line; echo \"<$line>\""])
      output(program, "\nup")
      type(program, "q\r")
      output(program, "<q>")
      output(program, "waiting for")
      type(program, "q")
      assert_ended(context, program, 0)
    end
  end

  test "a new size of the terminal is that of the command that runs, and of later ones", context do
    program =
      start!(context, ["in", "--", "sh", "-c", "trap 'stty size' WINCH; stty size; until read line; do :; done"])

    output(program, "33 77")
    :ok = Command.resize(program.command, {20, 60})
    output(program, "20 60")
    type(program, "\r")
    output(program, "waiting for")
    type(program, "\r")
    output(program, "asked for by a key")
    output(program, "20 60")
    type(program, "\x03")
    assert_ended(context, program, 130)
  end

  test "Ctrl-C ends the command and then the program, with the last words of both", context do
    command = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    program = start!(context, ["in", "--stats", "--", "sh", "-c", command])
    output(program, "\nup")
    type(program, "\x03")
    last = assert_ended(context, program, 130)
    assert last =~ ~r/bye.*stats: /s
    refute last =~ "BREAK"
  end

  test "a second Ctrl-C does not wait for a command that does not end", context do
    program = start!(context, ["in", "--stats", "--", "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"])
    output(program, "\nup")
    type(program, "\x03\x03")
    refute output(program, "the end") =~ "stats: "
    assert file!(context, "status") == "130\n"
  end

  test "Ctrl-C ends `mix lookout` without the menu of Erlang", context do
    words = ["mix", "lookout", Path.join(context.dir, "in"), "--stats"]
    line = "(cd #{quoted(File.cwd!())} && exec #{Enum.map_join(words, " ", &quoted/1)})"
    program = start!(context, [], line: line, env: [{"MIX_ENV", "test"}])
    output(program, "Ctrl-C or q ends")
    type(program, "\x03")
    last = assert_ended(context, program, 130)
    assert last =~ "stats: "
    refute last =~ "BREAK"
  end

  test "the settings of the terminal are restored when the program is killed", context do
    restored = "until [ \"$(stty -g)\" = \"$(cat before)\" ]; do sleep 0.02; done; echo restored"
    program = start!(context, ["in", "--", "sh", "-c", "echo $PPID >in/unused; stty -a; echo up"], then: restored)
    output(program, "waiting for")
    {:ok, shell} = Command.os_pid(program.command)
    [vm] = "/proc/#{shell}/task/#{shell}/children" |> File.read!() |> String.split()
    signal(String.to_integer(vm), "KILL")
    output(program, "restored")
  end

  test "Ctrl-Z stops the program and its command, with the settings of the shell; fg continues both", context do
    # Without a child: a shell whose child of vfork(2) is stopped before its exec waits in state D.
    command = "echo $$ >pid; echo up; exec sleep 1000"
    program = start!(context, [], line: "bash --norc --noprofile --noediting -i")
    output(program, "%%")
    type(program, "stty -g >shell\n")
    output(program, "%%")
    type(program, line(["in", "--", "sh", "-c", command]) <> "\n")
    output(program, "\nup")
    pid = context |> file!("pid") |> String.trim() |> String.to_integer()
    # Before the keys are read, the kernel would stop the VM alone.
    eventually(fn -> not canonical?(program) end)
    type(program, "\x1a")
    output(program, "Stopped")
    output(program, "%%")
    eventually(fn -> state(pid) == "T" end)
    type(program, "stty -g >stopped; echo writt''en\n")
    output(program, "written")
    assert file!(context, "stopped") == file!(context, "shell")
    type(program, "fg\n")
    eventually(fn -> state(pid) != "T" end)
    # Raw again: typed once more it stops once more.
    eventually(fn -> not canonical?(program) end)
    type(program, "\x1a")
    output(program, "Stopped")
    output(program, "%%")
    eventually(fn -> state(pid) == "T" end)
    type(program, "fg\n")
    eventually(fn -> state(pid) != "T" and not canonical?(program) end)
    type(program, "\x03")
    output(program, "%%")
    eventually(fn -> gone?(pid) end)
    type(program, "stty -g >ended; exit\n")
    output(program, "the end")
    assert file!(context, "ended") == file!(context, "shell")
  end

  defp state(pid) do
    case File.read("/proc/#{pid}/stat") do
      {:ok, stat} -> stat |> String.split(") ") |> List.last() |> String.first()
      {:error, _gone} -> "gone"
    end
  end

  # Whether the terminal edits lines.
  defp canonical?(%{command: command}) do
    {:ok, pid} = Command.os_pid(command)
    {settings, 0} = System.cmd("sh", ["-c", "stty -a </proc/#{pid}/fd/0"])
    not (settings =~ "-icanon")
  end

  describe "if the terminal cannot be set" do
    test "the script ends, and keys count when Enter is typed", context do
      # This stty cannot set the raw mode.
      bin = Path.join(context.dir, "bin")
      File.mkdir!(bin)
      real = System.find_executable("stty")
      File.write!(Path.join(bin, "stty"), "#!/bin/sh\n[ \"$1\" != -icanon ] || exit 1\nexec #{real} \"$@\"\n")
      File.chmod!(Path.join(bin, "stty"), 0o755)

      program = start!(context, ["in", "--", "true"], env: [{"PATH", bin <> ":" <> System.get_env("PATH")}])
      output(program, "waiting for")
      {:ok, shell} = Command.os_pid(program.command)
      [vm] = "/proc/#{shell}/task/#{shell}/children" |> File.read!() |> String.split()
      eventually(fn -> not sets_terminal?(vm) end)
      type(program, "q\n")
      assert_ended(context, program, 0)
    end

    test "a script that reads no requests counts as one that has ended" do
      {:ok, terminal} = Terminal.start_link(keys: false, output: :raw)
      monitor = Process.monitor(terminal)
      :sys.replace_state(terminal, fn state -> %{state | settings: port_without_reader(), reader: self()} end)
      Terminal.suspend(terminal)
      assert_receive {:terminal, ^terminal, :continued}, 10_000
      Terminal.suspend(terminal)
      assert_receive {:terminal, ^terminal, :continued}, 10_000
      Terminal.stop(terminal)
      assert_receive {:DOWN, ^monitor, :process, ^terminal, :normal}
    end

    test "the end meets a script that is gone already, and its message is not read yet" do
      {:ok, terminal} = Terminal.start_link(keys: false, output: :raw)
      monitor = Process.monitor(terminal)
      :sys.suspend(terminal)

      :sys.replace_state(terminal, fn state ->
        port = port_without_reader()
        close(port)
        %{state | settings: port}
      end)

      Terminal.stop(terminal)
      assert_receive {:DOWN, ^monitor, :process, ^terminal, :normal}
    end

    defp close(port) do
      Port.close(port)
    rescue
      # Its program has ended meanwhile.
      ArgumentError -> true
    end

    # A write to it fails with EPIPE, though its output is open. The process that calls this owns it.
    defp port_without_reader do
      arguments = ["-c", "exec 0<&-; echo closed; exec \"$0\" --until-unread", Lookout.port_path()]
      port = Port.open({:spawn_executable, "/bin/sh"}, [:binary, line: 80, args: arguments])
      receive do: ({^port, {:data, {:eol, "closed"}}} -> port)
    end

    # Whether the script runs that sets the terminal for this VM.
    defp sets_terminal?(vm) do
      Enum.any?(Path.wildcard("/proc/[0-9]*/cmdline"), fn file ->
        case File.read(file) do
          {:ok, words} -> words =~ "\0lookout-terminal\0#{vm}\0"
          {:error, _gone} -> false
        end
      end)
    end
  end

  test "paths are those that the terminal can open from the working directory, the default one by its name", context do
    program = start!(context, [])
    assert output(program, "q ends") =~ "Watching #{context.dir} ·"
    write!(context, "a")
    output(program, "created     in/a")
    type(program, "q")
    assert_ended(context, program, 0)
  end
end
