defmodule Lookout.Support.LogMetadata do
  @moduledoc false
  # Sets the logger metadata of the processes of Lookout. `Lookout.Telemetry` documents it. The metadata is in the process
  # dictionary. The servers call `put/3` at their start (a command through `Lookout.Command.Report`); their helper processes run a
  # function from `inherited/1`.

  @doc "Sets the metadata of the calling process."
  @spec put(:watcher | :command | :runner | :stream, nil | GenServer.name(), map) :: :ok
  def put(kind, name, more \\ %{}) do
    named = if name, do: %{lookout_name: name}, else: %{}
    :logger.set_process_metadata(%{lookout: kind} |> Map.merge(named) |> Map.merge(more))
  end

  @doc "Adds to the metadata of the calling process."
  @spec add(map) :: :ok
  def add(more), do: :logger.update_process_metadata(more)

  @doc "Wraps a function for another process, so that it runs with the metadata of the calling process."
  @spec inherited((() -> result)) :: (() -> result) when result: term
  def inherited(fun) do
    case :logger.get_process_metadata() do
      :undefined ->
        fun

      metadata ->
        fn ->
          :logger.set_process_metadata(metadata)
          fun.()
        end
    end
  end
end
