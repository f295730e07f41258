defmodule Consumer do
  # What the README tells a newcomer to write: a watcher under a supervisor, and a subscriber.
  use Application

  @impl true
  def start(_type, _args) do
    children = [{Lookout, dirs: [watched()], name: Consumer.Watcher}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end

  @doc "Makes a file in the watched directory and prints the event that comes."
  def check do
    path = Path.join(watched(), "new.txt")
    File.rm(path)
    {:ok, _} = Application.ensure_all_started(:consumer)
    {:ok, watcher} = Lookout.subscribe(Consumer.Watcher)
    # Should the watch have been live before, a file replaced at once would be one :modified.
    :ok = Lookout.sync(watcher)
    File.write!(path, "hello")
    wait(watcher, path)
    System.halt(0)
  end

  defp wait(watcher, path) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} ->
        if Enum.any?(events, &match?(%Lookout.Event{change: :created, type: :file, path: ^path}, &1)),
          do: IO.puts("saw created #{path}"),
          else: wait(watcher, path)
    after
      60_000 -> raise "no event within a minute"
    end
  end

  defp watched, do: System.fetch_env!("WATCHED")
end
