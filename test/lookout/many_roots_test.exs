defmodule Lookout.ManyRootsTest do
  # P3: the cost of reporting n deleted roots is O(n).
  use Lookout.Case, async: true

  @roots 2_000

  test "2,000 deleted roots are reported in few batches, in O(n) reductions", %{dir: dir} do
    files = for n <- 1..@roots, do: Path.join([dir, "in", "file#{n}"])
    File.mkdir!(Path.join(dir, "in"))
    Enum.each(files, &File.write!(&1, ""))
    watcher = start_supervised!({Lookout, dirs: files})
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    {:reductions, before} = Process.info(watcher, :reductions)
    # All of them at once.
    File.rename!(Path.join(dir, "in"), Path.join(dir, "out"))
    :ok = Lookout.sync(watcher, 60_000)
    {:reductions, reductions} = Process.info(watcher, :reductions)

    messages = received(watcher)
    batches = for {:events, _seq, events} <- messages, do: events

    assert Enum.sort(for(event <- List.flatten(batches), do: {event.change, event.path})) ==
             Enum.sort(for(file <- files, do: {:deleted, file}))

    assert Enum.sort(for({:notice, {:root_deleted, file}} <- messages, do: file)) == Enum.sort(files)
    assert length(batches) < div(@roots, 20)
    assert reductions - before < @roots * 1_000
  end

  defp received(watcher) do
    receive do
      {:lookout, ^watcher, message} -> [message | received(watcher)]
    after
      0 -> []
    end
  end
end
