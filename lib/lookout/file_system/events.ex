defmodule Lookout.FileSystem.Events do
  @moduledoc false
  # Converts the messages of a watcher to those of the package file_system. Pure. `Lookout.Watcher.Delivery` calls it.

  alias Lookout.Event

  @type file_event :: {binary, [Lookout.FileSystem.event(), ...]} | :stop

  @doc "The messages to send for a message of a watcher. Logs a notice that reports a loss, since file_system has no message for it."
  @spec of({:events, pos_integer, [Event.t()]} | {:notice, term} | {:checkpoint, binary} | {:stopped, term}) :: [
          file_event
        ]
  def of({:events, _seq, events}), do: Enum.flat_map(events, &file_events/1)

  def of({:notice, notice}) do
    if text = warning(notice), do: :logger.warning("Lookout.FileSystem: #{text}")
    []
  end

  def of({:checkpoint, _cursor}), do: []

  # As in file_system, a worker that its supervisor shuts down sends no :stop.
  def of({:stopped, :shutdown}), do: []
  def of({:stopped, {:shutdown, _reason}}), do: []
  def of({:stopped, _reason}), do: [:stop]

  defp file_events(%Event{change: :renamed} = event),
    do: [marked(event, event.from, [:moved_from]), marked(event, event.path, [:moved_to])]

  defp file_events(%Event{} = event), do: for(atoms <- atoms(event), do: marked(event, event.path, atoms))

  defp atoms(%Event{change: :created, type: :file}), do: [[:created], [:modified], [:modified, :closed]]
  defp atoms(%Event{change: :created}), do: [[:created]]
  defp atoms(%Event{change: :modified, type: :directory}), do: [[:modified]]
  defp atoms(%Event{change: :modified}), do: [[:modified], [:modified, :closed]]
  defp atoms(%Event{change: :attributes}), do: [[:attribute]]
  defp atoms(%Event{change: :deleted}), do: [[:deleted]]

  defp marked(%Event{type: :directory}, path, atoms), do: {path, atoms ++ [:isdir]}
  defp marked(_event, path, atoms), do: {path, atoms}

  defp warning({:root_deleted, dir}), do: "#{shown(dir)} does not exist; it is watched when it appears"
  defp warning({:unreadable, dir, reason}), do: "#{shown(dir)} cannot be read (#{reason}); its changes are not reported"

  defp warning({:unwatched, dir, type}),
    do: "#{shown(dir)} is on a pseudo file system (#{type}); its changes are not reported"

  defp warning({:omitted, dir, count}),
    do: "#{count} more entries at or below #{shown(dir)} cannot be read or watched; changes of some are not reported"

  defp warning(:restarted), do: "lookout_port was restarted; what changed meanwhile is not reported"
  defp warning({:away, node}), do: "the connection to #{node} is lost; changes are reported when it is back"
  defp warning(:lagged), do: "a subscriber did not read its messages and has missed changes"
  # The other notices report no loss.
  defp warning(_notice), do: nil

  defp shown(path), do: inspect(path, binaries: :as_strings)
end
