defmodule Lookout.Remote do
  @moduledoc false
  # What a test lets other nodes do: they know only what is compiled.

  @doc "Starts a watcher that outlives its caller."
  def start(options) do
    {:ok, watcher} = Lookout.start_link(options)
    Process.unlink(watcher)
    {:ok, watcher}
  end

  @doc "Uses a watcher of another node, and tells what came of it."
  def use(watcher, dir) do
    refused = Lookout.subscribe(watcher)
    {:ok, pid} = Lookout.subscribe(watcher, active: :once)
    File.mkdir!(Path.join(dir, "a"))
    :ok = Lookout.sync(watcher)
    {:ok, seq, entries} = Lookout.list(watcher)
    %{refused: refused, node: node(pid), messages: Lookout.Case.taken(pid), seq: seq, entries: length(entries)}
  end
end
