defmodule Lookout.NodeDouble do
  @moduledoc false
  # A node of the cluster that stands in for `lookout_port --node`: an Erlang VM with a process named lookout, which opens a
  # real lookout_port for each session and speaks as docs/protocol.md says ("Over Erlang distribution"), without named
  # sessions. A test can let it refuse, and take nothing. `Lookout.NodeProgram` is the real one.

  ## The VM of the test

  @doc "Makes this VM a node, unless it is one. For tests that are not async."
  def distribute do
    unless Node.alive?() do
      {_output, 0} = System.cmd("epmd", ["-daemon"])
      {:ok, _pid} = :net_kernel.start([:"lookout-test-#{System.pid()}@127.0.0.1", :longnames])
    end

    :ok
  end

  @doc "Starts a node with the double, or only the node. Returns its name; it ends with `stop/1` or the test."
  def start!(options \\ []) do
    name = Keyword.get_lazy(options, :name, &name/0)
    code_path = for dir <- :code.get_path(), argument <- [~c"-pa", dir], do: argument
    cookie = Keyword.get(options, :cookie, :erlang.get_cookie())
    hidden = if Keyword.get(options, :hidden, true), do: [~c"-hidden"], else: []
    args = hidden ++ [~c"-setcookie", Atom.to_charlist(cookie) | code_path]
    [short, _host] = name |> Atom.to_string() |> String.split("@")

    {:ok, peer, ^name} =
      :peer.start(%{
        name: String.to_charlist(short),
        host: ~c"127.0.0.1",
        longnames: true,
        connection: :standard_io,
        args: args
      })

    ExUnit.Callbacks.on_exit(fn -> stop(peer) end)
    {:ok, _started} = :peer.call(peer, :application, :ensure_all_started, [:elixir])
    if Keyword.get(options, :lookout, true), do: :peer.call(peer, __MODULE__, :serve, [Lookout.port_path()])
    %{peer: peer, node: name}
  end

  @doc "A name that no other node has."
  def name, do: :"lookout-double-#{System.pid()}-#{System.unique_integer([:positive])}@127.0.0.1"

  def stop(%{peer: peer}), do: stop(peer)

  def stop(peer) do
    :peer.stop(peer)
  catch
    :exit, _gone -> :ok
  end

  @doc "Calls the double, beside the distribution."
  def call(%{peer: peer}, request), do: :peer.call(peer, __MODULE__, :request, [request])

  ## The double

  def serve(path) do
    me = self()

    spawn(fn ->
      Process.flag(:trap_exit, true)
      Process.register(self(), :lookout)
      send(me, :serving)
      loop(%{path: path, sessions: %{}, refuse: nil, deaf: false})
    end)

    receive do
      :serving -> :ok
    end
  end

  def request(request) do
    ref = make_ref()
    send(:lookout, {:control, self(), ref, request})

    receive do
      {^ref, answer} -> answer
    end
  end

  defp loop(state) do
    receive do
      message -> message |> handle(state) |> loop()
    end
  end

  defp handle({:control, from, ref, request}, state) do
    {answer, state} = control(request, state)
    send(from, {ref, answer})
    state
  end

  defp handle({ref, _message}, %{deaf: true} = state) when is_reference(ref), do: state

  defp handle({ref, :open}, %{refuse: {reason, detail}} = state) when is_reference(ref) do
    send(ref, {ref, {:data, {:fatal, {reason, :open, nil, detail}}}})
    send(ref, {ref, {:exit_status, reason}})
    state
  end

  defp handle({ref, :open}, state) when is_reference(ref) do
    port = Port.open({:spawn_executable, state.path}, [:binary, {:packet, 4}, :exit_status, args: []])
    owner = owner(ref, state)
    put_in(state.sessions[ref], %{port: port, owner: owner, monitor: Process.monitor(owner)})
  end

  defp handle({ref, :close}, state) when is_reference(ref), do: drop(ref, state)

  defp handle({ref, {:command, term}}, state) when is_reference(ref) do
    with %{^ref => session} <- state.sessions, do: Port.command(session.port, :erlang.term_to_binary(term))
    state
  end

  defp handle({port, message}, state) when is_port(port) do
    with {ref, _session} <- find(:port, port, state), do: send(ref, {ref, decoded(message)})
    state
  end

  defp handle({:DOWN, monitor, :process, _pid, _reason}, state) do
    case find(:monitor, monitor, state) do
      {ref, _session} -> drop(ref, state)
      nil -> state
    end
  end

  defp handle(_other, state), do: state

  defp decoded({:data, payload}), do: {:data, :erlang.binary_to_term(payload)}
  defp decoded(other), do: other

  # {:refuse, reason}: the error of every :open, nil for none. {:deaf, true}: takes nothing any more. :sessions: how many
  # there are. {:end, reason}: ends all.
  defp control({:refuse, reason}, state), do: {:ok, %{state | refuse: reason}}
  defp control({:deaf, deaf}, state), do: {:ok, %{state | deaf: deaf}}
  defp control(:sessions, state), do: {map_size(state.sessions), state}

  defp control({:end, reason}, state) do
    for ref <- Map.keys(state.sessions), do: send(ref, {ref, {:exit_status, reason}})
    {:ok, Enum.reduce(Map.keys(state.sessions), state, &drop/2)}
  end

  # Who sent a message is known to a node, which reads it from the frame, but not to a process: it is the process that
  # monitors this one and is no owner yet.
  defp owner(ref, state) do
    owners = for {_ref, session} <- state.sessions, do: session.owner
    [owner | _] = for(pid <- monitors(), node(pid) == node(ref), do: pid) -- owners
    owner
  end

  defp monitors do
    {:monitored_by, pids} = Process.info(self(), :monitored_by)
    Enum.filter(pids, &is_pid/1)
  end

  defp drop(ref, state) do
    case pop_in(state.sessions[ref]) do
      {nil, state} ->
        state

      {session, state} ->
        Process.demonitor(session.monitor, [:flush])
        if Port.info(session.port), do: Port.close(session.port)
        state
    end
  end

  defp find(key, value, state), do: Enum.find(state.sessions, fn {_ref, session} -> session[key] == value end)
end
