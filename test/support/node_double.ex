defmodule Lookout.NodeDouble do
  @moduledoc false
  # A node of the cluster that stands in for `lookout_port --node`: an Erlang VM with a process named lookout, which opens a
  # real lookout_port for each session and speaks as docs/protocol.md says ("Over Erlang distribution"). A test can hold it
  # up, and let it refuse.

  @kept 64

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
      :net_kernel.monitor_nodes(true, node_type: :all)
      send(me, :serving)
      loop(%{path: path, sessions: %{}, refuse: nil, deaf: false, mute: false, epoch: System.os_time(:microsecond)})
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
      message -> loop(handle(message, state))
    end
  end

  defp handle({:control, from, ref, request}, state) do
    {answer, state} = control(request, state)
    send(from, {ref, answer})
    state
  end

  defp handle(_message, %{deaf: true} = state), do: state

  defp handle({ref, opening}, state) when is_reference(ref) and (opening == :open or elem(opening, 0) == :open) do
    opened({ref, opening}, state |> forsaken() |> reopened(ref))
  end

  defp handle({ref, :close}, state) when is_reference(ref) do
    case find(ref, state) do
      {key, _session} -> drop(key, state)
      nil -> state
    end
  end

  defp handle({ref, {:command, term}}, state) when is_reference(ref) do
    case find(ref, state) do
      {key, session} -> put(key, command(term, session), state)
      nil -> state
    end
  end

  defp handle({port, {:data, payload}}, state) when is_port(port) do
    case Enum.find(state.sessions, fn {_key, session} -> session.port == port end) do
      {key, session} -> put(key, heard(:erlang.binary_to_term(payload), session, state), state)
      nil -> state
    end
  end

  defp handle({port, {:exit_status, status}}, state) when is_port(port) do
    case Enum.find(state.sessions, fn {_key, session} -> session.port == port end) do
      {key, session} ->
        tell(session, {:exit_status, status})
        %{state | sessions: Map.delete(state.sessions, key)}

      nil ->
        state
    end
  end

  defp handle({:DOWN, monitor, :process, _pid, _reason}, state) do
    case Enum.find(state.sessions, fn {_key, session} -> session.monitor == monitor end) do
      {key, session} -> abandon(key, session, state)
      nil -> state
    end
  end

  defp handle({:lingered, key, token}, state) do
    case state.sessions do
      %{^key => %{token: ^token}} -> drop(key, state)
      _resumed -> state
    end
  end

  defp handle(_other, state), do: state

  defp opened({ref, :open}, state) do
    if state.refuse, do: refuse(ref, state), else: open(ref, {ref, :infinity}, state)
  end

  defp opened({ref, {:open, name, linger, last}}, state) do
    session = state.sessions[name]

    cond do
      state.refuse ->
        refuse(ref, state)

      session && session.ref ->
        refuse(ref, %{state | refuse: {:in_use, "the session has an owner"}}) |> Map.put(:refuse, nil)

      resumable?(session, last) ->
        resume(ref, name, linger, last, state)

      true ->
        open(ref, {name, linger}, drop(name, state))
    end
  end

  # The end of a monitor shows only in the list of those that monitor this process.
  defp forsaken(state) do
    {:monitored_by, pids} = Process.info(self(), :monitored_by)

    state.sessions
    |> Enum.filter(fn {_key, session} -> session.owner end)
    |> Enum.sort_by(fn {_key, session} -> session.epoch end, :desc)
    |> Enum.reduce({state, pids}, fn {key, session}, {state, pids} ->
      if session.owner in pids,
        do: {state, List.delete(pids, session.owner)},
        else: {abandon(key, session, state), pids}
    end)
    |> elem(0)
  end

  # No owner to be seen: it is that of another session, whose monitor has ended.
  defp reopened(state, ref) do
    with [] <- strangers(ref, state),
         {key, session} <- Enum.find(state.sessions, fn {_key, s} -> s.owner && node(s.owner) == node(ref) end) do
      abandon(key, session, state)
    else
      _stranger -> state
    end
  end

  defp strangers(ref, state) do
    {:monitored_by, pids} = Process.info(self(), :monitored_by)
    owners = for {_key, %{owner: owner}} <- state.sessions, owner, do: owner
    for(pid <- pids, is_pid(pid), node(pid) == node(ref), do: pid) -- owners
  end

  # {:refuse, reason}: the error of every :open, nil for none. {:deaf, true}: takes nothing any more. {:mute, true}: sends no
  # replies. :sessions: how many there are, and how many of these have an owner. {:end, reason}: ends all.
  defp control({:refuse, reason}, state), do: {:ok, %{state | refuse: reason}}
  defp control({:deaf, deaf}, state), do: {:ok, %{state | deaf: deaf}}
  defp control({:mute, mute}, state), do: {:ok, %{state | mute: mute}}

  defp control(:sessions, state) do
    {{map_size(state.sessions), Enum.count(state.sessions, fn {_key, session} -> session.ref end)}, state}
  end

  defp control({:end, reason}, state) do
    for {_key, session} <- state.sessions, do: tell(session, {:exit_status, reason})
    {:ok, Enum.reduce(Map.keys(state.sessions), state, &drop/2)}
  end

  defp refuse(ref, %{refuse: {reason, detail}} = state) do
    send(ref, {ref, {:data, {:fatal, {reason, :open, nil, detail}}}})
    send(ref, {ref, {:exit_status, reason}})
    state
  end

  defp open(ref, {key, linger}, state) do
    port = Port.open({:spawn_executable, state.path}, [:binary, {:packet, 4}, :exit_status, args: []])
    epoch = state.epoch + 1

    session = %{
      port: port,
      linger: linger,
      epoch: epoch,
      named: is_binary(key),
      # what the owner has granted, and what of it is granted to lookout_port
      credit: 0,
      granted: 0,
      # what came and was not sent; what was sent, newest last; the number of the last batch sent
      queue: :queue.new(),
      kept: :queue.new(),
      batch: 0,
      # the requests of the owner
      ids: MapSet.new(),
      # of the linger
      token: nil
    }

    put(key, owned(ref, state, session), %{state | epoch: epoch})
  end

  # Who sent the message is known to a node, which reads it from the frame, but not to a process: it is the process that
  # monitors this one and is no owner yet.
  defp owned(ref, state, session) do
    [owner | _] = strangers(ref, state)
    Map.merge(session, %{ref: ref, owner: owner, monitor: Process.monitor(owner)})
  end

  defp resumable?(nil, _last), do: false

  defp resumable?(session, last) do
    batch = last - session.epoch

    first =
      case :queue.peek(session.kept) do
        {:value, {:events, batch, _events}} -> batch - 1
        :empty -> session.batch
        _notice -> 0
      end

    batch in first..session.batch//1
  end

  defp resume(ref, name, linger, last, state) do
    session = owned(ref, state, %{state.sessions[name] | linger: linger, token: nil})
    batch = last - session.epoch
    tell(session, {:data, {:hello, 1, "0"}})
    tell(session, {:data, {:session, {:resumed, session.epoch, batch}}})
    kept = session.kept |> :queue.to_list() |> Enum.drop_while(&(not match?({:events, n, _} when n > batch, &1)))
    for payload <- kept, do: tell(session, {:data, payload})
    put(name, session, state)
  end

  defp command({:credit, n}, session), do: grant(session, n)

  defp command(term, session) do
    {term, credit} = without_credit(term)
    Port.command(session.port, :erlang.term_to_binary(term))
    ids = if is_integer(elem(term, 1)), do: MapSet.put(session.ids, elem(term, 1)), else: session.ids
    grant(%{session | ids: ids}, credit)
  end

  defp without_credit({:watch, id, dirs, options}) do
    {credit, options} = Keyword.pop(options, :credit, 0)
    {{:watch, id, dirs, options}, credit}
  end

  defp without_credit(term), do: {term, 0}

  # The owner's credit is kept here; lookout_port has at most as much, so that what it says without an owner is bounded.
  defp grant(session, 0), do: session

  defp grant(session, n) do
    session = release(%{session | credit: session.credit + n})
    more = session.credit - session.granted - :queue.len(session.queue)

    if more > 0 do
      Port.command(session.port, :erlang.term_to_binary({:credit, more}))
      %{session | granted: session.granted + more}
    else
      session
    end
  end

  defp heard({:reply, _id, _result}, session, %{mute: true}), do: session
  defp heard(term, session, _state), do: said(term, session)

  defp said({:hello, _protocol, _version} = hello, session) do
    tell(session, {:data, hello})
    if session.named, do: tell(session, {:data, {:session, {:new, session.epoch}}})
    session
  end

  defp said({kind, id, _result} = reply, session) when kind in [:reply, :entries] do
    if MapSet.member?(session.ids, id) or id == nil, do: tell(session, {:data, reply})
    session
  end

  defp said({:events, _batch, _events} = payload, session) do
    release(%{session | granted: session.granted - 1, queue: :queue.in(payload, session.queue)})
  end

  defp said({:notice, _notice} = payload, session), do: release(%{session | queue: :queue.in(payload, session.queue)})

  defp said(other, session) do
    tell(session, {:data, other})
    session
  end

  defp release(%{ref: nil} = session), do: session

  defp release(session) do
    case :queue.peek(session.queue) do
      {:value, {:events, _batch, _events}} when session.credit == 0 -> session
      {:value, payload} -> session |> pass(payload) |> release()
      :empty -> session
    end
  end

  defp pass(session, payload) do
    tell(session, {:data, payload})

    {batch, credit} =
      case payload do
        {:events, batch, _events} -> {batch, session.credit - 1}
        _notice -> {session.batch, session.credit}
      end

    kept = :queue.in(payload, session.kept)
    kept = if :queue.len(kept) > @kept, do: :queue.drop(kept), else: kept
    %{session | kept: kept, batch: batch, credit: credit, queue: :queue.drop(session.queue)}
  end

  defp tell(%{ref: nil}, _message), do: :ok
  defp tell(%{ref: ref}, message), do: send(ref, {ref, message})

  defp abandon(key, %{named: false}, state), do: drop(key, state)

  defp abandon(key, session, state) do
    token = make_ref()
    Process.send_after(self(), {:lingered, key, token}, session.linger)
    session = %{session | ref: nil, owner: nil, monitor: nil, credit: 0, ids: MapSet.new(), token: token}
    put(key, session, state)
  end

  defp drop(key, state) do
    case Map.pop(state.sessions, key) do
      {nil, _sessions} ->
        state

      {session, sessions} ->
        if session.monitor, do: Process.demonitor(session.monitor, [:flush])
        if Port.info(session.port), do: Port.close(session.port)
        %{state | sessions: sessions}
    end
  end

  defp find(ref, state), do: Enum.find(state.sessions, fn {_key, session} -> session.ref == ref end)
  defp put(key, session, state), do: %{state | sessions: Map.put(state.sessions, key, session)}
end
