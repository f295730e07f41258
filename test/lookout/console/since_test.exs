defmodule Lookout.Console.SinceTest do
  use Lookout.Case, async: true

  alias Lookout.Console.{Arguments, Output, Printer, Since}

  # Standard output is a pipe to `line`, and what the VM keeps for it has no bound.
  defp output(line) do
    port = fn line ->
      Port.open({:spawn_executable, "/bin/sh"}, [:binary, :exit_status, busy_limits_port: :disabled, args: ["-c", line]])
    end

    %Output{
      stdout: port.(line),
      stderr: port.("exec cat >/dev/null"),
      terminals: %{stdin: false, stdout: false, stderr: false},
      reader: nil
    }
  end

  # A process that prints what has changed, and its result.
  defp since(context, line) do
    {:ok, arguments} = Arguments.parse([context.dir <> "/in", "--since", context.dir <> "/cursor", "--print0"])

    Task.async(fn ->
      Process.flag(:trap_exit, true)
      output = output(line)
      status = Since.run(arguments, Printer.new(output))
      Port.close(output.stdout)
      status
    end)
  end

  defp flushes?(pid) do
    {:current_stacktrace, trace} = Process.info(pid, :current_stacktrace)
    Enum.any?(trace, &match?({Output, :flush, 1, _where}, &1))
  end

  test "P9: the cursor is committed when standard output has taken everything, and not before", context do
    File.mkdir!(context.dir <> "/in")
    assert context |> since("exec cat") |> Task.await(60_000) == 0
    committed = File.read!(context.dir <> "/cursor/committed")

    # More than a pipe holds.
    names = for n <- 1..500, do: String.duplicate("n", 200) <> "#{n}"
    for name <- names, do: File.write!(context.dir <> "/in/" <> name, "")

    # Otherwise a test that fails leaves a reader, for which its VM waits.
    on_exit(fn -> System.cmd("pkill", ["-KILL", "-F", context.dir <> "/reader"], stderr_to_stdout: true) end)
    {"", 0} = System.cmd("mkfifo", [context.dir <> "/gate"])

    task =
      since(context, "echo $$ >#{context.dir}/reader; read line <#{context.dir}/gate; exec cat >#{context.dir}/out")

    eventually(fn -> flushes?(task.pid) end, 6_000)
    assert File.read!(context.dir <> "/cursor/committed") == committed

    File.write!(context.dir <> "/gate", "go\n")
    assert Task.await(task, 60_000) == 0
    assert File.read!(context.dir <> "/cursor/committed") != committed
    printed = fn -> context.dir |> Path.join("out") |> File.read!() |> String.split("\0", trim: true) end
    assert eventually(fn -> Enum.sort(Enum.map(printed.(), &Path.basename/1)) == Enum.sort(names) end)
  end
end
