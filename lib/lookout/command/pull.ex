defmodule Lookout.Command.Pull do
  @moduledoc false
  # run/2 and stream/2: the calling process pulls the output of a command piece by piece with GenServer calls, not as
  # messages. `Lookout.Command` calls it; what it collects is in variables of the calling process.

  alias Lookout.Error
  alias Lookout.Command.{Item, Options, Server, Tail}

  @type status :: 0..255 | {:signal, atom, pos_integer} | :timeout

  @doc "Runs a command until it exits or its `:timeout` passes."
  @spec run(Options.t()) ::
          {:ok, Collectable.t() | %{stdout: Collectable.t(), stderr: binary}, status} | {:error, Error.t()}
  def run(%Options{} = options) do
    # Called before the command is started, since the collectable may raise.
    {acc, collector} = Collectable.into(options.into)

    case Server.start(%{options | active: :pull}) do
      {:ok, pid} ->
        collect(pid, options, acc, collector)

      # The start itself took longer than :timeout.
      {:error, %Error{reason: :timeout}} ->
        {:ok, output(collector.(acc, :done), [], options), :timeout}

      {:error, error} ->
        collector.(acc, :halt)
        {:error, error}
    end
  end

  @doc "The output of a command as a stream. The command is started when the enumeration starts, and is ended with it."
  @spec stream((() -> {:ok, Options.t()} | {:error, Error.t()})) :: Enumerable.t()
  def stream(options),
    do: Stream.resource(fn -> start!(options.()) end, &take/1, fn {pid, _options, _tail} -> halt(pid) end)

  defp start!({:ok, options}) do
    case Server.start(%{options | active: :pull, owner: self()}) do
      {:ok, pid} -> {pid, Map.take(options, [:argv, :gather, :exit_status]), ""}
      {:error, error} -> raise error
    end
  end

  defp start!({:error, error}), do: raise(error)

  defp take({_pid, :over, _tail} = state), do: {:halt, state}

  defp take({pid, options, tail} = state) do
    case Server.next(pid) do
      {:ok, {:stderr, bytes}} when options.gather != nil ->
        {element(:stderr, bytes, options), {pid, options, Tail.add(tail, bytes)}}

      {:ok, {stream, bytes}} when stream in [:stdout, :stderr] ->
        {element(stream, bytes, options), state}

      {:ok, {:exit, status}} when options.exit_status ->
        {[{:exit, Item.status(status)}], {pid, :over, tail}}

      {:ok, {:exit, 0}} ->
        {:halt, state}

      {:ok, {:exit, status}} ->
        raise failed(Item.status(status), options, tail)

      {:error, error} ->
        raise error

      {:raised, {kind, reason, stacktrace}} ->
        :erlang.raise(kind, reason, stacktrace)
    end
  end

  defp element(stream, bytes, %{gather: :tagged}), do: [{stream, bytes}]
  defp element(:stderr, _bytes, %{gather: :separate}), do: []
  defp element(_stream, bytes, _options), do: [bytes]

  defp failed(status, options, tail) do
    %Error{
      reason: :exit_status,
      operation: :stream,
      detail: "the command #{inspect(hd(options.argv))} ended with #{inspect(status)}",
      status: status,
      stderr: if(options.gather, do: tail)
    }
  end

  defp collect(pid, options, acc, collector) do
    pull(pid, options, {acc, []}, collector)
  catch
    kind, reason ->
      halt(pid)
      collector.(acc, :halt)
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  defp pull(pid, options, {acc, errors}, collector) do
    case Server.next(pid) do
      {:ok, {:stderr, bytes}} when options.gather == :separate ->
        pull(pid, options, {acc, [errors | bytes]}, collector)

      {:ok, {stream, bytes}} when stream in [:stdout, :stderr] ->
        pull(pid, options, {collector.(acc, {:cont, bytes}), errors}, collector)

      {:ok, {:exit, status}} ->
        {:ok, output(collector.(acc, :done), errors, options), status}

      # The enumeration of the input failed. The `catch` of collect/4 ends the command.
      {:raised, {kind, reason, stacktrace}} ->
        :erlang.raise(kind, reason, stacktrace)

      {:error, %Error{reason: :timeout}} ->
        halt(pid)
        {:ok, output(collector.(acc, :done), errors, options), :timeout}

      {:error, error} ->
        halt(pid)
        collector.(acc, :halt)
        {:error, error}
    end
  end

  defp output(output, errors, %{gather: :separate}), do: %{stdout: output, stderr: IO.iodata_to_binary(errors)}
  defp output(output, _errors, _options), do: output

  # Stops the GenServer of the command, which first ends the whole tree, and waits for that.
  defp halt(pid) do
    ref = Process.monitor(pid)
    GenServer.cast(pid, :halt)

    receive do
      {:DOWN, ^ref, :process, ^pid, _reason} -> :ok
    end
  end
end
