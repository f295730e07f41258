defmodule Lookout.Watcher.Server do
  @moduledoc false
  # The GenServer of a watcher: owns one `lookout_port`, serves calls, and handles the messages of `lookout_port`. Its state is
  # `Lookout.Watcher.State`. `Lookout`, `Lookout.FileSystem`, `Lookout.Runner.Server` and `Lookout.Watcher.StreamServer` start it;
  # their calls go through `Lookout.Support.SafeCall`.

  use GenServer
  use Lookout.Support.Discreet, state: Lookout.Watcher.State

  import Lookout.Watcher.State, only: [deliver: 2, label: 1, push: 2, request: 4]
  alias Lookout.Error
  alias Lookout.Port.{Program, Protocol}
  alias Lookout.Support.{Discreet, LogMetadata, SafeCall, StartHandshake}
  alias Lookout.Watcher.{Away, Checkpoints, Delivery, Lifecycle, Options, RecentBatches, Replies, Session, State}

  # The bytes of paths for which a batch costs one credit.
  @credit_bytes 262_144

  @doc "As `Lookout.start_link/1`, with checked options."
  @spec start_link(Options.t()) :: GenServer.on_start()
  def start_link(%Options{} = options), do: StartHandshake.start_link(__MODULE__, options)

  @doc "As `Lookout.ask/2`, without a reply: for a process that must not wait for another node."
  @spec ask(pid, pos_integer) :: :ok
  def ask(watcher, n), do: GenServer.cast(watcher, {:ask, self(), n})

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)
    LogMetadata.put(:watcher, options.name)

    {:ok, State.new(options, parent), {:continue, :open}}
  end

  @impl true
  def handle_continue(:open, state) do
    case Program.open(state.program, Away.last(state)) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:error, error} -> Lifecycle.died(state, error)
    end
  end

  ## Calls

  @impl true
  def handle_call(:await_start, from, state) do
    runs = state.was_live or state.options.ready == :async
    state |> StartHandshake.asked(from, runs) |> StartHandshake.next()
  end

  def handle_call({:until, deadline, request}, from, state) do
    case SafeCall.left(deadline) do
      0 -> {:reply, {:error, :timeout}, state}
      timeout -> serve(request, timeout, from, state)
    end
  end

  def handle_call(other, _from, state) do
    detail = "the watcher knows no such call: #{inspect(other)}"
    {:reply, {:error, %Error{reason: :bad_request, operation: :call, detail: detail}}, state}
  end

  defp serve({:subscribe, want}, timeout, from, state), do: serve({:subscribe, want, nil}, timeout, from, state)

  defp serve({:subscribe, want, since}, _timeout, {pid, _tag}, state) do
    missed = missed(state, pid)

    with {:ok, batches} <- since(state, since),
         {:ok, delivery} <- Delivery.subscribe(state.delivery, pid, want, batches) do
      for notice <- missed, do: Delivery.tell(delivery, [pid], {:notice, notice})
      {:reply, {:ok, self()}, deliver(state, delivery)}
    else
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp serve(:unsubscribe, _timeout, {pid, _tag}, state) do
    {:reply, :ok, deliver(state, Delivery.detach(state.delivery, pid))}
  end

  defp serve({:ask, n}, _timeout, {pid, _tag}, state) do
    case Delivery.ask(state.delivery, pid, n) do
      {:ok, delivery} -> {:reply, :ok, deliver(state, delivery)}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp serve(:node, _timeout, _from, state), do: {:reply, {:ok, state.options.node}, state}
  defp serve(:dirs, _timeout, _from, state), do: {:reply, {:ok, state.dirs}, state}

  # The requests below need `lookout_port`.
  defp serve(_request, _timeout, _from, %{away: %Error{} = error, program: %{phase: phase}} = state)
       when phase in [:down, :opening],
       do: {:reply, {:error, Away.error(error)}, state}

  # The timer of a sync belongs to the delivery, which knows what holds the sync up. The request itself has no timeout.
  defp serve(:sync, timeout, from, state) do
    {id, program} = Program.request(state.program, :sync, :infinity, &{:sync, &1})
    delivery = Delivery.begin_sync(state.delivery, id, from, timeout)
    {:noreply, deliver(%{state | program: program}, delivery)}
  end

  defp serve({:add, dir, missing}, timeout, from, state) do
    options = State.watch_options(state.options) ++ [initial: true, missing: missing || state.options.missing]
    {:noreply, request(state, {:add, dir, from}, timeout, &{:watch, &1, [dir], options})}
  end

  defp serve({:remove, dir}, timeout, from, state) do
    {:noreply, request(state, {:remove, dir, from}, timeout, &{:unwatch, &1, dir})}
  end

  defp serve(:checkpoint, timeout, from, state) do
    case Checkpoints.request(state, from, timeout) do
      {:ok, state} -> {:noreply, state}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp serve({:commit, cursor}, _timeout, _from, state) do
    case Checkpoints.commit(state, cursor) do
      {:ok, state} -> {:reply, :ok, state}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  defp serve(:info, timeout, from, state) do
    {:noreply, request(state, {:info, from}, timeout, &{:info, &1})}
  end

  @impl true
  def handle_cast({:list, ref, _options, _deadline}, %{away: %Error{} = error, program: %{phase: phase}} = state)
      when phase in [:down, :opening] do
    send(ref, {ref, {:error, Away.error(error)}})
    {:noreply, state}
  end

  def handle_cast({:list, ref, options, deadline}, state) do
    case SafeCall.left(deadline) do
      0 -> {:noreply, state}
      timeout -> {:noreply, request(state, {:list, ref}, timeout, &{:list, &1, options})}
    end
  end

  def handle_cast({:ask, pid, n}, state) do
    case Delivery.ask(state.delivery, pid, n) do
      {:ok, delivery} -> {:noreply, deliver(state, delivery)}
      {:error, _no_subscriber} -> {:noreply, state}
    end
  end

  def handle_cast(other, state) do
    :logger.warning("#{label(state)} got a cast that it does not know: #{inspect(other)}")
    {:noreply, state}
  end

  # The batches after `seq` that were sent already. Those that still wait are sent to every subscriber.
  defp since(_state, nil), do: {:ok, []}

  defp since(state, seq) do
    with :too_old <- RecentBatches.since(state.recent, seq, state.seq - Delivery.held(state.delivery)) do
      detail =
        "batch #{seq} is none of the recent batches of this watcher; subscribe without :since and call Lookout.list/2"

      {:error, %Error{reason: :too_old, operation: :subscribe, detail: detail}}
    end
  end

  # The still valid notices that were sent before this subscriber came, and that nothing will send again.
  defp missed(state, pid) do
    if Delivery.subscriber?(state.delivery, pid),
      do: [],
      else: Enum.reject(State.lasting(state), &Delivery.waiting?(state.delivery, {:notice, &1}))
  end

  ## Messages

  @impl true
  def handle_info({port, {:data, data}}, %{program: %{bridge: %{port: port}}} = state) do
    case Protocol.decode(data) do
      {:events, seq, events} -> batch(seq, events, data, state)
      message -> handle_message(message, state)
    end
  end

  def handle_info({port, {:exit_status, _status}} = message, %{program: %{bridge: %{port: port}}} = state),
    do: Lifecycle.died(state, Program.ended(state.program, message))

  def handle_info({:EXIT, port, _reason} = message, %{program: %{bridge: %{port: port}}} = state),
    do: Lifecycle.died(state, Program.ended(state.program, message))

  # The session on a node has ended with its connection.
  def handle_info({:DOWN, port, :process, _lookout, _reason} = message, %{program: %{bridge: %{port: port}}} = state),
    do: Lifecycle.died(state, Program.ended(state.program, message))

  # The exit of a process that linked itself to the watcher. gen_server handles the exit of the parent itself.
  def handle_info({:EXIT, pid, :normal}, state) when is_pid(pid), do: {:noreply, state}
  def handle_info({:EXIT, pid, reason}, state) when is_pid(pid), do: {:stop, reason, state}

  def handle_info({:DOWN, ref, :process, pid, _reason} = message, state) do
    case Delivery.died(state.delivery, pid, ref) do
      {:ok, delivery} -> {:noreply, deliver(state, delivery)}
      :not_subscribed -> unknown(message, state)
    end
  end

  def handle_info({:timeout, ref, {:delivery, tag}}, state) do
    case Delivery.timeout(state.delivery, tag, ref) do
      {:ok, delivery} ->
        {:noreply, deliver(state, delivery)}

      {{:expired, id}, delivery} ->
        {:noreply, deliver(%{state | program: Program.forget(state.program, id)}, delivery)}
    end
  end

  def handle_info({:timeout, ref, {:request, id}}, state) do
    case Program.expired(state.program, id, ref) do
      {:ok, kind, program} -> {:noreply, Replies.expired(%{state | program: program}, id, kind)}
      :stale -> {:noreply, state}
    end
  end

  def handle_info({:timeout, ref, {:cursor, tag}}, state), do: {:noreply, Checkpoints.timeout(state, tag, ref)}

  def handle_info({:timeout, ref, {:program, tag}}, state) do
    case Program.timeout(state.program, tag, ref) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:restart, program} -> Lifecycle.restart(%{state | program: program})
      {{:hung, what}, program} -> Lifecycle.broken(%{state | program: program}, :port_hung, what)
    end
  end

  def handle_info(other, state), do: unknown(other, state)

  defp unknown(message, state) do
    :logger.warning("#{label(state)} got a message that it does not know: #{inspect(message)}")
    {:noreply, state}
  end

  ## Messages of lookout_port

  # A steady batch crosses this module, `Protocol`, `RecentBatches` and `Delivery` only.
  defp batch(seq, events, data, state) do
    cond do
      seq != state.seq - state.seq_base + 1 ->
        Lifecycle.broken(state, :port_garbled, "sent batch #{seq} after batch #{state.seq - state.seq_base}")

      Delivery.granted(state.delivery) <= 0 and not state.replays ->
        Lifecycle.broken(state, :port_garbled, "sent batch #{seq} without credit")

      true ->
        state = if state.successor, do: Lifecycle.announce(state), else: state
        seq = state.seq + 1
        size = size(data)
        state = %{state | seq: seq, recent: RecentBatches.add(state.recent, {seq, events}, size)}
        state = if state.cursor, do: Checkpoints.changed(state), else: state
        {:noreply, report(state, {:events, seq, events}, if(size < 2 * @credit_bytes, do: 1, else: cost(events)))}
    end
  end

  # A node sends terms.
  defp size(payload) when is_binary(payload), do: byte_size(payload)
  defp size(term), do: :erlang.external_size(term)

  # As docs/protocol.md has it. A message has more bytes than its paths.
  defp cost(events) do
    bytes = Enum.sum(for %{path: path, from: from} <- events, do: byte_size(path) + byte_size(from || ""))
    max(1, div(bytes, @credit_bytes))
  end

  # The batches that a node sends again take no credit, and free none.
  defp report(%{replays: true} = state, item, cost), do: %{state | delivery: Delivery.push(state.delivery, item, cost)}

  defp report(state, item, cost) do
    {credit, delivery} = Delivery.batch(state.delivery, item, cost)
    state = %{state | delivery: delivery}
    if credit > 0, do: %{state | program: Program.credit(state.program, credit)}, else: state
  end

  defp handle_message({:notice, notice}, state),
    do: {:noreply, state |> Lifecycle.announce() |> State.note(notice) |> push({:notice, notice})}

  defp handle_message({:reply, id, result}, state), do: Replies.reply(state, id, result)
  defp handle_message({:entries, id, entries}, state), do: Replies.entries(state, id, entries)

  defp handle_message({:hello, protocol, version}, %{program: %{phase: :opening}} = state) do
    case Program.greet(state.program, protocol, version) do
      {:ok, %{node: nil} = program} -> Lifecycle.greeted(%{state | program: program})
      {:ok, program} -> {:noreply, Session.greeted(%{state | program: program})}
      {:error, error} -> Lifecycle.fail(state, error)
    end
  end

  defp handle_message({:hello, _protocol, _version}, state),
    do: Lifecycle.broken(state, :port_garbled, "said hello twice")

  defp handle_message({:session, session}, %{program: %{phase: :opening, session: {_name, _linger}}} = state),
    do: Session.joined(state, session)

  defp handle_message({:session, _session}, state),
    do: Lifecycle.broken(state, :port_garbled, "opened a session that nobody asked for")

  # `lookout_port` exits after this message; the error is returned when the exit status arrives.
  defp handle_message({:fatal, error}, state), do: {:noreply, put_in(state.program.failure, error)}

  defp handle_message({:garbage, detail}, state), do: Lifecycle.broken(state, :port_garbled, "sent " <> detail)

  ## End

  @impl true
  def terminate(reason, state) do
    # A session with a name outlives its watcher, unless that was stopped on purpose.
    if reason == :normal or is_nil(state.program.session),
      do: Program.shut_down(state.program),
      else: Program.leave(state.program)

    # If the start failed, its caller has the error. Only processes that subscribed by the name of the watcher get the
    # final message then, not those of the option :subscribe.
    if is_nil(state.start.failure) or state.start.caller == :answered,
      do: Delivery.broadcast(state.delivery, {:stopped, reason}),
      else:
        Delivery.broadcast(
          state.delivery,
          {:stopped, state.start.failure},
          Enum.map(state.options.subscribe, &elem(&1, 0))
        )

    Discreet.forget_messages()
  end
end
