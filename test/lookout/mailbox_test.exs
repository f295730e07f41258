defmodule Lookout.MailboxTest do
  use Lookout.Case, async: true

  alias Lookout.Command

  # The work of a caller is counted in reductions, with an empty mailbox and with one that others have filled. A receive that scans the
  # mailbox costs a reduction for each message in it.
  @unrelated 200_000

  test "a call scans the mailbox of its caller not even once", %{dir: dir} do
    {"", 0} = System.cmd("sh", ["-c", "seq 5000 | xargs touch"], cd: dir)
    watcher = start_watcher!(dir)

    for call <- [
          fn -> {:ok, _seq, _entries} = Lookout.list(watcher) end,
          fn -> {:ok, _seq, _entries} = Lookout.list(watcher, timeout: :infinity) end,
          fn -> :ok = Lookout.sync(watcher) end,
          fn -> {:ok, _info} = Lookout.info(watcher) end,
          fn -> {:ok, _pid} = Lookout.subscribe(watcher) end,
          fn -> :ok = Lookout.unsubscribe(watcher) end,
          fn -> :ok = Lookout.add(watcher, dir) end,
          fn -> {:error, _timeout} = Lookout.list(watcher, timeout: 0) end
        ] do
      assert scans(call) == 0
    end
  end

  # OTP scans it when a process is started: before it knows what it waits for.
  test "a command and a stream scan it once at the start, not for each piece", %{dir: dir} do
    File.touch!(Path.join(dir, "a"))
    pieces = "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.01; done"

    for call <- [
          fn -> {:ok, _output, 0} = Command.run(["sh", "-c", pieces]) end,
          fn -> ["sh", "-c", pieces] |> Command.stream() |> Enum.to_list() end,
          fn -> {:ok, "", :timeout} = Command.run(["sleep", "10"], timeout: 50) end,
          fn -> [dirs: dir, initial: true] |> Lookout.stream() |> Enum.take(1) end
        ] do
      assert scans(call) <= 1
    end
  end

  test "a scan is counted" do
    assert scans(fn -> for(_ <- 1..2, do: receive(do: (:never -> :ok), after: (0 -> :ok))) end) == 2
  end

  # How often the call goes through all of the mailbox.
  defp scans(call) do
    [few, many] =
      for unrelated <- [0, @unrelated], do: Task.await(Task.async(fn -> reductions(call, unrelated) end), 30_000)

    round((many - few) / @unrelated)
  end

  defp reductions(call, unrelated) do
    # Else a garbage collection, whenever one comes, costs reductions for each message, too.
    Process.flag(:message_queue_data, :off_heap)
    for n <- 1..unrelated//1, do: send(self(), {:unrelated, n})
    {:reductions, before} = Process.info(self(), :reductions)
    call.()
    {:reductions, now} = Process.info(self(), :reductions)
    now - before
  end
end
