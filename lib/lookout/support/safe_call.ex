defmodule Lookout.Support.SafeCall do
  @moduledoc false
  # The client side of the servers: each call returns its reply or an error, never exits, and leaves no late reply in
  # the mailbox of the caller. It has no state. `Lookout`, `Lookout.FileSystem`, `Lookout.Runner`, `Lookout.Command.Calls`, the
  # start handshake and the server of `Lookout.stream/1` call it.
  #
  # A request carries a deadline, in the monotonic time of the node of the server. The server does not serve a request
  # past its deadline, however long the request was in the mailbox, and replies {:error, :timeout}. The caller waits a
  # little longer than the deadline. Therefore a request whose caller got a timeout does not take effect later.

  alias Lookout.{Entry, Error}
  alias Lookout.Port.Protocol
  alias Lookout.Support.Paths
  alias Lookout.Watcher.Options

  @type operation :: atom

  # Milliseconds that the caller waits past the deadline.
  @grace 500

  @typedoc "Monotonic time of the node of the server, in milliseconds."
  @type deadline :: integer | :infinity

  @doc "Sends a request with a deadline, as `{:until, deadline, request}`, and waits for its reply."
  @spec call(GenServer.server(), term, timeout, operation) :: term
  def call(server, request, timeout, operation) do
    Options.timeout!(timeout)

    with {:ok, process} <- find(server, operation),
         {:ok, deadline, left} <- deadline(process, timeout) do
      process |> ask({:until, deadline, request}, add(left, @grace)) |> answer(operation, server, timeout)
    else
      {:failed, reason} -> {:error, failed(reason, operation, server, timeout)}
      {:error, error} -> {:error, error}
    end
  end

  @doc "Sends a request without a deadline, and waits for its reply. For the requests `:await_start`, `:await` and `:next`."
  @spec wait(GenServer.server(), term, timeout, operation) :: term
  def wait(server, request, timeout, operation) do
    server |> ask(request, Options.timeout!(timeout)) |> answer(operation, server, timeout)
  end

  defp ask(server, message, timeout) do
    GenServer.call(server, message, timeout)
  catch
    :exit, {reason, {GenServer, :call, _arguments}} -> {:failed, reason}
  end

  defp answer({:failed, reason}, operation, server, timeout), do: {:error, failed(reason, operation, server, timeout)}

  defp answer({:error, :timeout}, operation, server, timeout),
    do: {:error, failed(:timeout, operation, server, timeout)}

  defp answer(answer, _operation, _server, _timeout), do: answer

  @doc "For the server: the milliseconds left until a deadline, 0 if it has passed."
  @spec left(deadline) :: timeout
  def left(:infinity), do: :infinity
  def left(deadline), do: max(deadline - now(), 0)

  # Returns the deadline on the clock of the server, and the milliseconds left on this clock. The monotonic clocks of
  # two nodes differ by any amount, so the clock of a remote node is read first. The reading is treated as if it had
  # been made when the reply arrived, so the deadline on the remote node can be too early, but not too late.
  defp deadline(_process, :infinity), do: {:ok, :infinity, :infinity}

  defp deadline(process, timeout) do
    case node_of(process) do
      node when node == node() -> {:ok, now() + timeout, timeout}
      node -> remote_deadline(node, timeout, now())
    end
  end

  defp remote_deadline(node, timeout, started) do
    there = :erpc.call(node, :erlang, :monotonic_time, [:millisecond], timeout)
    left = max(timeout - (now() - started), 0)
    {:ok, there + left, left}
  catch
    :error, {:erpc, :timeout} -> {:failed, :timeout}
    :error, {:erpc, _reason} -> {:failed, {:nodedown, node}}
  end

  defp node_of({_name, node}), do: node
  defp node_of(pid), do: node(pid)

  defp add(:infinity, _ms), do: :infinity
  defp add(timeout, ms), do: timeout + ms

  defp now, do: System.monotonic_time(:millisecond)

  @doc "Whether the server is known to run on another node."
  @spec remote?(GenServer.server()) :: boolean
  def remote?(server) do
    case GenServer.whereis(server) do
      nil -> false
      process -> node_of(process) != node()
    end
  end

  @doc """
  The absolute path for a watcher. Raises on a relative path, or `~`, for a watcher on another node, or of directories there, where it has
  no meaning, and on what is no path. Returns an error if the path is relative and the working directory of the VM is gone.
  """
  @spec path(GenServer.server(), term, operation) :: {:ok, binary} | {:error, Error.t()}
  def path(watcher, path, operation) do
    expanded = Options.path!(path)

    cond do
      Paths.absolute?(path) -> {:ok, expanded}
      remote?(watcher) -> relative!(operation, "#{inspect(watcher)} is on another node", path)
      node = watched_node(watcher) -> relative!(operation, "#{inspect(watcher)} watches paths of #{node}", path)
      true -> {:ok, expanded}
    end
  rescue
    error in Error -> {:error, error}
  end

  # The node of the option :node; nil if there is none, or no watcher.
  defp watched_node(watcher) do
    case call(watcher, :node, 5_000, :node) do
      {:ok, node} -> node
      {:error, _no_watcher} -> nil
    end
  end

  @spec relative!(operation, binary, term) :: no_return
  defp relative!(operation, why, path) do
    raise ArgumentError, "Lookout: #{operation}: expected an absolute path, since #{why}, got: #{inspect(path)}"
  end

  @doc "As `Lookout.list/2`."
  @spec list(GenServer.server(), term) :: {:ok, non_neg_integer, [Entry.t()]} | {:error, Error.t()}
  def list(watcher, options) do
    {request, timeout} = Options.parse_list!(options)

    with [_ | _] <- options,
         {:under, dir} <- List.keyfind(options, :under, 0),
         {:error, error} <- path(watcher, dir, :list) do
      {:error, error}
    else
      _no_error -> list(watcher, request, timeout)
    end
  rescue
    error in Error -> {:error, error}
  end

  # Requests a listing, and assembles it from the chunks that the watcher forwards.
  defp list(watcher, options, timeout) do
    with {:ok, process} <- find(watcher, :list),
         {:ok, deadline, left} <- deadline(process, timeout) do
      listing(process, options, {deadline, left, timeout})
    else
      {:failed, reason} -> {:error, failed(reason, :list, watcher, timeout)}
      {:error, error} -> {:error, error}
    end
  end

  @spec stop(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def stop(watcher, timeout) do
    timeout = Options.timeout!(timeout)
    with {:ok, process} <- find(watcher, :stop), do: GenServer.stop(process, :normal, timeout)
  catch
    :exit, reason -> {:error, failed(exit_reason(reason), :stop, watcher, timeout)}
  end

  defp find(watcher, operation) do
    case GenServer.whereis(watcher) do
      nil -> {:error, failed(:noproc, operation, watcher, nil)}
      # A node without distribution cannot even monitor a process of another node.
      {_name, node} when node() == :nonode@nohost -> {:error, failed({:nodedown, node}, operation, watcher, nil)}
      process -> {:ok, process}
    end
  end

  # Each clause of the receives below matches the reference created here, so the VM skips the messages that were already
  # in the mailbox (the receive optimization for references): a chunk costs the same however long the mailbox is.
  defp listing(process, options, {deadline, left, timeout}) do
    mine = add(left, now())
    # The alias is deactivated after the call, so that the VM drops late chunks.
    ref = :erlang.monitor(:process, process, alias: :explicit_unalias)
    GenServer.cast(process, {:list, ref, options, deadline})
    result = collect(ref, mine, process, timeout, [])
    :erlang.unalias(ref)
    :erlang.demonitor(ref, [:flush])
    flush(ref)
    result
  end

  defp collect(ref, deadline, process, timeout, chunks) do
    receive do
      {^ref, {:entries, entries}} ->
        collect(ref, deadline, process, timeout, [entries | chunks])

      {^ref, :again} ->
        collect(ref, deadline, process, timeout, [])

      {^ref, {:ok, seq}} ->
        {:ok, seq, entries(chunks, [])}

      {^ref, {:error, error}} ->
        {:error, error}

      {:DOWN, ^ref, :process, _process, reason} ->
        {:error, failed(reason, :list, process, timeout)}
    after
      left(deadline) -> {:error, failed(:timeout, :list, process, timeout)}
    end
  end

  # The chunks are in reverse order (newest first). Building the list from the end of each chunk needs no reversal.
  defp entries([], all), do: all

  defp entries([chunk | older], all) do
    entries(older, :lists.foldr(&[Protocol.entry(&1) | &2], all, chunk))
  end

  defp flush(ref) do
    receive do
      {^ref, _chunk} -> flush(ref)
    after
      0 -> :ok
    end
  end

  # Each GenServer call that an exit passes through wraps its reason in {reason, {module, function, arguments}}.
  defp exit_reason({reason, {module, function, arguments}})
       when is_atom(module) and is_atom(function) and is_list(arguments),
       do: exit_reason(reason)

  defp exit_reason(reason), do: reason

  defp failed(:timeout, operation, watcher, timeout) do
    error(:timeout, operation, "no answer from #{inspect(watcher)} within #{timeout} ms")
  end

  defp failed(:noproc, operation, watcher, _timeout) do
    error(:noproc, operation, "no watcher is running as #{inspect(watcher)}; start one first, or correct the name")
  end

  defp failed(:noconnection, operation, watcher, timeout), do: failed({:nodedown, nil}, operation, watcher, timeout)

  defp failed({:nodedown, _node}, operation, watcher, _timeout) do
    error(:nodedown, operation, "the node of #{inspect(watcher)} cannot be reached")
  end

  defp failed(:calling_self, operation, _watcher, _timeout) do
    error(:calling_self, operation, "a watcher cannot be called from within itself")
  end

  defp failed(%Error{} = error, _operation, _watcher, _timeout), do: error

  defp failed(reason, operation, watcher, _timeout) do
    error(:stopped, operation, "#{inspect(watcher)} stopped before it answered: #{inspect(reason)}")
  end

  defp error(reason, operation, detail), do: %Error{reason: reason, operation: operation, detail: detail}
end
