defmodule Lookout.ReadmeTest do
  # Each block of README.md, as it is printed there. Not async: working directory, PATH and standard output are those of
  # the VM.
  use Lookout.Case, async: false

  import ExUnit.CaptureIO
  import Lookout.Document

  alias Lookout.{Command, Runner}

  @blocks blocks("README.md")
  @external_resource "README.md"

  setup %{dir: dir} do
    cd!(dir)
    Enum.each(~w(lib priv inbox assets test), &File.mkdir_p!/1)
  end

  defp elixir(text), do: block!(@blocks, "elixir", text)

  test "every block is run by a test of this module" do
    assert Enum.frequencies_by(@blocks, &elem(&1, 0)) ==
             %{"elixir" => 12, "erlang" => 1, "sh" => 3, "text" => 3, "yaml" => 2}
  end

  test "the trial in iex prints the message that is shown", %{dir: dir} do
    trial = elixir("flush()")
    printed = capture_io(fn -> Code.eval_string("import IEx.Helpers\n" <> trial, []) end)
    assert [message | _more] = Regex.run(~r/\A\{:lookout, #PID<.*?\]\}\}\n/s, printed)
    assert message =~ "%Lookout.Event{"
    assert message =~ "change: :created,"
    assert message =~ ~s("#{dir}/new.txt")

    # The same term printed the same way, with the pid and the path of the page.
    shown = block!(@blocks, "text", "#PID<")
    event = %Lookout.Event{change: :created, type: :file, path: "/home/me/my_app/new.txt"}
    term = {:lookout, self(), {:events, 1, [event]}}
    assert String.replace(inspect(term, pretty: true, width: 80), inspect(self()), "#PID<0.162.0>") <> "\n" == shown
  end

  test "the dependency can be written into mix.exs" do
    code = "defmodule MyApp.MixProject do\n#{elixir("defp deps do")}\ndef all, do: deps()\nend"
    compile!(code)
    assert [{:lookout, path: "../lookout"}] = apply(MyApp.MixProject, :all, [])
  end

  test "the application and its listener start, and the listener prints a change", %{dir: dir} do
    compile!(elixir("defmodule MyApp.Listener"))
    compile!(elixir("defmodule MyApp.Application"))
    # What the listener prints goes to its group leader, which is that of the process that starts it.
    printed =
      capture_io(fn ->
        {:ok, supervisor} = apply(MyApp.Application, :start, [:normal, []])
        File.mkdir!("lib/web")
        :ok = Lookout.sync(MyApp.Watcher)

        [{_id, listener, _type, _modules}] =
          for({MyApp.Listener, _, _, _} = child <- Supervisor.which_children(supervisor), do: child)

        :sys.get_state(listener)
        Supervisor.stop(supervisor)
      end)

    assert printed =~ ~s({:created, :directory, "#{dir}/lib/web"})
  end

  test "a directory that is waited for" do
    {[child], _binding} = Code.eval_string(elixir("missing: :wait") <> "children")
    {Lookout, options} = child
    start_supervised!({Lookout, Keyword.put(options, :dirs, ["no such directory"])})
    assert {:ok, _info} = Lookout.info(MyApp.Watcher)
  end

  describe "running commands:" do
    setup %{dir: dir} do
      programs!(dir, %{
        "journalctl" => "while echo line; do :; done",
        "make" => "echo out; echo err >&2; exit 2",
        "esbuild" => "echo watching; cat >/dev/null",
        "epmd" => "exit 0",
        "postgres" => "touch #{dir}/socket; exec sleep 1000",
        "redis-server" => "exec sleep 1000"
      })
    end

    test "to their end" do
      File.write!("log", "line\n")
      {output, _binding} = Code.eval_string(elixir(~s(["echo", "hello"])))
      assert Enum.sort(output) == [{:exit, 2}, {:stderr, "err\n"}, {:stdout, "out\n"}]
      assert File.read!("log.gz") |> :zlib.gunzip() == "line\n"
    end

    test "with messages" do
      assert capture_io(fn -> Code.eval_string(elixir(~s(["esbuild", "--watch"]))) end) == "watching\n"
    end

    # Another user needs root, and limits a cgroup that can be written.
    test "with a user, limits and a daemon" do
      lines = elixir(~s(user: "nobody")) |> String.split("\n", trim: true)

      for line <- lines do
        case Code.eval_string(line) do
          {{:ok, _output, _status}, _binding} -> :ok
          {{:error, error}, _binding} -> assert error.reason in [:eperm, :enotsup]
        end
      end
    end

    test "under a supervisor", %{dir: dir} do
      code = String.replace(elixir(~s(["postgres")), "/run/postgresql/.s.PGSQL.5432", dir <> "/socket")
      compile!("defmodule MyApp do\ndef secrets, do: %{}\nend")
      {children, _binding} = Code.eval_string(code <> "children")
      [postgres, redis] = Enum.with_index(children, &Supervisor.child_spec(&1, id: &2))
      start_supervised!(postgres)
      assert File.exists?("socket")
      start_supervised!(redis)
      assert {:ok, _os_pid} = Command.os_pid(MyApp.Redis)
    end
  end

  test "running a command on change", %{dir: dir} do
    programs!(dir, %{"mix" => ~s(echo "$@" >#{dir}/ran)})
    {children, _binding} = Code.eval_string(elixir(~s(command: ["mix", "test"])) <> "children")
    Enum.each(children, &start_supervised!/1)
    File.write!("lib/a.ex", "")
    assert eventually(fn -> File.read(Path.join(dir, "ran")) == {:ok, "test\n"} end)
  end

  test "running a function on change", %{dir: dir} do
    compile!("defmodule MyApp do\ndef take_in(path), do: send(:readme_test, {:took, path})\nend")
    Process.register(self(), :readme_test)
    {{:ok, runner}, _binding} = Code.eval_string(elixir("&MyApp.take_in/1"))
    path = Path.join(dir, "inbox")
    File.mkdir!(path <> "/new")
    path = path <> "/new"
    assert_receive {:took, ^path}
    :ok = Runner.stop(runner)
  end

  test "a watcher of another machine has the options that are shown" do
    {{Lookout, options} = child, _binding} = Code.eval_string(elixir("node: :"))
    assert %{id: MyApp.Watcher} = Supervisor.child_spec(child, [])
    # This VM is no node, or there is none of that name.
    assert {:error, %Lookout.Error{reason: :nodedown}} = Lookout.start_link(options)
  end

  test "the command lines are understood" do
    lines = block!(@blocks, "sh", "mix lookout") <> block!(@blocks, "sh", "bin/watch")

    commands =
      for line <- String.split(lines, "\n", trim: true),
          [command | _comment] = String.split(line, ~r/\s+(#|\|)\s+/),
          [_all, arguments] = Regex.run(~r{^(?:mix lookout|bin/watch)\s?(.*)$}, command),
          do: OptionParser.split(arguments)

    assert length(commands) == 5
    for arguments <- commands, do: assert({:ok, _parsed} = Lookout.Console.Arguments.parse(arguments))
  end

  test "the lines that are shown are those that are printed", %{dir: dir} do
    shown = block!(@blocks, "text", "created ")

    for {line, event} <- [
          {"created     lib/new.ex", %Lookout.Event{change: :created, type: :file, path: dir <> "/lib/new.ex"}},
          {"renamed     lib/new.ex -> lib/better.ex",
           %Lookout.Event{change: :renamed, type: :file, path: dir <> "/lib/better.ex", from: dir <> "/lib/new.ex"}},
          {~S|deleted     "odd\nname"|, %Lookout.Event{change: :deleted, type: :file, path: dir <> "/odd\nname"}}
        ] do
      assert shown =~ line
      assert Lookout.Console.Lines.line(event, dir <> "/") == line
    end

    assert block!(@blocks, "text", "── done") =~ "waiting for changes of lib, test · Enter runs it again, q ends"
  end

  test "the Erlang module prints a change, with the code path that is shown", %{dir: dir} do
    {path, 0} = System.cmd("sh", ["-c", block!(@blocks, "sh", "ERL_LIBS") <> ~s(printf %s "$ERL_LIBS")])
    assert File.exists?(Path.join(path, "elixir/ebin/elixir.app"))

    File.write!("inbox.erl", block!(@blocks, "erlang", "-module(inbox)"))
    {:ok, :inbox, binary} = :compile.file(~c"inbox.erl", [:binary, :warnings_as_errors, :report])
    {:module, :inbox} = :code.load_binary(:inbox, ~c"inbox.erl", binary)
    on_exit(fn -> forget([:inbox]) end)
    test = self()

    printed =
      capture_io(fn ->
        leader = Process.group_leader()

        child =
          spawn_link(fn ->
            Process.group_leader(self(), leader)
            send(test, {:ended, apply(:inbox, :watch, [to_charlist(Path.join(dir, "inbox"))])})
          end)

        watcher = eventually(fn -> watcher_of(child) end)
        File.mkdir!("inbox/new")
        :ok = Lookout.sync(watcher)
        Lookout.stop(watcher)
        assert_receive {:ended, :normal}
      end)

    assert printed == "created #{dir}/inbox/new\n"
  end

  # The watcher to which a process is linked, once it is subscribed.
  defp watcher_of(pid) do
    {:links, links} = Process.info(pid, :links)

    Enum.find(links -- [self()], fn link ->
      is_pid(link) and match?({:ok, %{subscribers: 1}}, Lookout.info(link))
    end)
  end

  test "the continuous integration has the oldest pair that is supported, and installs what is missing" do
    github = block!(@blocks, "yaml", "erlef/setup-beam")
    oldest = Mix.Project.config()[:elixir] |> String.replace("~> ", "")
    assert github =~ ~s({elixir: "#{oldest}", otp: "25"})

    for yaml <- [github, block!(@blocks, "yaml", "debian:trixie")],
        package <- ~w(g++ cmake ninja-build libboost-dev),
        do: assert(yaml =~ package)
  end
end
