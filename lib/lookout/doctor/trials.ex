defmodule Lookout.Doctor.Trials do
  @moduledoc false
  # Checks that can only be made by trying. Each starts `lookout_port`. It has no state; `Lookout.Doctor` calls it.

  alias Lookout.{Command, Error}
  alias Lookout.Port.{Bridge, Protocol}

  # Milliseconds.
  @hello 10_000
  @shutdown_timeout 1_000

  @doc "Starts `lookout_port` and returns the protocol and the version of its hello."
  @spec hello(binary) :: {:ok, integer, binary} | {:error, binary}
  def hello(path) do
    case Bridge.open(path) do
      {:ok, bridge} ->
        answer = await_hello(bridge.port)
        Bridge.shut_down(bridge, 1, @shutdown_timeout)
        answer

      {:error, error} ->
        {:error, error.detail}
    end
  end

  defp await_hello(port) do
    receive do
      {^port, {:data, payload}} -> hello_of(Protocol.decode(payload))
      {^port, {:exit_status, status}} -> {:error, "it ended with exit status #{status}"}
    after
      @hello -> {:error, "it did not answer within #{@hello} ms"}
    end
  end

  defp hello_of({:hello, protocol, version}), do: {:ok, protocol, version}
  defp hello_of({:fatal, error}), do: {:error, Exception.message(error)}
  defp hello_of(_other), do: {:error, "it answered with something else than its hello"}

  @doc "Starts a watcher with `backend: :fanotify`, and returns the hint source that it really uses."
  @spec fanotify(binary) :: {:ok, atom} | {:error, Error.t()}
  def fanotify(dir) do
    with {:ok, watcher} <- Lookout.start_link(dirs: [dir], recursive: false, backend: :fanotify) do
      info = Lookout.info(watcher)
      Lookout.stop(watcher)
      with {:ok, %{roots: roots}} <- info, do: {:ok, roots |> Map.values() |> List.first()}
    end
  end

  @doc "Starts a command and stops it. Returns its status, and whether it had its own cgroup (`:cgroup`) or not (`:proc`)."
  @spec command() :: {:ok, Command.status(), :cgroup | :proc} | {:error, Error.t()}
  def command do
    with {:ok, pid} <- Command.start_link(["/bin/sh", "-c", "read line"], stdin: :pipe, stderr: :null) do
      stats = Command.stats(pid)
      stopped = Command.stop(pid)

      with {:ok, %{cpu_from: from}} <- stats,
           :ok <- stopped,
           {:ok, status} <- Command.await(pid),
           do: {:ok, status, from}
    end
  end

  @doc "Whether a command can have all limits of the option `:cgroup`."
  @spec limits() :: :ok | {:error, Error.t()}
  def limits do
    limits = [memory_max: 268_435_456, cpu_max: 1, pids_max: 100]

    with {:ok, _output, _status} <- Command.run(["/bin/sh", "-c", ":"], cgroup: limits, stderr: :null), do: :ok
  end
end
