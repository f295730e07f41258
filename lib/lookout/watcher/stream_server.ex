defmodule Lookout.Watcher.StreamServer do
  @moduledoc false
  # The GenServer behind `Lookout.stream/1`: subscribes in place of the enumerating process, so that no messages arrive
  # in the mailbox of that process, and stops when that process ends. Its state is the struct below. `Lookout.stream/1` calls
  # `new/1`; the enumerating process starts, calls and stops the server.

  use GenServer, restart: :temporary
  use Lookout.Support.Discreet, state: __MODULE__

  alias Lookout.{Error, Watcher}
  alias Lookout.Support.{Discreet, LogMetadata, SafeCall}
  alias Lookout.Watcher.Options

  @behaviour Discreet

  defstruct [:watcher, :owner, :waiting, :failure, batch: nil]

  @spec new(Options.t()) :: Enumerable.t()
  def new(%Options{} = options) do
    Stream.resource(fn -> start(options) end, &next/1, &stop/1)
  end

  defp start(options) do
    case GenServer.start(__MODULE__, {options, self()}) do
      {:ok, pid} -> pid
      {:error, {:shutdown, error}} -> raise to_error(error)
    end
  end

  defp next(pid) do
    case SafeCall.wait(pid, :next, :infinity, :stream) do
      {:ok, events} -> {events, pid}
      {:error, error} -> raise error
    end
  end

  defp stop(pid), do: SafeCall.stop(pid, :infinity)

  @impl true
  def init({options, owner}) do
    Process.flag(:trap_exit, true)
    LogMetadata.put(:stream, nil)
    Process.monitor(owner)

    # Subscribes with a count of 1: the next batch arrives only when this process asks for it.
    case Watcher.Server.start_link(%{options | subscribe: [{self(), 1} | options.subscribe]}) do
      {:ok, watcher} -> {:ok, %__MODULE__{watcher: watcher, owner: owner}}
      {:error, error} -> {:stop, {:shutdown, error}}
    end
  end

  @impl true
  def handle_call(:next, _from, %{batch: [_ | _] = events} = state) do
    {:reply, {:ok, events}, more(%{state | batch: nil})}
  end

  def handle_call(:next, _from, %{failure: %Error{} = error} = state), do: {:reply, {:error, error}, state}
  def handle_call(:next, from, state), do: {:noreply, %{state | waiting: from}}

  @impl true
  def handle_info({:lookout, watcher, message}, %{watcher: watcher} = state),
    do: {:noreply, handle_message(message, state)}

  # The message {:stopped, reason} of the watcher came before, unless the watcher was killed.
  def handle_info({:EXIT, watcher, reason}, %{watcher: watcher} = state), do: {:noreply, failed(state, reason)}

  def handle_info({:DOWN, _ref, :process, owner, _reason}, %{owner: owner} = state), do: {:stop, :normal, state}

  def handle_info(other, state) do
    :logger.warning("Lookout.stream got a message that it does not know: #{inspect(other)}")
    {:noreply, state}
  end

  @doc "What logs show of its state."
  @impl Discreet
  def summary(%__MODULE__{} = state), do: Map.take(state, [:watcher, :owner, :failure])

  @impl true
  def terminate(_reason, state), do: SafeCall.stop(state.watcher, :infinity)

  # Drops batches that arrive after changes may have been missed.
  defp handle_message({:events, _seq, _events}, %{failure: %Error{}} = state), do: state
  defp handle_message({:events, _seq, events}, %{waiting: nil} = state), do: %{state | batch: events}

  defp handle_message({:events, _seq, events}, %{waiting: from} = state) do
    GenServer.reply(from, {:ok, events})
    more(%{state | waiting: nil})
  end

  defp handle_message({:notice, :restarted}, state) do
    detail = "lookout_port ended and was started again; changes may have been missed, so start the stream anew"
    failed(state, %Error{reason: :restarted, operation: :stream, detail: detail})
  end

  defp handle_message({:notice, :lagged}, state) do
    detail =
      "it was consumed too slowly for the other subscribers of its watcher and has missed changes; " <>
        "start it anew, with a longer :max_lag or without others"

    failed(state, %Error{reason: :lagging, operation: :stream, detail: detail})
  end

  defp handle_message({:notice, :ready}, state), do: state
  defp handle_message({:checkpoint, _cursor}, state), do: state

  # A stream cannot contain notices, so they are logged.
  defp handle_message({:notice, notice}, state) do
    :logger.warning("Lookout.stream: #{inspect(notice, binaries: :as_strings)}")
    state
  end

  defp handle_message({:stopped, reason}, state), do: failed(state, reason)

  defp failed(%{failure: %Error{}} = state, _reason), do: state

  defp failed(state, reason) do
    error = to_error(reason)
    if state.waiting, do: GenServer.reply(state.waiting, {:error, error})
    %{state | failure: error, waiting: nil}
  end

  # Asks for the next batch, unless the stream has failed. The error is returned after the batch before it was taken.
  defp more(%{failure: nil} = state) do
    SafeCall.call(state.watcher, {:ask, 1}, :infinity, :ask)
    state
  end

  defp more(state), do: state

  defp to_error(%Error{} = error), do: error

  defp to_error({:already_started, pid}) do
    %Error{reason: :already_started, operation: :stream, detail: "the name is taken by #{inspect(pid)}"}
  end

  defp to_error(reason) do
    %Error{reason: :stopped, operation: :stream, detail: "the watcher stopped: #{inspect(reason)}"}
  end
end
