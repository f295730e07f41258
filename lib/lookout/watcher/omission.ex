defmodule Lookout.Watcher.Omission do
  @moduledoc false
  # The notices that are omitted when too many bytes of notices wait, and the notice `:omitted` that replaces them.
  # `lookout_port` does the same (c_src/watch/batcher.cpp). Pure. `Lookout.Watcher.SubscriberQueue` holds two of them (`omitted`,
  # `withheld`) and is the only caller.

  @typedoc "A directory, and the number of omitted notices about it and about entries below it."
  @type t :: {dir :: binary, count :: pos_integer}

  # What a notice takes beside its path; and the longest directory that is named.
  @cost 64
  @longest 4096

  @doc "Returns the bytes of a notice; nil if it must not be omitted: it is about a watched directory itself, or the watcher."
  @spec size(term) :: nil | pos_integer
  def size({kind, path, _detail}) when kind in [:unreadable, :watch_limit, :polled, :unwatched, :omitted],
    do: byte_size(path) + @cost

  def size(_notice), do: nil

  @doc "Adds an omitted notice; of a notice `:omitted`, adds the notices that it replaces."
  @spec add(nil | t, tuple) :: t
  def add(omitted, {:omitted, path, count}), do: add(omitted, path, count)
  def add(omitted, {_kind, path, _detail}), do: add(omitted, path, 1)

  defp add(nil, path, count), do: add({path, 0}, path, count)
  defp add({dir, earlier}, path, count), do: {common(dir, path), earlier + count}

  @spec notice(t) :: Lookout.notice()
  def notice({dir, count}), do: {:omitted, dir, count}

  # The last short directory on the path `dir` that `path` is at or below, too.
  defp common(dir, path) do
    size = :binary.longest_common_prefix([dir, path])

    if size <= @longest and ends?(dir, size) and ends?(path, size),
      do: :binary.copy(binary_part(dir, 0, size)),
      else: parent(dir, min(size, @longest + 1) - 1)
  end

  defp ends?(path, size), do: byte_size(path) == size or :binary.at(path, size) == ?/

  # The directory that ends at the last slash up to this position.
  defp parent(_dir, last) when last <= 0, do: "/"

  defp parent(dir, last),
    do: if(:binary.at(dir, last) == ?/, do: :binary.copy(binary_part(dir, 0, last)), else: parent(dir, last - 1))
end
