defmodule Lookout.Command.Once do
  @moduledoc false
  # A command whose output the calling process takes piece by piece, without messages: run/2 and
  # stream/2.

  alias Lookout.Command.{Ending, Options, Server}
  alias Lookout.Error

  @doc "Runs it to its end."
  @spec run(Options.t()) :: {:ok, Collectable.t(), 0..255 | {:signal, atom, pos_integer}} | {:error, Error.t()}
  def run(%Options{} = options) do
    # Before the command is started: a collectable may fail.
    {acc, collector} = Collectable.into(options.into)

    case Server.start(%{options | active: :pull}) do
      {:ok, pid} ->
        collect(pid, deadline(options.timeout), options, acc, collector)

      {:error, error} ->
        collector.(acc, :halt)
        {:error, error}
    end
  end

  @doc "As a stream of its standard output; it runs from the first element on, no further than it is read."
  @spec stream((() -> {:ok, Options.t()} | {:error, Error.t()})) :: Enumerable.t()
  def stream(options), do: Stream.resource(fn -> start!(options.()) end, &take/1, &halt/1)

  defp start!({:ok, options}) do
    case Server.start(%{options | active: :pull, owner: self()}) do
      {:ok, pid} -> pid
      {:error, error} -> raise error
    end
  end

  defp start!({:error, error}), do: raise(error)

  defp take(pid) do
    case Server.next(pid, :infinity) do
      {:ok, {stream, bytes}} when stream in [:stdout, :stderr] -> {[bytes], pid}
      {:ok, {:exit, 0}} -> {:halt, pid}
      {:ok, {:exit, status}} -> raise failed(status)
      {:error, error} -> raise error
      {:raised, {kind, reason, stacktrace}} -> :erlang.raise(kind, reason, stacktrace)
    end
  end

  defp failed(status) do
    %Error{reason: :exit_status, operation: :stream, detail: "the command ended with #{inspect(Ending.status(status))}"}
  end

  defp collect(pid, deadline, options, acc, collector) do
    pull(pid, deadline, options, acc, collector)
  catch
    kind, reason ->
      halt(pid)
      collector.(acc, :halt)
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  defp pull(pid, deadline, options, acc, collector) do
    case Server.next(pid, left(deadline)) do
      {:ok, {stream, bytes}} when stream in [:stdout, :stderr] ->
        pull(pid, deadline, options, collector.(acc, {:cont, bytes}), collector)

      {:ok, {:exit, status}} ->
        {:ok, collector.(acc, :done), status}

      # The input did not come to its end; collect/5 ends what there is to end.
      {:raised, {kind, reason, stacktrace}} ->
        :erlang.raise(kind, reason, stacktrace)

      {:error, error} ->
        halt(pid)
        collector.(acc, :halt)
        {:error, told(error, options)}
    end
  end

  defp told(%Error{reason: :timeout} = error, options) do
    %{error | detail: "the command did not end within #{options.timeout} ms; it was ended, and its output is dropped"}
  end

  defp told(error, _options), do: error

  # The end of the process ends the whole tree of the command.
  defp halt(pid) do
    ref = Process.monitor(pid)
    GenServer.cast(pid, :halt)

    receive do
      {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
    end
  end

  defp deadline(:infinity), do: :infinity
  defp deadline(timeout), do: System.monotonic_time(:millisecond) + timeout

  defp left(:infinity), do: :infinity
  defp left(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)
end
