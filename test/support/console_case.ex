defmodule Lookout.ConsoleCase do
  @moduledoc false
  # A test of the program as a person or a script calls it: a VM of its own, its bytes, its exit status. The directory
  # `in` of `dir` is empty.

  use ExUnit.CaseTemplate

  import ExUnit.{Assertions, Callbacks}
  import Lookout.Case, only: [eventually: 2]

  @program "Lookout.Console.main()"
  # A terminal that shows colours, whatever the tests themselves run on.
  @terminal "echo $$ >leader; stty rows 33 cols 77; unset NO_COLOR; export TERM=xterm; "

  using do
    quote do
      use Lookout.Case
      import Lookout.ConsoleCase
      setup :watched
    end
  end

  def watched(%{dir: dir}), do: File.mkdir!(Path.join(dir, "in"))

  def program, do: @program

  # Standard error goes to the file `words`; with `tty: true` all goes to a terminal.
  def start!(context, words, options \\ []) do
    ebin = Application.app_dir(:lookout, "ebin")
    elixir = System.find_executable("elixir")
    input = if options[:tty], do: "-noshell", else: "-noinput"
    call = [elixir, "--erl", "+Bd +fnu " <> input, "-pa", ebin, "-e", @program, "--" | words]
    # Tests may run under nohup(1), which ignores HUP.
    line = "exec env --default-signal=HUP " <> Enum.map_join(call, " ", &quoted/1)

    line =
      if options[:tty],
        do: "exec script -qec #{quoted(@terminal <> line)} /dev/null </dev/null",
        else: line <> " 2>words" <> if(options[:stdout], do: " >" <> options[:stdout], else: "")

    port = Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, args: ["-c", line], cd: context.dir])
    {:os_pid, os_pid} = Port.info(port, :os_pid)

    # What runs on the terminal may be told to ignore that it is gone (nohup).
    on_exit(fn ->
      leader = File.read(Path.join(context.dir, "leader"))
      pids = with {:ok, pid} <- leader, do: [String.trim(pid)], else: (_none -> [])
      System.cmd("kill", ["-KILL", "#{os_pid}" | pids], stderr_to_stdout: true)
    end)

    %{port: port, os_pid: os_pid}
  end

  def quoted(word), do: "'" <> String.replace(word, "'", "'\\''") <> "'"

  # A program that is live has said so.
  def watching!(context, words, options \\ []) do
    program = start!(context, words, options)
    eventually(fn -> words(context) =~ "Watching" end, 6_000)
    program
  end

  def words(context) do
    case File.read(Path.join(context.dir, "words")) do
      {:ok, words} -> words
      {:error, :enoent} -> ""
    end
  end

  # The output so far, once it satisfies the function.
  def output(program, sofar \\ "", fun) do
    if fun.(sofar) do
      sofar
    else
      %{port: port} = program
      assert_receive {^port, {:data, bytes}}, 60_000
      output(program, sofar <> bytes, fun)
    end
  end

  def ended(%{port: port}, sofar \\ "") do
    receive do
      {^port, {:data, bytes}} -> ended(%{port: port}, sofar <> bytes)
      {^port, {:exit_status, status}} -> {status, sofar}
    after
      60_000 -> flunk("it does not end")
    end
  end

  def write!(context, name), do: File.write!(context.dir <> "/in/" <> name, "x")
end
