defmodule Lookout.Watcher do
  @moduledoc false
  # The process that owns one port program: answers calls and feeds the subscribers.

  use GenServer

  alias Lookout.{Client, Delivery, Error, Options, Program}

  @enforce_keys [:options, :parent, :program, :delivery, :dirs]
  defstruct [
    :options,
    :parent,
    :program,
    :delivery,
    # what is watched, in the order given
    :dirs,
    # start_link: has not asked yet; waits (its `from`); has been answered
    starter: :unasked,
    # why it could not be started
    failure: nil,
    # of the last batch taken, and of the last one that the program's predecessors sent
    seq: 0,
    seq_base: 0,
    was_live: false,
    # the program is a successor that has not been announced
    successor: false
  ]

  @doc "As `Lookout.start_link/1`, with checked options."
  @spec start_link(Options.t()) :: GenServer.on_start()
  def start_link(%Options{} = options), do: Client.start_link(__MODULE__, options)

  ## Start

  # The watches are set up in the running process, not in init: how init may fail without harm to a
  # caller that is linked differs between releases of OTP.
  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)

    state = %__MODULE__{
      options: options,
      parent: parent,
      program: Program.new(options.limits),
      delivery: Delivery.new(options),
      dirs: options.dirs
    }

    {:ok, state, {:continue, :open}}
  end

  @impl true
  def handle_continue(:open, state) do
    case Program.open(state.program) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:error, error} -> fail(state, error)
    end
  end

  # Without a chance that trying again would help.
  defp fail(state, error) do
    state = %{state | program: Program.part(state.program), failure: error}

    case state.starter do
      :unasked -> {:noreply, state}
      :answered -> {:stop, error, state}
      from -> fail_start(state, from)
    end
  end

  # The caller lives on, whether it traps exits or not: it has its error.
  defp fail_start(state, from) do
    Process.unlink(state.parent)
    GenServer.reply(from, {:error, state.failure})
    {:stop, :normal, %{state | starter: :unasked}}
  end

  ## Calls

  @impl true
  def handle_call(:await_start, from, %{failure: %Error{}} = state), do: fail_start(state, from)

  def handle_call(:await_start, from, state) do
    if state.was_live or state.options.ready == :async do
      {:reply, :ok, %{state | starter: :answered}}
    else
      {:noreply, %{state | starter: from}}
    end
  end

  def handle_call({:subscribe, want}, {pid, _tag}, state) do
    missed_ready? = missed_ready?(state, pid)

    case Delivery.subscribe(state.delivery, pid, want) do
      {:ok, delivery} ->
        if missed_ready?, do: Delivery.tell(pid, {:notice, :ready})
        {:reply, {:ok, self()}, deliver(state, delivery)}

      {:error, error} ->
        {:reply, {:error, error}, state}
    end
  end

  def handle_call(:unsubscribe, {pid, _tag}, state) do
    {:reply, :ok, deliver(state, Delivery.detach(state.delivery, pid))}
  end

  def handle_call({:ask, n}, {pid, _tag}, state) do
    case Delivery.ask(state.delivery, pid, n) do
      {:ok, delivery} -> {:reply, :ok, deliver(state, delivery)}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call({:sync, timeout}, from, state) do
    {id, program} = Program.request(state.program, :sync, timeout, &{:sync, &1})
    delivery = Delivery.begin_sync(state.delivery, id, from, timeout)
    {:noreply, deliver(%{state | program: program}, delivery)}
  end

  def handle_call({:add, dir, timeout}, from, state) do
    options = watch_options(state.options) ++ [initial: true]
    {:noreply, request(state, {:add, dir, from}, timeout, &{:watch, &1, [dir], options})}
  end

  def handle_call({:remove, dir, timeout}, from, state) do
    {:noreply, request(state, {:remove, dir, from}, timeout, &{:unwatch, &1, dir})}
  end

  def handle_call({:info, timeout}, from, state) do
    {:noreply, request(state, {:info, from}, timeout, &{:info, &1})}
  end

  def handle_call(:dirs, _from, state), do: {:reply, {:ok, state.dirs}, state}

  def handle_call(other, _from, state) do
    detail = "the watcher knows no such call: #{inspect(other)}"
    {:reply, {:error, %Error{reason: :bad_request, operation: :call, detail: detail}}, state}
  end

  @impl true
  def handle_cast({:list, ref, options, timeout}, state) do
    {:noreply, request(state, {:list, ref}, timeout, &{:list, &1, options})}
  end

  def handle_cast(other, state) do
    :logger.warning("#{label(state)} got a cast that it does not know: #{inspect(other)}")
    {:noreply, state}
  end

  # Who comes after the watches went live would wait for the notice in vain.
  defp missed_ready?(state, pid) do
    state.options.ready == :async and state.was_live and
      not Delivery.subscriber?(state.delivery, pid)
  end

  ## Messages

  @impl true
  def handle_info({port, {kind, _value}} = message, %{program: %{bridge: %{port: port}}} = state)
      when kind in [:data, :exit_status],
      do: from_port(message, state)

  def handle_info({:EXIT, port, _reason} = message, %{program: %{bridge: %{port: port}}} = state),
    do: from_port(message, state)

  # A process that linked itself to the watcher. The end of the parent is gen_server's matter.
  def handle_info({:EXIT, pid, :normal}, state) when is_pid(pid), do: {:noreply, state}
  def handle_info({:EXIT, pid, reason}, state) when is_pid(pid), do: {:stop, reason, state}

  def handle_info({:DOWN, ref, :process, pid, _reason} = message, state) do
    case state.delivery.monitors do
      %{^pid => ^ref} -> {:noreply, deliver(state, Delivery.detach(state.delivery, pid))}
      _others -> unknown(message, state)
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

  def handle_info({:timeout, ref, {:program, tag}}, state) do
    case Program.timeout(state.program, tag, ref) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:restart, program} -> restart(%{state | program: program})
      {{:hung, what}, program} -> broken(%{state | program: program}, :port_hung, what)
    end
  end

  def handle_info(other, state), do: unknown(other, state)

  defp unknown(message, state) do
    :logger.warning("#{label(state)} got a message that it does not know: #{inspect(message)}")
    {:noreply, state}
  end

  ## The words of the program

  defp from_port(message, state) do
    case Program.port_message(state.program, message) do
      {:said, said} -> heard(said, state)
      {:ended, error} -> died(state, error)
    end
  end

  defp heard({:events, seq, events}, state) do
    cond do
      seq != state.seq - state.seq_base + 1 ->
        broken(state, :port_garbled, "sent batch #{seq} after batch #{state.seq - state.seq_base}")

      Delivery.granted(state.delivery) == 0 ->
        broken(state, :port_garbled, "sent batch #{seq} without credit")

      true ->
        state = announce(%{state | seq: state.seq + 1})
        {:noreply, push(state, {:events, state.seq, events})}
    end
  end

  defp heard({:notice, notice}, state), do: {:noreply, state |> announce() |> push({:notice, notice})}

  defp heard({:reply, id, result}, state) do
    case Program.answered(state.program, id) do
      {:ok, kind, program} -> answer(kind, result, id, %{state | program: program})
      :error -> unasked(id, result, state)
    end
  end

  defp heard({:entries, id, entries}, state) do
    case Program.answering(state.program, id) do
      {:ok, {:list, ref}, program} ->
        send(ref, {ref, {:entries, entries}})
        {:noreply, %{state | program: program}}

      _other ->
        unasked(id, :entries, state)
    end
  end

  defp heard({:hello, protocol, version}, %{program: %{phase: :opening}} = state) do
    case Program.greet(state.program, protocol, version) do
      {:ok, program} -> {:noreply, watch(%{state | program: program})}
      {:error, error} -> fail(state, error)
    end
  end

  defp heard({:hello, _protocol, _version}, state), do: broken(state, :port_garbled, "said hello twice")

  # The exit status follows.
  defp heard({:fatal, error}, state), do: {:noreply, put_in(state.program.failure, error)}

  defp heard({:garbage, detail}, state), do: broken(state, :port_garbled, "sent " <> detail)

  defp unasked(id, result, state) do
    :logger.error("#{label(state)} was answered without having asked (id #{inspect(id)}): #{inspect(result)}")
    {:noreply, state}
  end

  ## Requests and replies

  # All by one request, so that an entry below two of them is told once.
  defp watch(state) do
    {credit, delivery} = Delivery.first_credit(state.delivery)

    options =
      if state.was_live,
        do: [initial: false, missing: :wait, credit: credit],
        else: [initial: state.options.initial, missing: :error, credit: credit]

    options = watch_options(state.options) ++ options
    program = Program.watch(state.program, &{:watch, &1, state.dirs, options})
    %{state | program: program, delivery: delivery}
  end

  # `changes`, `settle` and `poll_interval` are set for the whole program by each watch.
  defp watch_options(options) do
    options
    |> Map.take([
      :recursive,
      :changes,
      :settle,
      :follow_symlinks,
      :await,
      :backend,
      :poll_interval,
      :gitignore,
      :ignore,
      :only
    ])
    |> Map.to_list()
  end

  defp request(state, kind, timeout, build) do
    {_id, program} = Program.request(state.program, kind, timeout, build)
    %{state | program: program}
  end

  defp answer(:watch, :ok, _id, state), do: {:noreply, live(state)}

  defp answer(:watch, {:error, error}, _id, state) do
    if state.was_live, do: unwatchable(state, error), else: fail(state, error)
  end

  defp answer(:sync, {:ok, _seq}, id, state), do: {:noreply, push(state, {:marker, id})}

  defp answer(:sync, {:error, error}, id, state) do
    {:noreply, deliver(state, Delivery.end_sync(state.delivery, id, {:error, error}))}
  end

  # Watched already, under the same name: just as the caller wants it.
  defp answer({:add, dir, from}, {:error, %Error{reason: :already_watched}}, id, state) do
    answer({:add, dir, from}, :ok, id, state)
  end

  defp answer({:add, dir, from}, :ok, _id, state) do
    GenServer.reply(from, :ok)
    {:noreply, %{state | dirs: Enum.uniq(state.dirs ++ [dir])}}
  end

  defp answer({:remove, dir, from}, :ok, _id, state) do
    GenServer.reply(from, :ok)
    {:noreply, %{state | dirs: List.delete(state.dirs, dir)}}
  end

  defp answer({:info, from}, {:ok, native}, _id, state) when is_map(native) do
    GenServer.reply(from, {:ok, Map.merge(native, info(state))})
    {:noreply, state}
  end

  defp answer({:list, ref}, {:ok, seq}, _id, state) when is_integer(seq) do
    send(ref, {ref, {:ok, seq + state.seq_base}})
    {:noreply, state}
  end

  defp answer({:list, ref}, {:error, error}, _id, state) do
    send(ref, {ref, {:error, error}})
    {:noreply, state}
  end

  defp answer(kind, {:error, error}, _id, state) when elem(kind, 0) in [:add, :remove, :info] do
    GenServer.reply(elem(kind, tuple_size(kind) - 1), {:error, error})
    {:noreply, state}
  end

  defp answer(kind, _result, _id, state) when kind in [:ping, :forgotten], do: {:noreply, state}

  defp answer(_kind, result, _id, state) do
    broken(state, :port_garbled, "answered a request with #{inspect(result)}")
  end

  defp info(state) do
    %{
      seq: state.seq,
      dirs: state.dirs,
      subscribers: Delivery.count(state.delivery),
      held: Delivery.held(state.delivery),
      os_pid: state.program.bridge.os_pid,
      restarts: state.program.restarts,
      version: state.program.version
    }
  end

  defp live(%{was_live: true} = state) do
    state = announce(%{state | program: Program.live(state.program)})
    deliver(state, state.delivery)
  end

  defp live(state) do
    if is_tuple(state.starter), do: GenServer.reply(state.starter, :ok)
    state = %{state | program: Program.live(state.program), was_live: true, starter: :answered}
    if state.options.ready == :async, do: push(state, {:notice, :ready}), else: state
  end

  ## Delivery

  defp push(state, item), do: deliver(state, Delivery.push(state.delivery, item))

  # What was delivered makes room for more.
  defp deliver(state, delivery) do
    if Program.open?(state.program) do
      {credit, delivery} = Delivery.more_credit(delivery)
      %{state | delivery: delivery, program: Program.credit(state.program, credit)}
    else
      %{state | delivery: delivery}
    end
  end

  # :restarted stands before the first word of the successor.
  defp announce(%{successor: false} = state), do: state
  defp announce(state), do: push(%{state | successor: false}, {:notice, :restarted})

  ## Death of the program

  defp broken(state, reason, what), do: died(state, Program.kill(state.program, reason, what))

  # What could be watched before cannot be now: perhaps it can be later.
  defp unwatchable(state, error), do: restart_later(%{state | program: Program.part(state.program)}, error)

  # One that has not watched anything yet is not replaced: the caller, or the supervisor, decides.
  defp died(state, error) do
    state = %{state | program: Program.close(state.program)}
    if state.was_live, do: restart_later(state, error), else: fail(state, error)
  end

  defp restart_later(state, error) do
    case Program.died(state.program) do
      {:restart_in, pause, program} ->
        :logger.warning("#{label(state)} starts its program again in #{pause} ms: #{Exception.message(error)}")
        for {:list, ref} <- Program.open_kinds(program), do: send(ref, {ref, :again})
        {:noreply, %{state | program: program, seq_base: state.seq}}

      {:too_many, program} ->
        {:stop, error, %{state | program: program}}
    end
  end

  defp restart(state) do
    case Program.reopen(state.program) do
      {:ok, program} -> {:noreply, %{state | program: program, successor: true}}
      {:error, error} -> restart_later(state, error)
    end
  end

  ## End

  @impl true
  def terminate(reason, state) do
    Program.part(state.program)
    # Of a watcher that could not be started nobody knows the pid.
    if is_nil(state.failure) or state.starter == :answered, do: Delivery.broadcast(state.delivery, {:stopped, reason})
  end

  defp label(state), do: "Lookout #{inspect(state.options.name || self())}"
end
