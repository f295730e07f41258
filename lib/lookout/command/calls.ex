defmodule Lookout.Command.Calls do
  @moduledoc false
  # The client side of a command: each call returns its reply or an error, and never exits. It has no state. `Lookout.Command` and
  # the writer of `Lookout.Command.StdinFeeder` call it.

  alias Lookout.Error
  alias Lookout.Support.{SafeCall, Sealed}
  alias Lookout.Watcher.Options

  @spec call(GenServer.server(), term, timeout, atom) :: term
  def call(command, request, timeout, operation) do
    command |> SafeCall.call(request, timeout, operation) |> explained()
  end

  @spec write(GenServer.server(), binary, timeout) :: :ok | {:error, Error.t()}
  def write(command, bytes, timeout), do: call(command, {:write, sealed(command, bytes)}, timeout, :write)

  # Bytes to another node are not sealed: a sealed value is a function, which only a node with the same version of this
  # module can call.
  defp sealed(command, bytes), do: if(SafeCall.remote?(command), do: bytes, else: Sealed.seal(bytes))

  @spec close_stdin(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def close_stdin(command, timeout), do: call(command, :close_stdin, timeout, :close_stdin)

  # The server sends the exit message to the owner before it replies to any call, so an owner finds it in its mailbox.
  @spec await(GenServer.server(), timeout) :: {:ok, Lookout.Command.status()} | {:error, Error.t()}
  def await(command, timeout) do
    Options.timeout!(timeout)
    pid = GenServer.whereis(command)

    with :none <- taken(pid) do
      result = command |> SafeCall.wait(:await, timeout, :await) |> explained()
      with :none <- taken(pid), do: result
    end
  end

  defp taken(pid) do
    receive do
      {:lookout_command, ^pid, {:exit, status}} -> {:ok, status}
      {:lookout_command, ^pid, {:exit, status, _details}} -> {:ok, status}
      {:lookout_command, ^pid, {:error, error}} -> {:error, error}
    after
      0 -> :none
    end
  end

  # The process of a command ends with the command, so :noproc and :stopped mean that the command has exited.
  defp explained({:error, %Error{reason: reason} = error}) when reason in [:noproc, :stopped] do
    {:error, %{error | reason: :not_running, detail: "the command has exited, or was never started"}}
  end

  defp explained(result), do: result
end
