defmodule Mix.Tasks.LookoutSinceTest do
  use Lookout.ConsoleCase, async: true

  # The status and the output of a run that begins where the one before has ended.
  defp since(context, words \\ [], options \\ []) do
    File.rm(context.dir <> "/words")
    ended(start!(context, ["in", "--since", "cursor" | words], options))
  end

  defp first!(context), do: {0, ""} = since(context)

  defp lines(output), do: output |> String.split("\n", trim: true) |> Enum.sort()

  test "P9: each run prints what has changed since the run before, the first one nothing", context do
    write!(context, "a")
    write!(context, "b")
    assert since(context) == {0, ""}
    assert words(context) == "lookout: cursor is new; the next run prints what changes from now on\n"

    write!(context, "c")
    File.write!(context.dir <> "/in/a", "longer")
    File.rm!(context.dir <> "/in/b")
    {0, output} = since(context)
    assert lines(output) == ["created     c", "deleted     b", "modified    a"]
    assert words(context) == ""

    assert since(context) == {0, ""}
    assert words(context) == ""
  end

  test "the paths are bytes with --print0, whatever the names, and objects with --json", context do
    File.mkdir!(context.dir <> "/in/old")
    first!(context)
    File.rename!(context.dir <> "/in/old", context.dir <> "/in/" <> <<"é\n", 0xFF>>)

    assert since(context, ["--print0"]) ==
             {0, context.dir <> "/in/old\0" <> context.dir <> "/in/" <> <<"é\n", 0xFF, 0>>}

    File.mkdir!(context.dir <> "/in/new")
    {0, output} = since(context, ["--json"])
    assert output =~ ~s({"change":"created","type":"directory","path":"#{context.dir}/in/new","seq":)
  end

  test "patterns hold, and what new ones hide is printed as deleted", context do
    write!(context, "a.tmp")
    first!(context)
    write!(context, "b")
    write!(context, "b.tmp")
    {0, output} = since(context, ["--ignore", "*.tmp"])
    assert lines(output) == ["created     b", "deleted     a.tmp"]
    {0, output} = since(context, ["--stats"])
    assert lines(output) == ["created     a.tmp", "created     b.tmp"]
    assert words(context) =~ ~r/^stats: 2 changes in /m
  end

  test "changes that could not be written are printed again", context do
    first!(context)
    write!(context, "a")
    assert {1, ""} = since(context, [], stdout: "/dev/full")

    assert words(context) =~
             "lookout: standard output cannot be written (enospc); the next run prints these changes again"

    assert since(context) == {0, "created     a\n"}
  end

  test "changes whose reader was gone are printed again", context do
    first!(context)
    write!(context, "a")
    pipeline!(context, "", "exec true")
    eventually(fn -> match?({:ok, <<_, _::binary>>}, File.read(context.dir <> "/status")) end, 6_000)
    assert File.read!(context.dir <> "/status") == "141\n"
    assert since(context) == {0, "created     a\n"}
  end

  test "a run that is killed before all is taken prints it again", context do
    first!(context)
    # More than a pipe holds.
    names = for n <- 1..260, do: String.duplicate("n", 200) <> "#{n}"
    for name <- names, do: write!(context, name)
    pid = pipeline!(context, "--json", "(head -c 1 >got; exec sh -c 'echo $$ >reader; exec sleep 1000')")
    reader = eventually(fn -> pid_in(context.dir <> "/reader") end, 6_000)
    on_exit(fn -> System.cmd("kill", ["-KILL", reader], stderr_to_stdout: true) end)
    # The checkpoint is made, and its commit waits.
    eventually(fn -> length(Path.wildcard(context.dir <> "/cursor/snapshot-*")) == 2 end, 6_000)
    signal(pid, "KILL")
    eventually(fn -> gone?(pid) end)

    {0, output} = since(context)
    assert lines(output) == names |> Enum.map(&("created     " <> &1)) |> Enum.sort()
  end

  # Runs it before `reader`, in a pipe; its status goes to the file `status`. Returns the process id of its VM.
  defp pipeline!(context, words, reader) do
    ebin = Application.app_dir(:lookout, "ebin")

    call =
      "echo $$ >pid; exec elixir --erl '-noinput +fnu' -pa #{quoted(ebin)} -e #{quoted(program())} -- in --since cursor #{words}"

    line = "(sh -c #{quoted(call)} 2>words; echo $? >status) | #{reader}"
    Port.open({:spawn_executable, "/bin/sh"}, [:binary, args: ["-c", line], cd: context.dir])
    pid = eventually(fn -> pid_in(context.dir <> "/pid") end, 6_000)
    on_exit(fn -> System.cmd("kill", ["-KILL", pid], stderr_to_stdout: true) end)
    pid
  end

  defp pid_in(file) do
    with {:ok, bytes} when bytes != "" <- File.read(file), do: String.trim(bytes), else: (_none -> nil)
  end

  test "a cursor that is used, or is inside, is refused, and nothing is lost by that", context do
    first!(context)
    write!(context, "a")
    {:ok, watcher} = Lookout.start_link(dirs: context.dir <> "/in", cursor: context.dir <> "/cursor")
    assert {1, ""} = since(context)
    assert words(context) =~ "another watcher uses this directory of cursors; stop it"
    :ok = Lookout.stop(watcher)
    assert since(context) == {0, "created     a\n"}

    assert {1, ""} = ended(start!(context, ["in", "--since", "in/cursor"]))
    assert words(context) =~ "choose one outside"
  end

  test "a damaged cursor is an error that says what to do, or all that exists is printed", context do
    write!(context, "a")
    first!(context)
    write!(context, "b")
    [snapshot] = Path.wildcard(context.dir <> "/cursor/snapshot-*")
    File.write!(snapshot, "x")

    assert {1, ""} = since(context)
    assert words(context) =~ "this is no whole snapshot"
    assert words(context) =~ "--on-bad-cursor restart"

    {0, output} = since(context, ["--on-bad-cursor", "restart"])

    assert ["created     a", "created     b", "notice      the cursor cannot be used (bad_snapshot)" <> _] =
             lines(output)

    write!(context, "c")
    assert since(context) == {0, "created     c\n"}
  end

  test "a path that has gone is a notice, its entries are deleted, and one that never was is an error", context do
    write!(context, "a")
    first!(context)
    File.rename!(context.dir <> "/in", context.dir <> "/away")
    {0, output} = since(context)
    assert ["deleted     a", "notice      " <> missing] = lines(output)
    assert missing =~ "in is missing"
    File.rename!(context.dir <> "/away", context.dir <> "/in")
    assert {1, ""} = since(context, ["other"])
    assert words(context) =~ ~r/other.*No such file/
  end
end
