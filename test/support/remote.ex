defmodule Lookout.Remote do
  @moduledoc false
  # What tests call on other nodes. It is a module of its own, because those nodes have no functions of a test script.

  @doc "Starts a watcher that outlives its caller."
  def start(options) do
    {:ok, watcher} = Lookout.start_link(options)
    Process.unlink(watcher)
    {:ok, watcher}
  end

  @doc "Starts the scope of a `Lookout.Group`, and a watcher in it; both outlive the caller."
  def start_in_group(scope, options) do
    {:ok, pg} = Lookout.Group.start_link(scope)
    Process.unlink(pg)
    start(options)
  end

  @doc "Registers a process as `:lookout`, the name under which clients reach a node. It forwards each message to `pid`."
  def forward_to(pid) do
    spawn(fn ->
      Process.register(self(), :lookout)
      send(pid, :forwarding)
      forward(pid)
    end)
  end

  defp forward(pid) do
    receive do
      message -> send(pid, message)
    end

    forward(pid)
  end

  @doc "Subscribes to a watcher of another node, and lists its tree after a change. Returns the results and the messages."
  def subscribe_and_list(watcher, dir) do
    refused = Lookout.subscribe(watcher)
    {:ok, pid} = Lookout.subscribe(watcher, active: :once)
    File.mkdir!(Path.join(dir, "a"))
    :ok = Lookout.sync(watcher)
    {:ok, seq, entries} = Lookout.list(watcher)
    %{refused: refused, node: node(pid), messages: Lookout.Case.taken(pid), seq: seq, entries: length(entries)}
  end

  @doc "What each function returns for a watcher."
  def results(watcher) do
    for {function, arguments} <- [
          subscribe: [[active: 1]],
          unsubscribe: [],
          ask: [1],
          sync: [],
          list: [],
          add: ["/"],
          remove: ["/"],
          dirs: [],
          info: [],
          stop: []
        ],
        do: {function, apply(Lookout, function, [watcher | arguments])}
  end

  @doc "Subscribes, loses the connection, and subscribes again: what a subscriber is sent and answered."
  def reconnect(watcher, dir) do
    {:ok, pid} = Lookout.subscribe(watcher, active: 32)
    ref = Process.monitor(pid)
    make_and_sync(watcher, dir, "before")
    before = Lookout.Case.taken(pid)
    true = :erlang.disconnect_node(node(pid))

    down =
      receive do
        {:DOWN, ^ref, :process, ^pid, reason} -> reason
      after
        10_000 -> :none
      end

    asked = Lookout.ask(watcher, 1)
    {:ok, ^pid} = Lookout.subscribe(watcher, active: 32)
    make_and_sync(watcher, dir, "after")
    %{before: before, down: down, asked: asked, again: Lookout.Case.taken(pid)}
  end

  @doc "Runs a runner on a watcher: how many paths it gets in time, of `count` that change one by one, and how it ends without the node."
  def run(watcher, dir, count) do
    Process.flag(:trap_exit, true)
    :ok = :logger.set_primary_config(:level, :none)
    me = self()
    {:ok, runner} = Lookout.Runner.start_link(watcher: watcher, settle: 0, run: &send(me, {:ran, &1}))
    for n <- 1..count, do: make_and_sync(watcher, dir, "#{n}")
    ran = ran(count)
    {_name, node} = watcher
    true = :erlang.disconnect_node(node)

    reason =
      receive do
        {:EXIT, ^runner, reason} -> reason
      after
        10_000 -> :none
      end

    %{ran: ran, reason: reason}
  end

  defp ran(0), do: 0

  defp ran(count) do
    receive do
      {:ran, paths} -> length(paths) + ran(count - length(paths))
    after
      10_000 -> 0
    end
  end

  @doc "What the path functions raise, or return, for a path."
  def paths(watcher, path) do
    for call <- [&Lookout.add(watcher, &1), &Lookout.remove(watcher, &1), &Lookout.list(watcher, under: &1)] do
      try do
        call.(path)
      rescue
        error in ArgumentError -> Exception.message(error)
      end
    end
  end

  @doc "Calls a watcher with a timeout of 100 ms."
  def call_with_short_timeout(watcher, request), do: Lookout.Support.SafeCall.call(watcher, request, 100, :late)

  defp make_and_sync(watcher, dir, name) do
    File.mkdir!(Path.join(dir, name))
    :ok = Lookout.sync(watcher)
  end
end
