defmodule Lookout.Bench.Parts.Idle do
  @moduledoc false
  # What an idle watcher does: nothing, as strace sees it.

  import Lookout.Bench.Report
  alias Lookout.Bench.Machine

  def title, do: "Idle"

  def run(_quick?) do
    Machine.with_dir(Machine.disk("idle"), fn dir ->
      Machine.write!(["tree", dir, 100, 1_000])
      {:ok, watcher} = Lookout.start_link(dirs: dir, subscribe: [self()])
      File.write!(Path.join(dir, "change"), "x")
      :ok = Lookout.sync(watcher)
      {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
      # Descriptors of directories are closed a second or two after the last change.
      Process.sleep(4_000)
      cpu = Machine.cpu(os_pid)
      calls = calls(os_pid, Path.join(Machine.disk(""), "strace"))
      cpu = Machine.cpu(os_pid) - cpu
      Lookout.stop(watcher)
      Machine.batches(watcher)

      [
        "System calls of `lookout_port` in 10 seconds without a change: #{judge(calls, 0, "calls")}; CPU: #{ms(cpu)} ms."
      ]
    end)
  end

  # The call that it is in when strace comes is told as one that is resumed, or not at all.
  defp calls(os_pid, file) do
    System.cmd("timeout", ["-s", "INT", "10", "strace", "-f", "-q", "-o", file, "-p", to_string(os_pid)],
      stderr_to_stdout: true
    )

    file
    |> File.read!()
    |> String.split("\n", trim: true)
    |> Enum.reject(&(&1 =~ ~r/epoll_p?wait2?\(.*(unfinished|detached)/ or &1 =~ "<detached"))
    |> length()
  end
end
