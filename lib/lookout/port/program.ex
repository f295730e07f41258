defmodule Lookout.Port.Program do
  @moduledoc false
  # The `lookout_port` of a watcher or a command: start, hello, requests, watchdog, shutdown, and (for a watcher)
  # restart. `Lookout.Watcher.State` and `Lookout.Command.State` hold it (`program`); the modules of the two servers call it,
  # and the servers receive its timer messages.
  #
  # Phases: :opening (started, hello not yet received), :watching (watch requests sent, reply not yet received), :live,
  # :down. In the phase :live requests are sent at once. In the other phases they are stored until :live, except those
  # that do not depend on the watches (`early?/1`), which are also sent while :watching. Requests that `lookout_port`
  # leaves without a reply are sent to the restarted one.
  #
  # With a node (`Lookout.Port.NodeConnection`) it is a session of a `lookout_port` that runs there. A session with a name has one
  # more message after the hello, `:session`; the timer :hello runs until `joined/1`.
  #
  # Timers run only while a reply, a hello, room in the port or a restart is awaited: an idle watcher has none.

  alias Lookout.Error
  alias Lookout.Port.{Bridge, NodeConnection, Protocol, Requests, Tuning}
  alias Lookout.Support.{Platform, Timers}

  @type t :: %__MODULE__{
          limits: Tuning.t(),
          operation: atom,
          path: nil | binary,
          node: nil | node,
          session: nil | {binary, non_neg_integer},
          phase: :opening | :watching | :live | :down,
          bridge: nil | Bridge.t(),
          version: nil | binary,
          requests: Requests.t(),
          answered: boolean,
          failure: nil | Error.t(),
          restarts: non_neg_integer,
          deaths: [integer],
          tries: non_neg_integer,
          timers: Timers.t(),
          expiries: Timers.t()
        }

  @enforce_keys [:limits, :path]
  defstruct [
    :limits,
    # nil with a node
    :path,
    node: nil,
    # the name of the session and its linger in milliseconds; nil for a session that ends with its owner
    session: nil,
    # the `:operation` of its errors
    operation: :watch,
    phase: :down,
    bridge: nil,
    version: nil,
    requests: %Requests{},
    # whether a reply has arrived since the watchdog timer was started
    answered: false,
    # the error of the message {:fatal, error}, which `lookout_port` sends before it exits
    failure: nil,
    restarts: 0,
    # when it has ended: monotonic time in milliseconds, newest first
    deaths: [],
    # how often its node was tried in vain since its watches were live
    tries: 0,
    timers: Timers.new(:program),
    # one timer for each open request that has a timeout
    expiries: Timers.new(:request)
  ]

  @doc "`node`: nil for a `lookout_port` of this VM."
  @spec new(Tuning.t(), atom, nil | node, nil | {binary, non_neg_integer}) :: t
  def new(limits, operation \\ :watch, node \\ nil, session \\ nil)

  def new(%Tuning{} = limits, operation, nil, nil) do
    %__MODULE__{limits: limits, operation: operation, path: limits.port_path || Bridge.default_path()}
  end

  def new(%Tuning{} = limits, operation, node, session) do
    %__MODULE__{limits: limits, operation: operation, path: nil, node: node, session: session}
  end

  ## Life

  @doc """
  Starts `lookout_port`, or opens a session on its node. Its hello message follows, or the timeout `:hello`. `last` is the number of the
  last batch of a session with a name, 0 if there is none.
  """
  @spec open(t, non_neg_integer) :: {:ok, t} | {:error, Error.t()}
  def open(%__MODULE__{} = program, last \\ 0) do
    with :ok <- check(program),
         {:ok, bridge} <- Bridge.open(target(program, last)) do
      program = retry(program, Bridge.flush(bridge))
      {:ok, start_timer(%{program | phase: :opening, failure: nil}, :hello, program.limits.hello)}
    end
  end

  defp check(%{node: nil} = program), do: Platform.check(program.operation)
  defp check(_with_node), do: :ok

  defp target(%{node: nil, path: path}, _last), do: path
  defp target(%{node: node, session: nil}, _last), do: {node, :open}
  defp target(%{node: node, session: {name, linger}}, last), do: {node, {:open, name, linger, last}}

  @doc "Handles the hello of `lookout_port`; an error if it has another version of the protocol."
  @spec greet(t, integer, binary) :: {:ok, t} | {:error, Error.t()}
  def greet(%__MODULE__{} = program, protocol, version) do
    if protocol == Protocol.version() do
      program = %{program | version: version}
      program = if program.session, do: program, else: cancel_timer(program, :hello)
      {:ok, if(Requests.empty?(program.requests), do: program, else: guard(program))}
    else
      detail = "speaks protocol #{protocol}, but #{Protocol.version()} is needed; build it again with `mix compile`"
      {:error, error(program, :wrong_protocol, detail)}
    end
  end

  @doc "A session with a name is opened: the message that says so has arrived."
  @spec joined(t) :: t
  def joined(%__MODULE__{} = program), do: cancel_timer(program, :hello)

  @doc "Sends a request before the stored ones. A resumed session, whose watches exist already, starts with it."
  @spec first(t, Requests.kind(), (Protocol.id() -> tuple)) :: t
  def first(%__MODULE__{} = program, kind, build) do
    {_id, term, requests} = Requests.open(program.requests, kind, :infinity, build)
    transmit(%{program | requests: requests}, term)
  end

  @doc """
  Sends a request that sets up watches. After the first such request also sends the stored requests that do not depend on the watches.
  """
  @spec watch(t, (Protocol.id() -> tuple)) :: t
  def watch(%__MODULE__{} = program, build) do
    {_id, term, requests} = Requests.open(program.requests, :watch, :infinity, build)
    kept = for {_kind, term} <- Requests.all(program.requests), program.phase == :opening and early?(term), do: term
    transmit_all(%{program | requests: requests, phase: :watching}, [term | kept])
  end

  @doc "Sends the stored requests: the watches are live, or (for a command) there are none."
  @spec live(t) :: t
  def live(%__MODULE__{} = program) do
    kept = for {_kind, term} <- Requests.all(program.requests), not early?(term), do: term
    transmit_all(%{program | phase: :live, tries: 0}, kept)
  end

  # `lookout_port` replies to these requests during a crawl too, so they are sent right after the first watch request.
  defp early?(term), do: elem(term, 0) in [:info, :ping]

  @doc "`lookout_port` has ended: closes the port."
  @spec close(t) :: t
  def close(%__MODULE__{bridge: nil} = program), do: program

  def close(%__MODULE__{} = program) do
    Bridge.close(program.bridge)
    forget_life(program)
  end

  @doc """
  Schedules the restart of a `lookout_port` that has ended: the caller restarts it when `timeout/3` returns `:restart`. `:too_many` if it
  has ended too often in a short time (`Lookout.Port.Tuning`, `deaths`).
  """
  @spec died(t) :: {:restart_in, pos_integer, t} | {:too_many, t}
  def died(%__MODULE__{} = program) do
    {most, span} = program.limits.deaths
    earlier = Enum.filter(program.deaths, &(&1 > now() - span))
    program = %{program | deaths: [now() | earlier]}

    if length(earlier) >= most do
      {:too_many, program}
    else
      {first, longest} = program.limits.backoff
      pause = min(first * Integer.pow(2, length(earlier)), longest)
      {:restart_in, pause, start_timer(program, :restart, pause)}
    end
  end

  @doc "Starts `lookout_port` again."
  @spec reopen(t) :: {:ok, t} | {:error, Error.t()}
  def reopen(%__MODULE__{} = program), do: program |> replaced() |> open()

  @doc "Counts a `lookout_port`, or a session, that replaces another one."
  @spec replaced(t) :: t
  def replaced(%__MODULE__{} = program), do: %{program | restarts: program.restarts + 1}

  @doc """
  The session on a node is lost, and is to be opened again when `timeout/3` returns `:restart`, however often that has failed. Closes
  the open requests and returns their ids and kinds.
  """
  @spec away(t) :: {[{Protocol.id(), Requests.kind()}], pos_integer, t}
  def away(%__MODULE__{} = program) do
    {first, longest} = program.limits.backoff
    pause = min(first * Integer.pow(2, min(program.tries, 20)), longest)
    {open, requests} = Requests.abandon(program.requests)
    expiries = Timers.cancel_all(program.expiries)
    program = %{program | requests: requests, expiries: expiries, tries: program.tries + 1}
    {open, pause, start_timer(program, :restart, pause)}
  end

  @doc "Closes the connection, if any, without a shutdown of `lookout_port`, and cancels all timers. A session with a name stays, for its next owner."
  @spec leave(t) :: t
  def leave(%__MODULE__{bridge: nil} = program), do: forget_life(program)

  def leave(%__MODULE__{} = program) do
    Bridge.leave(program.bridge)
    forget_life(program)
  end

  @doc "Shuts `lookout_port` down, if it is running, and cancels all timers."
  @spec shut_down(t) :: t
  def shut_down(%__MODULE__{bridge: nil} = program), do: forget_life(program)

  def shut_down(%__MODULE__{} = program) do
    Bridge.shut_down(program.bridge, program.requests.next, program.limits.shutdown_timeout)
    forget_life(program)
  end

  @doc "Kills a `lookout_port` that hangs or violates the protocol; the error states `what` it did."
  @spec kill(t, atom, binary) :: Error.t()
  def kill(%__MODULE__{} = program, reason, what) do
    Bridge.kill(program.bridge)
    error(program, reason, what)
  end

  @doc "The error with which `lookout_port` has ended, by a message of its port."
  @spec ended(t, tuple) :: Error.t()
  # The node has ended the session, or the connection to it is lost.
  def ended(%{node: node} = program, {_session, {:exit_status, reason}}) when node != nil,
    do: program.failure || NodeConnection.ended(node, reason, program.operation)

  def ended(%{node: node} = program, {:DOWN, _session, :process, _lookout, reason}) do
    first? = program.version == nil and program.tries == 0
    program.failure || NodeConnection.lost(node, reason, first?, program.operation)
  end

  # `lookout_port` exited, or was killed by a signal.
  def ended(program, {_port, {:exit_status, status}}), do: exited(program, status)

  # Another process closed the port; then the VM sends no exit status.
  def ended(program, {:EXIT, _port, :normal}),
    do: exited(program, "lost its port, which was closed from outside")

  # The port failed, for example with :epipe because `lookout_port` exited while the VM wrote to it.
  def ended(program, {:EXIT, _port, reason}),
    do: exited(program, "lost its port: #{inspect(reason)}")

  # The error of the message {:fatal, error} if there was one, else the exit status, else what happened to the port.
  defp exited(%__MODULE__{failure: %Error{} = failure}, _what), do: failure

  defp exited(program, status) when is_integer(status) do
    signal = if status > 128, do: " (signal #{status - 128})", else: ""
    exited(program, "ended with exit status #{status}#{signal}")
  end

  defp exited(program, what), do: error(program, :port_exited, what)

  ## Requests

  @doc """
  Opens a request, and sends it at once if the phase allows, else later. `answered/2` returns `kind` when the reply arrives, or
  `expired/3` does when the timeout passes first.
  """
  @spec request(t, Requests.kind(), timeout, (Protocol.id() -> tuple)) :: {Protocol.id(), t}
  def request(%__MODULE__{} = program, kind, timeout, build) do
    deadline = if timeout == :infinity, do: :infinity, else: now() + timeout
    {id, term, requests} = Requests.open(program.requests, kind, deadline, build)
    program = %{program | requests: requests, expiries: Timers.start(program.expiries, id, timeout)}
    {id, if(sent?(program, term), do: transmit(program, term), else: program)}
  end

  # Whether an open request with this term has been sent, or can be sent at once.
  defp sent?(%__MODULE__{phase: phase}, term), do: phase == :live or (phase == :watching and early?(term))

  @spec credit(t, non_neg_integer) :: t
  def credit(%__MODULE__{} = program, 0), do: program
  def credit(%__MODULE__{} = program, batches), do: tell(program, {:credit, batches})

  @doc "Sends a message that has no reply."
  @spec tell(t, tuple) :: t
  def tell(%__MODULE__{bridge: nil} = program, _term), do: program
  def tell(%__MODULE__{} = program, term), do: send_term(program, term)

  @doc "Whether `lookout_port` can be granted credit."
  @spec open?(t) :: boolean
  def open?(%__MODULE__{phase: phase}), do: phase in [:watching, :live]

  @doc "Closes the request that `lookout_port` has replied to."
  @spec answered(t, term) :: {:ok, Requests.kind(), t} | :error
  def answered(%__MODULE__{} = program, id) do
    with {:ok, kind, requests} <- Requests.close(program.requests, id) do
      program = %{program | requests: requests, answered: true, expiries: Timers.cancel(program.expiries, id)}
      {:ok, kind, if(Requests.empty?(requests), do: cancel_timer(program, :watchdog), else: program)}
    end
  end

  @doc "Records that `lookout_port` has sent a part of a reply; the request stays open."
  @spec answering(t, term) :: {:ok, Requests.kind(), t} | :error
  def answering(%__MODULE__{} = program, id) do
    with {:ok, kind} <- Requests.kind(program.requests, id), do: {:ok, kind, %{program | answered: true}}
  end

  @doc "Handles the timeout message of a request: returns its kind. The caller must call `forget/3` next."
  @spec expired(t, Protocol.id(), reference) :: {:ok, Requests.kind(), t} | :stale
  def expired(%__MODULE__{} = program, id, ref) do
    with {:ok, expiries} <- Timers.fired(program.expiries, id, ref),
         {:ok, kind} <- Requests.kind(program.requests, id) do
      {:ok, kind, %{program | expiries: expiries}}
    else
      _answered -> :stale
    end
  end

  @doc """
  The caller of a request has given up. A request that was not yet sent is dropped. For one that was sent, `answered/2` returns the new
  `kind` when the reply arrives; with the default kind, `:forgotten`, it is not sent again to a restarted `lookout_port`.
  """
  @spec forget(t, Protocol.id(), Requests.kind()) :: t
  def forget(%__MODULE__{requests: requests} = program, id, kind \\ :forgotten) do
    case Requests.term(requests, id) do
      {:ok, term} -> %{program | requests: forget(requests, id, kind, sent?(program, term))}
      :error -> program
    end
  end

  defp forget(requests, id, kind, true), do: Requests.forget(requests, id, kind)

  defp forget(requests, id, _kind, false) do
    {:ok, _kind, requests} = Requests.close(requests, id)
    requests
  end

  @doc "The kinds of the open requests."
  @spec open_kinds(t) :: [Requests.kind()]
  def open_kinds(%__MODULE__{} = program), do: for({kind, _term} <- Requests.all(program.requests), do: kind)

  ## Timers

  @doc "Handles the timeout message of a timer of this module."
  @spec timeout(t, term, reference) :: {:ok | :restart | {:hung, binary}, t}
  def timeout(%__MODULE__{} = program, tag, ref) do
    case Timers.fired(program.timers, tag, ref) do
      {:ok, timers} -> on_timeout(tag, %{program | timers: timers})
      :stale -> {:ok, program}
    end
  end

  defp on_timeout(:restart, program), do: {:restart, program}
  defp on_timeout(:outbox, program), do: {:ok, retry(program, Bridge.flush(program.bridge))}

  defp on_timeout(:hello, program) do
    {{:hung, "did not say hello within #{program.limits.hello} ms"}, program}
  end

  defp on_timeout(:watchdog, %{answered: true} = program), do: {:ok, guard(program)}

  defp on_timeout(:watchdog, program) do
    %{quiet: quiet, answer: answer} = program.limits

    if :ping in open_kinds(program) do
      {{:hung, "did not answer a request within #{quiet + answer} ms"}, program}
    else
      {_id, term, requests} = Requests.open(program.requests, :ping, :infinity, &{:ping, &1})
      {:ok, %{program | requests: requests} |> start_timer(:watchdog, answer) |> send_term(term)}
    end
  end

  # While requests are open, `lookout_port` must reply to one of them, or to a ping, in time. Until its hello arrives
  # the timer :hello serves that purpose.
  defp guard(%{version: nil} = program), do: program
  defp guard(%{timers: %{running: %{watchdog: _running}}} = program), do: program
  defp guard(program), do: start_timer(%{program | answered: false}, :watchdog, program.limits.quiet)

  defp transmit(program, term), do: program |> guard() |> send_term(term)
  defp transmit_all(program, terms), do: Enum.reduce(terms, program, &transmit(&2, &1))
  defp send_term(program, term), do: retry(program, Bridge.send(program.bridge, term))

  defp retry(program, {:ok, bridge}), do: %{program | bridge: bridge}
  defp retry(program, {:busy, bridge}), do: start_timer(%{program | bridge: bridge}, :outbox, program.limits.retry)

  defp forget_life(program) do
    requests = Requests.carry_over(program.requests, now())
    timers = Timers.cancel_all(program.timers)
    %{program | phase: :down, bridge: nil, requests: requests, timers: timers}
  end

  defp error(%{node: nil} = program, reason, what) do
    %Error{reason: reason, operation: program.operation, path: program.path, detail: "the program #{what}"}
  end

  defp error(program, reason, what) do
    %Error{reason: reason, operation: program.operation, detail: "the lookout_port of #{program.node} #{what}"}
  end

  defp start_timer(program, tag, ms), do: %{program | timers: Timers.start(program.timers, tag, ms)}
  defp cancel_timer(program, tag), do: %{program | timers: Timers.cancel(program.timers, tag)}
  defp now, do: System.monotonic_time(:millisecond)
end
