defmodule Lookout.Client do
  @moduledoc false
  # The calling side: each call ends in its reply or in an error, never in an exit, and leaves no
  # late answer in the mailbox of the caller.

  alias Lookout.{Entry, Error, Options, Protocol}

  @type operation :: atom

  # A watcher answers a sync itself when the time is up, since it knows what held it up. This is how
  # much longer its answer is waited for.
  @grace 500

  @doc "A call to the watcher."
  @spec call(GenServer.server(), term, timeout, operation) :: term
  def call(watcher, request, timeout, operation) do
    GenServer.call(watcher, request, Options.timeout!(timeout))
  catch
    :exit, {reason, {GenServer, :call, _arguments}} -> {:error, failed(reason, operation, watcher, timeout)}
  end

  @doc """
  Starts a process under the name in its options, linked to the caller, with `{options, caller}` for its `init`, and waits until
  it is ready.
  """
  @spec start_link(module, %{:name => nil | GenServer.name(), optional(atom) => term}) ::
          {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(module, %{name: name} = options) do
    named = if name, do: [name: name], else: []

    with {:ok, pid} <- GenServer.start_link(module, {options, self()}, named), do: await_start(pid)
  end

  @doc "Waits until a watcher that has just been started is ready. One that fails is gone, and its name free, on return."
  @spec await_start(pid) :: {:ok, pid} | {:error, Error.t()}
  def await_start(pid) do
    with {:error, error} <- call(pid, :await_start, :infinity, :start_link) do
      ref = Process.monitor(pid)

      receive do
        {:DOWN, ^ref, :process, ^pid, _reason} -> {:error, error}
      end
    else
      :ok -> {:ok, pid}
    end
  end

  @spec sync(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def sync(watcher, timeout) do
    # With a timer in the watcher and one here, the one that can tell more goes first.
    patience = if Options.timeout!(timeout) == :infinity, do: :infinity, else: timeout + @grace

    with {:error, %Error{reason: :timeout}} <- call(watcher, {:sync, timeout}, patience, :sync) do
      {:error, failed(:timeout, :sync, watcher, timeout)}
    end
  end

  @doc "The listing, put together from the chunks that the watcher passes on."
  @spec list(GenServer.server(), keyword, timeout) ::
          {:ok, non_neg_integer, [Entry.t()]} | {:error, Error.t()}
  def list(watcher, options, timeout) do
    with {:ok, process} <- find(watcher, :list), do: listing(process, options, timeout)
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
      # Without distribution a process of another node cannot even be monitored.
      {_name, node} when node() == :nonode@nohost -> {:error, failed({:nodedown, node}, operation, watcher, nil)}
      process -> {:ok, process}
    end
  end

  defp listing(process, options, timeout) do
    # The alias ends with the call, so that chunks that come too late go nowhere.
    ref = :erlang.monitor(:process, process, alias: :explicit_unalias)
    timer = start_timer(timeout, ref)
    GenServer.cast(process, {:list, ref, options, timeout})
    result = collect(ref, timer, process, timeout, [])
    :erlang.unalias(ref)
    Process.demonitor(ref, [:flush])
    stop_timer(timer)
    flush(ref)
    result
  end

  defp collect(ref, timer, process, timeout, chunks) do
    receive do
      {^ref, {:entries, entries}} ->
        collect(ref, timer, process, timeout, [entries | chunks])

      {^ref, :again} ->
        collect(ref, timer, process, timeout, [])

      {^ref, {:ok, seq}} ->
        {:ok, seq, entries(chunks, [])}

      {^ref, {:error, error}} ->
        {:error, error}

      {:timeout, ^timer, ^ref} ->
        {:error, failed(:timeout, :list, process, timeout)}

      {:DOWN, ^ref, :process, _process, reason} ->
        {:error, failed(down_reason(reason), :list, process, timeout)}
    end
  end

  # Chunks come newest first; what is built from their ends needs no reversing.
  defp entries([], all), do: all

  defp entries([chunk | older], all) do
    entries(older, :lists.foldr(&[Protocol.entry(&1) | &2], all, chunk))
  end

  defp start_timer(:infinity, _ref), do: nil
  defp start_timer(timeout, ref), do: :erlang.start_timer(timeout, self(), ref)

  defp stop_timer(nil), do: :ok
  defp stop_timer(timer), do: :erlang.cancel_timer(timer)

  defp flush(ref) do
    receive do
      {^ref, _chunk} -> flush(ref)
      {:timeout, _timer, ^ref} -> flush(ref)
    after
      0 -> :ok
    end
  end

  defp exit_reason({reason, {_module, _function, _arguments}}), do: reason
  defp exit_reason(reason), do: reason

  defp down_reason(:noconnection), do: {:nodedown, nil}
  defp down_reason(reason), do: reason

  defp failed(:timeout, operation, watcher, timeout) do
    error(:timeout, operation, "no answer from #{inspect(watcher)} within #{timeout} ms")
  end

  defp failed(:noproc, operation, watcher, _timeout) do
    error(:noproc, operation, "no watcher is running as #{inspect(watcher)}; start one first, or correct the name")
  end

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
