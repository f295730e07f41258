defmodule Lookout.CallCountTest do
  # How many modules the common paths cross. A trace is for the whole VM.
  use Lookout.Case, async: false

  alias Lookout.{CallCount, Command}

  test "a steady batch crosses four modules", %{dir: dir} do
    watcher = start_watcher!(dirs: [dir])
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    for n <- 1..3, do: batch(watcher, dir <> "/#{n}")
    calls = CallCount.calls([watcher], fn -> batch(watcher, dir <> "/4") end)

    four = [Lookout.Port.Protocol, Lookout.Watcher.Delivery, Lookout.Watcher.RecentBatches, Lookout.Watcher.Server]
    assert CallCount.modules(calls) == four
    assert length(calls) <= 20
  end

  defp batch(watcher, path) do
    File.mkdir!(path)
    assert_receive {:lookout, ^watcher, {:events, _seq, [_created]}}, 10_000
  end

  test "run/2 of a short command crosses no more modules than docs/design.md says" do
    {:ok, "hello\n", 0} = Command.run(["echo", "hello"])
    calls = CallCount.calls([self()], fn -> {:ok, "hello\n", 0} = Command.run(["echo", "hello"]) end)
    assert length(CallCount.modules(calls)) <= 28
  end
end
