defmodule Lookout.FileSystem.Fallback do
  @moduledoc false
  # Uses the package file_system in place of Lookout, on an operating system on which Lookout does not work. It has no state;
  # `Lookout.FileSystem` calls it.

  alias Lookout.Support.Platform

  @compile {:no_warn_undefined, FileSystem}

  # The options that file_system takes. Others are dropped, since some of its backends log an error for an unknown
  # option.
  @own [:dirs, :name, :recursive, :interval, :latency, :no_defer, :watch_root]
  @own_backends [:fs_mac, :fs_inotify, :fs_windows, :fs_poll]

  @doc "Whether to use file_system: the operating system is not supported, and the package is loaded."
  @spec use?() :: boolean
  def use?, do: not Platform.supported?() and Code.ensure_loaded?(FileSystem)

  @spec start_link(term) :: GenServer.on_start()
  def start_link(options) do
    unless Keyword.keyword?(options) do
      raise ArgumentError, "Lookout.FileSystem: expected options such as [dirs: [\"lib\"]], got: #{inspect(options)}"
    end

    {taken, dropped} = options |> Enum.map(&convert/1) |> Enum.split_with(&taken?/1)
    warn(Keyword.keys(dropped) -- [:backend])
    FileSystem.start_link(taken)
  end

  @spec subscribe(GenServer.server()) :: :ok
  def subscribe(watcher), do: FileSystem.subscribe(watcher)

  defp convert({:backend, :poll}), do: {:backend, :fs_poll}
  defp convert({:poll_interval, interval}), do: {:interval, interval}
  defp convert(option), do: option

  defp taken?({:backend, backend}), do: backend in @own_backends
  defp taken?({key, _value}), do: key in @own

  defp warn([]), do: :ok

  defp warn(keys) do
    :logger.warning(
      "Lookout.FileSystem: file_system is used on #{Platform.name()}; options without effect: #{inspect(keys)}"
    )
  end
end
