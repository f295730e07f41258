defmodule Lookout.Command.Server do
  @moduledoc false
  # The process of a command: owns its program, answers calls and feeds the owner. It ends when the
  # owner has been told the exit.

  use GenServer

  alias Lookout.{Bridge, Client, Error, Program, Timers}
  alias Lookout.Command.{Flow, Input, Options}

  # Bytes of each stream that are on their way, held here or being written.
  @window 262_144

  @enforce_keys [:options, :parent, :program, :flow, :input]
  defstruct [
    :options,
    # linked, nil without
    :parent,
    :program,
    :flow,
    :input,
    timers: Timers.new(:command),
    # start_link: has not asked yet; waits (its `from`); has been answered
    starter: :unasked,
    # why it could not be started
    failure: nil,
    owner_ref: nil,
    os_pid: nil,
    # the last word of the program: {:exit, status} or {:error, error}
    last: nil,
    # whether that was handed out
    told: false,
    # those that wait for the exit, and for a call of `next`
    awaiting: [],
    next: nil
  ]

  @doc "Starts a command that ends with the calling process; returns when it runs."
  @spec start_link(Options.t()) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(%Options{} = options) do
    name = if options.name, do: [name: options.name], else: []

    with {:ok, pid} <- GenServer.start_link(__MODULE__, {options, self()}, name), do: Client.await_start(pid)
  end

  @doc "The same without a link, for a caller that takes the output by `next/2`."
  @spec start(Options.t()) :: {:ok, pid} | {:error, Error.t()}
  def start(%Options{} = options) do
    with {:ok, pid} <- GenServer.start(__MODULE__, {options, nil}), do: Client.await_start(pid)
  end

  @doc "The next piece of output, or the end."
  @spec next(pid, timeout) :: {:ok, {:stdout | :stderr, binary} | {:exit, term}} | {:error, Error.t()}
  def next(pid, timeout), do: Client.call(pid, :next, timeout, :run)

  @doc "An exit as users see it: the name of a signal says it all."
  @spec status(0..255 | {:signal, atom, pos_integer}) :: Lookout.Command.status()
  def status({:signal, name, _number}), do: {:signal, name}
  def status(code), do: code

  ## Start

  @impl true
  def init({%Options{} = options, parent}) do
    Process.flag(:trap_exit, true)

    state = %__MODULE__{
      options: options,
      parent: parent,
      program: Program.new(options.limits, :run),
      flow: Flow.new(@window, options.limits.mailbox, want(options.active)),
      input: Input.new(if(input?(options), do: :open, else: :closed)),
      owner_ref: options.owner && Process.monitor(options.owner)
    }

    {:ok, state, {:continue, :open}}
  end

  defp want(:pull), do: {:messages, 0}
  defp want(active), do: active

  defp input?(options), do: options.request[:stdin] == :pipe or Keyword.has_key?(options.request, :pty)

  @impl true
  def handle_continue(:open, state) do
    case Program.open(state.program) do
      {:ok, program} -> {:noreply, spawn_command(%{state | program: program})}
      {:error, error} -> fail(state, error)
    end
  end

  # Asked for as soon as the program has said hello.
  defp spawn_command(state) do
    credit = if told_anyone?(state), do: @window, else: :infinity
    options = [credit: credit] ++ state.options.request
    request(state, :spawn, &{:spawn, &1, state.options.argv, options})
  end

  defp told_anyone?(state), do: state.options.owner != nil or state.options.active == :pull

  defp fail(state, error) do
    state = %{state | program: Program.part(state.program), failure: error}
    if is_tuple(state.starter), do: fail_start(state, state.starter), else: {:noreply, state}
  end

  # The caller lives on, whether it traps exits or not: it has its error.
  defp fail_start(state, from) do
    if state.parent, do: Process.unlink(state.parent)
    GenServer.reply(from, {:error, state.failure})
    {:stop, :normal, state}
  end

  ## Calls

  @impl true
  def handle_call(:await_start, from, %{failure: %Error{}} = state), do: fail_start(state, from)
  def handle_call(:await_start, from, %{os_pid: nil} = state), do: {:noreply, %{state | starter: from}}

  def handle_call(:await_start, from, state) do
    GenServer.reply(from, :ok)
    finish_if_told(%{state | starter: :answered})
  end

  # By its name it may be called before it runs.
  def handle_call(_request, _from, %{os_pid: nil} = state), do: {:reply, {:error, not_running()}, state}

  def handle_call(:next, from, state) do
    {:ok, flow} = Flow.ask(state.flow, :once)
    deliver(%{state | flow: flow, next: from})
  end

  def handle_call(:await, from, state), do: {:noreply, %{state | awaiting: [from | state.awaiting]}}
  def handle_call(:os_pid, _from, state), do: {:reply, {:ok, state.os_pid}, state}

  def handle_call({:ask, more}, from, state) do
    case Flow.ask(state.flow, more) do
      {:ok, flow} ->
        GenServer.reply(from, :ok)
        deliver(%{state | flow: flow})

      {:error, :active} ->
        {:reply, {:error, error(:active, :ask, "with active: true output comes without being asked for")}, state}
    end
  end

  def handle_call({:write, bytes, timeout}, from, state) do
    case Input.write(state.input, from, bytes) do
      {:ok, actions, input} -> {:noreply, %{state | input: input} |> act(actions) |> guard_write(from, timeout)}
      {:error, reason} -> {:reply, {:error, not_written(reason)}, state}
    end
  end

  def handle_call(:close_stdin, from, state) do
    {:ok, actions, input} = Input.close(state.input, from)
    {:noreply, act(%{state | input: input}, actions)}
  end

  # It has exited, and the owner has not taken all of it yet.
  def handle_call({request, _argument}, _from, %{last: last} = state)
      when request in [:signal, :resize] and last != nil do
    {:reply, {:error, not_running()}, state}
  end

  def handle_call({:signal, signal}, from, state) do
    {:noreply, request(state, {:reply, from}, &{:signal, &1, signal})}
  end

  def handle_call({:resize, size}, from, state) do
    {:noreply, request(state, {:reply, from}, &{:resize, &1, size})}
  end

  # Whoever waits here may be the owner: its output must not hold up the end.
  def handle_call({:stop, grace}, from, state) do
    grace = grace || state.options.grace
    state = %{state | flow: Flow.drop(state.flow), awaiting: [{:stop, from} | state.awaiting]}
    state |> request(:stop, &{:stop, &1, grace}) |> deliver()
  end

  def handle_call(other, _from, state) do
    {:reply, {:error, error(:bad_request, :call, "the command knows no such call: #{inspect(other)}")}, state}
  end

  @impl true
  # Whoever halts it relies on nothing being left then.
  def handle_cast(:halt, %{last: nil} = state) do
    stop_within(state, 0)
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

  # A process that linked itself to this one. The end of the parent is gen_server's matter.
  def handle_info({:EXIT, pid, :normal}, state) when is_pid(pid), do: {:noreply, state}
  def handle_info({:EXIT, pid, reason}, state) when is_pid(pid), do: {:stop, reason, state}

  def handle_info({:DOWN, ref, :process, _pid, _reason}, %{owner_ref: ref} = state), do: {:stop, :normal, state}

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

  defp on_timeout(:look, state), do: deliver(state)

  defp on_timeout({:write, from}, state) do
    if Input.waiting?(state.input, from) do
      GenServer.reply(from, {:error, error(:timeout, :write, "the command has not read its input in time")})
      {:ok, actions, input} = Input.withdraw(state.input, from)
      {:noreply, act(%{state | input: input}, actions)}
    else
      {:noreply, state}
    end
  end

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

  defp heard({stream, bytes}, state) when stream in [:stdout, :stderr] do
    if told_anyone?(state),
      do: deliver(%{state | flow: Flow.push(state.flow, {stream, bytes})}),
      else: {:noreply, state}
  end

  defp heard({:reply, id, result}, state) do
    case Program.answered(state.program, id) do
      {:ok, kind, program} -> answer(kind, result, %{state | program: program})
      :error -> unasked(result, state)
    end
  end

  defp heard({:stdin_taken, bytes}, state) do
    {:ok, actions, input} = Input.taken(state.input, bytes)
    {:noreply, act(%{state | input: input}, actions)}
  end

  defp heard({:stdin_closed, _reason}, state), do: {:noreply, break_input(state)}
  defp heard({:exit, status}, state), do: over(state, {:exit, status})

  defp heard({:hello, protocol, version}, %{program: %{phase: :opening}} = state) do
    case Program.greet(state.program, protocol, version) do
      {:ok, program} -> {:noreply, %{state | program: Program.live(program)}}
      {:error, error} -> fail(state, error)
    end
  end

  # The exit status follows.
  defp heard({:fatal, error}, state), do: {:noreply, put_in(state.program.failure, error)}
  defp heard({:garbage, detail}, state), do: broken(state, :port_garbled, "sent " <> detail)
  defp heard(other, state), do: broken(state, :port_garbled, "sent what is not of a command: #{inspect(other)}")

  # A write that the command was too late for: its input has ended with it.
  defp unasked({:error, %Error{operation: :write}}, state), do: {:noreply, state}

  defp unasked(result, state) do
    :logger.error("#{label(state)} was answered without having asked: #{inspect(result)}")
    {:noreply, state}
  end

  defp answer(:spawn, {:ok, os_pid}, state) do
    if is_tuple(state.starter), do: GenServer.reply(state.starter, :ok)
    starter = if state.starter == :unasked, do: :unasked, else: :answered
    {:noreply, first_input(%{state | os_pid: os_pid, starter: starter})}
  end

  defp answer(:spawn, {:error, error}, state), do: fail(state, error)

  defp answer({:reply, from}, result, state) do
    GenServer.reply(from, result)
    {:noreply, state}
  end

  # The exit is the answer, and is on its way where there was nothing to stop any more.
  defp answer(kind, _result, state) when kind in [:stop, :close_stdin, :ping, :forgotten], do: {:noreply, state}

  ## Input

  defp first_input(%{options: %{input: nil}} = state), do: state

  defp first_input(state) do
    {:ok, writes, input} = Input.write(state.input, nil, state.options.input)
    {:ok, closes, input} = Input.close(input, nil)
    act(%{state | input: input}, writes ++ closes)
  end

  defp act(state, actions), do: Enum.reduce(actions, state, &act_one/2)

  defp act_one({:send, bytes}, state), do: %{state | program: Program.tell(state.program, {:stdin, bytes})}
  defp act_one({:done, writer}, state), do: reply_to(state, writer, :ok)

  defp act_one({:close, closer}, state),
    do: state |> request(:close_stdin, &{:close_stdin, &1}) |> reply_to(closer, :ok)

  defp reply_to(state, nil, _answer), do: state

  defp reply_to(state, from, answer) do
    GenServer.reply(from, answer)
    %{state | timers: Timers.cancel(state.timers, {:write, from})}
  end

  defp guard_write(state, from, timeout) do
    if Input.waiting?(state.input, from),
      do: %{state | timers: Timers.start(state.timers, {:write, from}, timeout)},
      else: state
  end

  defp break_input(state) do
    {writers, input} = Input.broken(state.input)
    Enum.reduce(writers, %{state | input: input}, &reply_to(&2, &1, {:error, not_written(:epipe)}))
  end

  defp not_running, do: error(:not_running, :command, "the command has exited, or does not run yet")

  defp not_written(:closed) do
    error(:closed, :write, "the input of the command is closed, or was not asked for (stdin: :pipe)")
  end

  defp not_written(:epipe), do: error(:epipe, :write, "the command does not read its input any more")

  ## Delivery

  defp deliver(state) do
    {items, status, flow} = Flow.advance(state.flow, fn -> mailbox(state.options.owner) end)
    state = Enum.reduce(items, %{state | flow: flow}, &hand_out/2)
    state |> grant() |> look_again(status) |> finish_if_told()
  end

  # The last word waits for whoever asks for it.
  defp hand_out(item, %{options: %{active: :pull}, next: nil} = state), do: %{state | flow: Flow.push(state.flow, item)}
  defp hand_out({kind, _word} = item, state) when kind in [:exit, :error], do: tell(%{state | told: true}, item)
  defp hand_out(item, state), do: tell(state, item)

  defp tell(%{options: %{active: :pull}} = state, item) do
    GenServer.reply(state.next, pulled(item))
    %{state | next: nil}
  end

  defp tell(%{options: %{owner: nil}} = state, _item), do: state

  defp tell(state, item) do
    send(state.options.owner, {:lookout_command, self(), shown(item)})
    state
  end

  defp shown({:exit, status}), do: {:exit, status(status)}
  defp shown(item), do: item

  defp pulled({:error, error}), do: {:error, error}
  defp pulled(item), do: {:ok, item}

  defp mailbox(nil), do: 0

  defp mailbox(owner) do
    case Process.info(owner, :message_queue_len) do
      {:message_queue_len, length} -> length
      # Dead: the message of it is on its way.
      nil -> 0
    end
  end

  defp grant(%{last: nil} = state) do
    {due, flow} = Flow.more_credit(state.flow)
    program = Enum.reduce(due, state.program, fn {stream, n}, program -> Program.tell(program, {:read, stream, n}) end)
    %{state | flow: flow, program: program}
  end

  defp grant(state), do: state

  defp look_again(state, :ok), do: state

  defp look_again(state, :slow) do
    {first, _longest} = state.options.limits.look
    %{state | timers: Timers.start(state.timers, :look, first)}
  end

  ## End

  # The last word of the program goes behind what the owner has not taken yet.
  defp over(state, last) do
    state = break_input(%{state | last: last, program: Program.close(state.program)})
    deliver(%{state | flow: Flow.push(state.flow, last)})
  end

  defp died(state, error) do
    state = %{state | program: Program.close(state.program)}
    if state.os_pid, do: over(state, {:error, error}), else: fail(state, error)
  end

  defp broken(state, reason, what), do: died(state, Program.kill(state.program, reason, what))

  defp finish_if_told(%{told: true, starter: :answered} = state) do
    Enum.each(state.awaiting, &answer_end(&1, state.last))
    {:stop, stop_reason(state), %{state | awaiting: []}}
  end

  defp finish_if_told(state), do: {:noreply, state}

  defp answer_end({:stop, from}, _last), do: GenServer.reply(from, :ok)
  defp answer_end(from, {:exit, status}), do: GenServer.reply(from, {:ok, status(status)})
  defp answer_end(from, {:error, error}), do: GenServer.reply(from, {:error, error})

  # The owner has been told. Under a supervisor, which is not, the reason says it.
  defp stop_reason(%{last: {:exit, 0}}), do: :normal
  defp stop_reason(%{parent: parent, options: %{owner: parent}}), do: :normal
  defp stop_reason(%{parent: nil}), do: :normal
  defp stop_reason(%{last: {:exit, status}}), do: {:exit, status(status)}
  defp stop_reason(%{last: {:error, error}}), do: error

  # A supervisor that stops its child gives the command its grace; the end of an owner does not.
  @impl true
  def terminate(reason, %{last: nil, program: %{bridge: %{}}} = state) do
    if gentle?(reason, state), do: stop_within(state, state.options.grace)
    Program.part(state.program)
  end

  def terminate(_reason, state), do: Program.part(state.program)

  defp gentle?(_reason, %{options: %{owner: owner}, parent: owner}), do: false
  defp gentle?(:shutdown, _state), do: true
  defp gentle?({:shutdown, _why}, _state), do: true
  defp gentle?(_reason, _state), do: false

  # Takes what the command still says, and drops it.
  defp stop_within(state, grace) do
    state = request(state, :stop, &{:stop, &1, grace})
    for stream <- [:stdout, :stderr], do: Program.tell(state.program, {:read, stream, :infinity})
    deadline = System.monotonic_time(:millisecond) + grace + 1_000
    Bridge.await(state.program.bridge.port, deadline, &match?({:exit, _status}, &1))
  end

  defp request(state, kind, build) do
    {_id, program} = Program.request(state.program, kind, :infinity, build)
    %{state | program: program}
  end

  defp error(reason, operation, detail), do: %Error{reason: reason, operation: operation, detail: detail}

  defp label(state), do: "Lookout.Command #{inspect(state.options.name || hd(state.options.argv))}"
end
