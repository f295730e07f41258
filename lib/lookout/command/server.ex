defmodule Lookout.Command.Server do
  @moduledoc false
  # The GenServer of a command: owns its `lookout_port`, serves calls, and delivers the output to the owner. It stops
  # when the final message was delivered. Its state is `Lookout.Command.State`. `Lookout.Command` and `Lookout.Command.Pull` start
  # it and call it, and so does the feeder of its input.

  use GenServer
  use Lookout.Support.Discreet, state: Lookout.Command.State

  import Lookout.Command.State, only: [error: 3, label: 1, request: 3]
  alias Lookout.Error
  alias Lookout.Command.{Options, Output, OutputQueue, Readiness, Report, Shutdown, State, Stdin, StdinFeeder}
  alias Lookout.Port.{Program, Protocol}
  alias Lookout.Support.{Discreet, SafeCall, Sealed, StartHandshake, Timers}

  @doc "Starts a command, linked to the caller. Returns when the program of the command is running (and ready, with `:wait_for`)."
  @spec start_link(Options.t()) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(%Options{} = options), do: StartHandshake.start_link(__MODULE__, options, &forget_output(&1, options))

  # Removes the messages of a command whose start failed because it did not become ready: the caller does not get its
  # pid, so it could not recognize them.
  defp forget_output(_pid, %{wait_for: nil}), do: :ok

  defp forget_output(pid, options) do
    receive do
      {:lookout_command, ^pid, _output} -> forget_output(pid, options)
    after
      0 -> :ok
    end
  end

  @doc "The same without a link, for a caller that pulls the output with `next/1`."
  @spec start(Options.t()) :: {:ok, pid} | {:error, Error.t()}
  def start(%Options{} = options), do: StartHandshake.start(__MODULE__, options)

  @doc """
  Waits for the next piece of output, or for the exit. Once the option `:timeout` has passed and all queued pieces were taken, returns the
  error `:timeout`.
  """
  @spec next(pid) ::
          {:ok, {:stdout | :stderr, binary} | {:exit, term}} | {:error, Error.t()} | {:raised, State.raised()}
  def next(pid), do: SafeCall.wait(pid, :next, :infinity, :run)

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)

    {:ok, Report.begin(State.new(options, parent)), {:continue, :open}}
  end

  @impl true
  def handle_continue(:open, state) do
    case Program.open(state.program) do
      {:ok, program} -> {:noreply, spawn_command(%{state | program: Program.live(program)})}
      {:error, error} -> fail(state, error)
    end
  end

  # Sends the request :spawn without waiting for the hello of `lookout_port`, which reads it from the pipe when it is
  # ready.
  defp spawn_command(state) do
    {env, request} = Keyword.pop(state.options.request, :env, Sealed.seal([]))
    options = [credit: State.first_credit(), env: Sealed.open(env)] ++ request
    state = request(state, :spawn, &{:spawn, &1, state.options.argv, options})
    put_in(state.options.request, request)
  end

  defp fail(state, error) do
    %{state | program: Program.shut_down(state.program)} |> StartHandshake.failed(error) |> StartHandshake.next()
  end

  ## Calls

  @impl true
  def handle_call({:until, deadline, request}, from, state) do
    case {SafeCall.left(deadline), request} do
      {0, _request} -> {:reply, {:error, :timeout}, state}
      {timeout, {:write, bytes}} -> handle_call({:write, bytes, timeout}, from, state)
      {_timeout, request} -> handle_call(request, from, state)
    end
  end

  def handle_call(:await_start, from, state) do
    runs = state.os_pid != nil and state.readiness == nil
    state = StartHandshake.asked(state, from, runs)
    if state.start.caller == :answered, do: Shutdown.finish_if_delivered(state), else: StartHandshake.next(state)
  end

  # A registered name can be called before the command is running.
  def handle_call(_request, _from, %{os_pid: nil} = state), do: {:reply, {:error, not_running()}, state}

  def handle_call(:next, from, state), do: state |> Output.pull(from) |> Shutdown.finish_if_delivered()

  def handle_call(:await, from, state), do: {:noreply, %{state | awaiting: [from | state.awaiting]}}
  def handle_call(:os_pid, _from, state), do: {:reply, {:ok, state.os_pid}, state}

  def handle_call({:ask, more}, from, state) do
    case OutputQueue.ask(state.flow, more) do
      {:ok, flow} ->
        GenServer.reply(from, :ok)
        %{state | flow: flow} |> Output.deliver() |> Shutdown.finish_if_delivered()

      {:error, :active} ->
        {:reply, {:error, error(:active, :ask, "with active: true output comes without being asked for")}, state}
    end
  end

  def handle_call({:write, sealed, timeout}, from, state) when is_function(sealed),
    do: handle_call({:write, Sealed.open(sealed), timeout}, from, state)

  def handle_call({:write, bytes, timeout}, from, state) do
    case Stdin.write(state, from, bytes, timeout) do
      {:ok, state} -> {:noreply, state}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call(:close_stdin, from, state), do: {:noreply, Stdin.close(state, from)}

  # The command has exited, but the owner has not taken all of its output yet.
  def handle_call({request, _argument}, _from, %{last: last} = state)
      when request in [:signal, :resize] and last != nil do
    {:reply, {:error, not_running()}, state}
  end

  def handle_call(:stats, _from, %{last: last} = state) when last != nil, do: {:reply, {:error, not_running()}, state}
  def handle_call(:stats, from, state), do: {:noreply, request(state, {:reply, from}, &{:stats, &1})}

  def handle_call({:signal, signal}, from, state) do
    {:noreply, request(state, {:reply, from}, &{:signal, &1, signal})}
  end

  def handle_call({:resize, size}, from, state) do
    {:noreply, request(state, {:reply, from}, &{:resize, &1, size})}
  end

  def handle_call({:stop, grace}, from, state) do
    %{state | awaiting: [{:stop, from} | state.awaiting]}
    |> Shutdown.stop(grace || state.options.grace)
    |> Shutdown.finish_if_delivered()
  end

  def handle_call(other, _from, state) do
    {:reply, {:error, error(:bad_request, :call, "the command knows no such call: #{inspect(other)}")}, state}
  end

  @impl true
  # The caller of :halt relies on no process of the tree being left when this server stops.
  def handle_cast(:halt, %{last: nil} = state) do
    Shutdown.halt(state, state.options.short_grace)
    {:stop, :normal, state}
  end

  def handle_cast(:halt, state), do: {:stop, :normal, state}
  def handle_cast(other, state), do: unknown(other, state)

  ## Messages

  @impl true
  def handle_info({port, {kind, _value}} = message, %{program: %{bridge: %{port: port}}} = state)
      when kind in [:data, :exit_status],
      do: from_port(message, state)

  def handle_info({:EXIT, port, _reason} = message, %{program: %{bridge: %{port: port}}} = state),
    do: from_port(message, state)

  # The session on a node has ended with its connection.
  def handle_info({:DOWN, port, :process, _lookout, _reason} = message, %{program: %{bridge: %{port: port}}} = state),
    do: from_port(message, state)

  def handle_info({:EXIT, feeder, reason}, %{feeder: feeder} = state) when is_pid(feeder) do
    case StdinFeeder.outcome(reason) do
      :ok -> {:noreply, %{state | feeder: nil}}
      {:raised, raised} -> state |> Shutdown.input_failed(raised) |> Shutdown.finish_if_delivered()
    end
  end

  # The readiness process exits right after this message.
  def handle_info({:ready, pid}, %{readiness: pid} = state),
    do: state |> without_readiness() |> Output.ready() |> started() |> Shutdown.finish_if_delivered()

  def handle_info({:EXIT, pid, reason}, %{readiness: pid} = state) when is_pid(pid),
    do: state |> without_readiness() |> not_ready(Readiness.failure(reason))

  # The exit of a process that linked itself to this one. gen_server handles the exit of the parent itself.
  def handle_info({:EXIT, pid, :normal}, state) when is_pid(pid), do: {:noreply, state}
  def handle_info({:EXIT, pid, reason}, state) when is_pid(pid), do: {:stop, reason, state}

  def handle_info({:DOWN, ref, :process, _pid, _reason}, %{owner_ref: ref} = state), do: {:stop, :normal, state}

  def handle_info({:DOWN, ref, :process, _pid, _reason} = message, state) do
    case Stdin.died(state, ref) do
      {:ok, state} -> {:noreply, state}
      :no_writer -> unknown(message, state)
    end
  end

  def handle_info({:timeout, ref, {:command, tag}}, state) do
    case Timers.fired(state.timers, tag, ref) do
      {:ok, timers} -> on_timeout(tag, %{state | timers: timers})
      :stale -> {:noreply, state}
    end
  end

  def handle_info({:timeout, ref, {:program, tag}}, state) do
    case Program.timeout(state.program, tag, ref) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {{:hung, what}, program} -> broken(%{state | program: program}, :port_hung, what)
    end
  end

  def handle_info(other, state), do: unknown(other, state)

  defp on_timeout(:look, state), do: state |> Output.deliver() |> Shutdown.finish_if_delivered()

  # The timeout of run/2 has passed before the launch was reported. The reply to :spawn can still arrive at any moment.
  defp on_timeout(:run, %{os_pid: nil} = state) do
    if state.program.bridge, do: Shutdown.halt(state, state.options.short_grace)
    fail(state, Output.run_timeout(state))
  end

  defp on_timeout(:run, state), do: {:noreply, Output.time_out(state)}

  defp on_timeout(:ready, %{options: options} = state) do
    detail = "the command was not ready within #{options.start_timeout} ms (:start_timeout), and was ended"
    not_ready(state, Readiness.error(:timeout, options.wait_for, detail))
  end

  defp on_timeout({:write, from}, state), do: {:noreply, Stdin.expired(state, from)}

  defp unknown(message, state) do
    :logger.warning("#{label(state)} got a message that it does not know: #{inspect(message)}")
    {:noreply, state}
  end

  ## Messages of lookout_port

  defp from_port({_port, {:data, data}}, state), do: handle_message(Protocol.decode(data), state)
  defp from_port(message, state), do: died(state, Program.ended(state.program, message))

  defp handle_message({stream, _bytes} = piece, state) when stream in [:stdout, :stderr] do
    state |> Output.push(piece) |> Shutdown.finish_if_delivered()
  end

  defp handle_message({:reply, id, result}, state) do
    case Program.answered(state.program, id) do
      {:ok, kind, program} -> answer(kind, result, %{state | program: program})
      :error -> unasked(result, state)
    end
  end

  defp handle_message({:stdin_taken, bytes}, state), do: {:noreply, Stdin.taken(state, bytes)}
  defp handle_message({:stdin_closed, _reason}, state), do: {:noreply, Stdin.break(state)}

  defp handle_message(last, %{readiness: pid} = state) when elem(last, 0) == :exit and is_pid(pid),
    do: ended_early(state, last)

  defp handle_message(last, state) when elem(last, 0) == :exit,
    do: state |> Shutdown.over(last) |> Shutdown.finish_if_delivered()

  defp handle_message({:hello, protocol, version}, %{program: %{version: nil}} = state) do
    case Program.greet(state.program, protocol, version) do
      {:ok, program} -> {:noreply, %{state | program: program}}
      {:error, error} -> fail(state, error)
    end
  end

  # `lookout_port` exits after this message; the error is reported when the exit status arrives.
  defp handle_message({:fatal, error}, state), do: {:noreply, put_in(state.program.failure, error)}
  defp handle_message({:garbage, detail}, state), do: broken(state, :port_garbled, "sent " <> detail)

  defp handle_message(other, state),
    do: broken(state, :port_garbled, "sent a message that is not for a command: #{Sealed.describe(other)}")

  # A write that arrived after the command had exited.
  defp unasked({:error, %Error{operation: :write}}, state), do: {:noreply, state}

  defp unasked(result, state) do
    :logger.error("#{label(state)} got a reply to no request: #{Sealed.describe(result)}")
    {:noreply, state}
  end

  defp answer(:spawn, {:ok, os_pid}, %{options: %{wait_for: nil}} = state),
    do: {:noreply, Stdin.begin(started(Report.started(state, os_pid)))}

  defp answer(:spawn, {:ok, os_pid}, %{options: options} = state) do
    timers = Timers.start(state.timers, :ready, options.start_timeout)
    state = Report.started(state, os_pid)
    readiness = Readiness.start_link(options.wait_for, options.owner, options.node)
    state = %{state | readiness: readiness, timers: timers}
    {:noreply, Stdin.begin(state)}
  end

  defp answer(:spawn, {:error, error}, state), do: fail(state, error)

  defp answer({:reply, from}, result, state) do
    GenServer.reply(from, result)
    {:noreply, state}
  end

  defp answer(:stop, {:error, %Error{reason: reason} = error}, state) when reason != :not_running do
    state |> Shutdown.stop_failed(error) |> Shutdown.finish_if_delivered()
  end

  # The reply to :stop needs no handling: the exit message answers the callers of stop/2. With the error :not_running
  # the exit message is already on the way.
  defp answer(kind, _result, state) when kind in [:stop, :close_stdin, :ping, :forgotten], do: {:noreply, state}

  defp without_readiness(state), do: %{state | readiness: nil, timers: Timers.cancel(state.timers, :ready)}

  defp started(state), do: StartHandshake.done(state)

  # Ends a command that is not ready in time, with its whole tree, before its start fails.
  defp not_ready(state, error) do
    Readiness.stop(state.readiness)
    Shutdown.halt(state, state.options.short_grace)
    fail(%{state | readiness: nil}, error)
  end

  defp ended_early(state, last) do
    Readiness.stop(state.readiness)
    fail(Shutdown.over_before_ready(%{state | readiness: nil}, last), Shutdown.early_end(state, last))
  end

  defp died(state, error) do
    state = %{state | program: Program.close(state.program)}

    if state.os_pid && state.readiness == nil,
      do: state |> Shutdown.over({:error, error}) |> Shutdown.finish_if_delivered(),
      else: fail(state, error)
  end

  defp broken(state, reason, what), do: died(state, Program.kill(state.program, reason, what))

  defp not_running, do: error(:not_running, :command, "the command has exited, or does not run yet")

  @impl true
  def terminate(reason, state) do
    Shutdown.shut_down(state, reason)
    Discreet.forget_messages()
  end
end
