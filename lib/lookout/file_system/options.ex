defmodule Lookout.FileSystem.Options do
  @moduledoc false
  # Converts the options of file_system to those of a watcher. It has no state; `Lookout.FileSystem` calls it.

  alias Lookout.Error
  alias Lookout.Support.Paths
  alias Lookout.Watcher.Options

  # Options of other backends of file_system, which have no equivalent here.
  @without_effect [:latency, :no_defer, :watch_root]

  @unsupported [:fs_mac, :fs_windows]

  # The limit of the mailbox, in messages. One change is up to three messages and a batch up to 256 changes, so the
  # limit is lower than for other subscribers.
  @mailbox 8

  @doc """
  Returns `:ignore`, with a warning in the log, where file_system does not start either. Other invalid options raise `ArgumentError`.
  Returns an error for a relative path if the working directory is gone.
  """
  @spec parse(keyword) :: {:ok, Options.t()} | :ignore | {:error, Error.t()}
  def parse(options) do
    cond do
      not Keyword.keyword?(options) ->
        raise ArgumentError, "Lookout.FileSystem: expected options such as [dirs: [\"lib\"]], got: #{inspect(options)}"

      options[:dirs] == nil ->
        ignore("the option :dirs is missing")

      options[:backend] in @unsupported ->
        ignore("the backend #{inspect(options[:backend])} is for another operating system; leave out :backend")

      true ->
        {:ok, limited(Options.parse!(converted(options)))}
    end
  rescue
    error in Error -> {:error, error}
  end

  defp ignore(why) do
    :logger.warning("Lookout.FileSystem does not start: #{why}")
    :ignore
  end

  defp limited(%Options{limits: limits} = options), do: %{options | limits: %{limits | mailbox: @mailbox}}

  defp converted(options) do
    options
    |> Keyword.drop(@without_effect)
    |> Enum.flat_map(&convert/1)
    |> Keyword.put_new(:missing, :wait)
  end

  defp convert({:dirs, dirs}), do: [dirs: absolute(dirs)]
  defp convert({:backend, backend}) when backend in [nil, :fs_inotify, Lookout.FileSystemBackend], do: []
  defp convert({:backend, :fs_poll}), do: [backend: :poll]
  defp convert({:interval, interval}), do: [poll_interval: interval]
  defp convert(option), do: [option]

  # Makes paths absolute without expanding `~`, which has no special meaning to file_system.
  defp absolute(dirs) when is_list(dirs) do
    if dirs != [] and Paths.charlist?(dirs), do: absolute_path(dirs), else: Enum.map(dirs, &absolute_path/1)
  end

  defp absolute(dirs), do: absolute_path(dirs)

  defp absolute_path(path) when is_binary(path) or is_list(path) do
    if Paths.absolute?(path), do: Path.absname(path, "/"), else: Path.absname(path, Paths.cwd!())
  end

  defp absolute_path(other), do: other
end
