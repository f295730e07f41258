defmodule Lookout.Doctor.Trials do
  @moduledoc false
  # What can only be known by trying it: each starts `lookout_port`.

  alias Lookout.{Bridge, Command, Error, Protocol}

  # Milliseconds.
  @hello 10_000
  @farewell 1_000

  @doc "The protocol and the version that the program says it has."
  @spec hello(binary) :: {:ok, integer, binary} | {:error, binary}
  def hello(path) do
    case Bridge.open(path) do
      {:ok, bridge} ->
        answer = await_hello(bridge.port)
        Bridge.part(bridge, 1, @farewell)
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

  @doc "Where the hints of a watcher with `backend: :fanotify` come from."
  @spec fanotify(binary) :: {:ok, atom} | {:error, Error.t()}
  def fanotify(dir) do
    with {:ok, watcher} <- Lookout.start_link(dirs: [dir], recursive: false, backend: :fanotify) do
      info = Lookout.info(watcher)
      Lookout.stop(watcher)
      with {:ok, %{roots: roots}} <- info, do: {:ok, roots |> Map.values() |> List.first()}
    end
  end

  @doc "Starts a command and ends it: how it ended, and whether it had a cgroup of its own."
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

  @doc "Whether a command may have each of the limits of `:cgroup`."
  @spec limits() :: :ok | {:error, Error.t()}
  def limits do
    limits = [memory_max: 268_435_456, cpu_max: 1, pids_max: 100]

    with {:ok, _output, _status} <- Command.run(["/bin/sh", "-c", ":"], cgroup: limits, stderr: :null), do: :ok
  end
end
