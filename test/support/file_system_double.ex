defmodule FileSystem.Backend do
  @moduledoc false
  # As strict as `FileSystem.Backend` of the package file_system, up to release 1.1.1: the check of a backend module has the value of
  # the last test for a function, which must match `{:ok, module}`.

  def backend(module) do
    functions = module.__info__(:functions)

    wanted = [start_link: 1, bootstrap: 0, supported_systems: 0]
    legal = Enum.reduce(wanted, true, fn function, legal -> legal && function in functions end)

    with {:ok, module} <- legal || {:error, :illegal_backend},
         true <- :os.type() in module.supported_systems() || {:error, :unsupported_system},
         :ok <- module.bootstrap() do
      {:ok, module}
    else
      {:error, reason} -> {:error, reason}
    end
  end
end

defmodule Lookout.FileSystemDouble do
  @moduledoc false
  # What the package file_system does, for the tests of the routes that replace a part of it: its worker with a backend, and its
  # port on inotifywait.

  defmodule Worker do
    @moduledoc false
    use GenServer

    def start_link(options) do
      {named, options} = Keyword.split(options, [:name])
      GenServer.start_link(__MODULE__, options, named)
    end

    def subscribe(worker), do: GenServer.call(worker, :subscribe)

    @doc "The pid of the backend. What it sent before is with the subscribers then."
    def backend(worker), do: GenServer.call(worker, :backend)

    @impl true
    def init(options) do
      {backend, options} = Keyword.pop(options, :backend)

      with {:ok, backend} <- FileSystem.Backend.backend(backend),
           {:ok, pid} <- backend.start_link([{:worker_pid, self()} | options]) do
        {:ok, {pid, []}}
      else
        reason ->
          :logger.warning("no worker: #{inspect(reason)}")
          :ignore
      end
    end

    @impl true
    def handle_call(:subscribe, {pid, _tag}, {backend, pids}), do: {:reply, :ok, {backend, [pid | pids]}}
    def handle_call(:backend, _from, {backend, _pids} = state), do: {:reply, backend, state}

    @impl true
    def handle_info({:backend_file_event, backend, event}, {backend, pids} = state) do
      for pid <- pids, do: send(pid, {:file_event, self(), event})
      {:noreply, state}
    end

    def handle_info(_other, state), do: {:noreply, state}
  end

  @events ~w(modify close_write moved_to moved_from create delete attrib)

  @doc "The port that file_system's backend for inotify opens, with the setting `executable_file`."
  def open(executable_file, dirs) do
    script = "#{executable_file} \"$0\" \"$@\" & PID=$!; read a; kill -KILL $PID"
    events = Enum.flat_map(@events, &["-e", &1])
    arguments = ["-c", script] ++ events ++ ["--format", "%w\x01%e\x01%f", "--quiet", "-m", "-r"] ++ dirs
    Port.open({:spawn_executable, "/bin/sh"}, [:binary, :stream, :exit_status, {:line, 16_384}, args: arguments])
  end

  @doc "A line as its parser takes it. No other number of fields is expected there."
  def parse(line) do
    {path, words} =
      case String.split(line, <<1>>, trim: true) do
        [dir, words, name] -> {Path.join(dir, name), words}
        [path, words] -> {path, words}
      end

    {path, words |> String.split(",") |> Enum.map(&atom/1)}
  end

  defp atom("CREATE"), do: :created
  defp atom("MODIFY"), do: :modified
  defp atom("CLOSE_WRITE"), do: :modified
  defp atom("CLOSE"), do: :closed
  defp atom("DELETE"), do: :deleted
  defp atom("MOVED_FROM"), do: :moved_from
  defp atom("MOVED_TO"), do: :moved_to
  defp atom("ATTRIB"), do: :attribute
  defp atom("ISDIR"), do: :isdir
end
