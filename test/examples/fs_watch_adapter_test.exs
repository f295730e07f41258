defmodule FsWatchAdapterTest do
  use Lookout.Case, async: true

  @example Path.expand("../../examples/fs_watch_adapter.exs", __DIR__)

  defp run(dir) do
    elixir = System.find_executable("elixir")
    args = ["-pa", Application.app_dir(:lookout, "ebin"), @example, dir]
    port = Port.open({:spawn_executable, elixir}, [:binary, :exit_status, :stderr_to_stdout, line: 1_000, args: args])
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    on_exit(fn -> System.cmd("kill", ["-KILL", "#{os_pid}"], stderr_to_stdout: true) end)
    port
  end

  defp await_line(port, line), do: assert_receive({^port, {:data, {:eol, ^line}}}, 60_000)

  test "the example prints each change, with odd bytes escaped", %{dir: dir} do
    port = run(dir)
    watching = ~s(watching "#{dir}")
    await_line(port, watching)
    File.mkdir!(dir <> "/a\nb")
    await_line(port, ~s(created directory "#{dir}/a\\nb"))
    File.rename!(dir <> "/a\nb", dir <> "/c")
    await_line(port, ~s(renamed directory "#{dir}/a\\nb" -> "#{dir}/c"))
  end

  test "the example says why it cannot watch, and ends with a status", %{dir: dir} do
    port = run(dir <> "/missing")
    assert_receive {^port, {:data, {:eol, line}}}, 60_000
    assert line =~ "missing"
    assert line =~ "create it first"
    assert_receive {^port, {:exit_status, 1}}, 60_000
  end

  test "the example is short enough to be read" do
    assert @example |> File.stream!() |> Enum.count() < 60
  end
end
