defmodule Lookout.Watcher.Cursor do
  @moduledoc false
  # The directory of the snapshots of a watcher: which snapshot to go on from, which cursors may be committed, and which
  # files may be deleted. `Lookout.Watcher.State` holds it (`cursor`), and `Lookout.Watcher.Checkpoints` calls it, in the process
  # of the watcher. The checks of options call `cursor?/1`.
  #
  # `lookout_port` locks the directory and writes the files `snapshot-<cursor>`. The file `committed` holds the cursor of the last commit;
  # it is replaced by rename. A snapshot stays until a later one is committed: a subscriber may have stored its cursor and not
  # committed it yet.
  #
  # A call on a mount that hangs does not return. With :raw it blocks this process, without it the file server of the VM, and
  # so every process that uses the module File. mkdir, rename and the listing have no :raw; a call with :raw precedes each of them.

  alias Lookout.Error

  @type cursor :: binary
  @type t :: %__MODULE__{
          dir: binary,
          from: nil | cursor,
          prepared: [cursor],
          automatic: nil | pos_integer
        }

  @enforce_keys [:dir, :from]
  defstruct [
    :dir,
    # the cursor to go on from; nil: from nothing
    :from,
    # the cursors that can be committed, the latest first
    prepared: [],
    # the milliseconds between two automatic checkpoints
    automatic: nil
  ]

  # Automatic checkpoints pause while so many cursors wait for a commit.
  @most_prepared 16
  @committed "committed"
  @prefix "snapshot-"
  # `lookout_port` takes names of files of at most 200 bytes.
  @most_bytes 128

  @doc "Whether a term has the form of a cursor."
  @spec cursor?(term) :: boolean
  def cursor?(cursor) when is_binary(cursor) and byte_size(cursor) in 1..@most_bytes,
    do: cursor =~ ~r/\A[0-9]+-[0-9a-f]+\z/

  def cursor?(_other), do: false

  @doc "Creates the directory if it is missing, and finds out where to go on."
  @spec open({binary, :committed | nil | cursor}, nil | pos_integer) :: {:ok, t} | {:error, Error.t()}
  def open({dir, wanted}, automatic) do
    with :ok <- make(dir),
         {:ok, from} <- from(dir, wanted) do
      {:ok, %__MODULE__{dir: dir, from: from, prepared: List.wrap(from), automatic: automatic}}
    end
  end

  defp make(dir) do
    with false <- File.dir?(dir, [:raw]),
         :ok <- File.mkdir_p(dir),
         :ok <- File.chmod(dir, 0o700) do
      :ok
    else
      true -> :ok
      {:error, reason} -> {:error, error(reason, :open, dir, "the directory of cursors cannot be created")}
    end
  end

  defp from(dir, :committed) do
    path = Path.join(dir, @committed)

    case read(path) do
      {:ok, cursor} ->
        if cursor?(cursor),
          do: {:ok, cursor},
          else: {:error, error(:bad_snapshot, :load, path, "this file holds no cursor; " <> advice())}

      {:error, :enoent} ->
        {:ok, nil}

      {:error, :no_file} ->
        {:error, error(:bad_snapshot, :load, path, "this is no regular file; " <> advice())}

      {:error, reason} ->
        {:error, error(reason, :load, path, "the last commit cannot be read")}
    end
  end

  defp from(_dir, cursor), do: {:ok, cursor}

  # A cursor is shorter. An open of a FIFO would wait for its writer.
  defp read(path) do
    with {:ok, info} <- :file.read_link_info(path, [:raw]),
         %File.Stat{type: :regular} <- File.Stat.from_record(info),
         {:ok, file} <- :file.open(path, [:read, :raw, :binary]) do
      read = :file.read(file, 2 * @most_bytes)
      :file.close(file)
      if read == :eof, do: {:ok, ""}, else: read
    else
      %File.Stat{} -> {:error, :no_file}
      {:error, reason} -> {:error, reason}
    end
  end

  defp advice, do: "name a cursor with cursor: {path, cursor}, or start again with on_bad_cursor: :restart"

  @doc "The directory of a cursor that is lost: goes on from nothing."
  @spec restart(binary, nil | pos_integer) :: t
  def restart(dir, automatic), do: %__MODULE__{dir: dir, from: nil, automatic: automatic}

  @doc "The value of the option of a watch request."
  @spec start(t) :: {binary, nil | binary}
  def start(%__MODULE__{from: nil, dir: dir}), do: {dir, nil}
  def start(%__MODULE__{from: from, dir: dir}), do: {dir, file(from)}

  @doc "A cursor for the next snapshot, which will have about this number."
  @spec draw(non_neg_integer) :: cursor
  def draw(seq), do: "#{seq}-" <> Base.encode16(:rand.bytes(8), case: :lower)

  @doc "The name of the file of a cursor."
  @spec file(cursor) :: binary
  def file(cursor), do: @prefix <> cursor

  @doc "A snapshot was saved."
  @spec prepared(t, cursor) :: t
  def prepared(%__MODULE__{} = store, cursor), do: %{store | prepared: [cursor | store.prepared]}

  @doc "Whether an automatic checkpoint may be made."
  @spec automatic?(t) :: boolean
  def automatic?(%__MODULE__{} = store), do: length(store.prepared) < @most_prepared

  @doc """
  Makes a cursor the one from which the next start goes on, and deletes the snapshots before it, but not those that are being `saved`.
  """
  @spec commit(t, cursor, [cursor]) :: {:ok, t} | {:error, Error.t()}
  def commit(%__MODULE__{} = store, cursor, saved) do
    if cursor in store.prepared do
      with :ok <- write(store.dir, cursor) do
        later = Enum.take_while(store.prepared, &(&1 != cursor))
        kept = later ++ [cursor]
        delete_others(store.dir, saved ++ kept)
        {:ok, %{store | prepared: kept}}
      end
    else
      detail =
        "this watcher has no such cursor, or a later one was committed; commit one that Lookout.checkpoint/1 returned"

      {:error, error(:unknown_cursor, :commit, store.dir, detail)}
    end
  end

  @doc "Deletes all snapshots but the one to go on from and the last one that was committed."
  @spec clean(t) :: :ok
  def clean(%__MODULE__{dir: dir, from: from}) do
    with {:ok, committed} <- from(dir, :committed), do: delete_others(dir, Enum.reject([from, committed], &is_nil/1))
    :ok
  end

  defp write(dir, cursor) do
    path = Path.join(dir, @committed)
    made = path <> ".new"

    with :ok <- write_synced(made, cursor),
         :ok <- File.rename(made, path),
         :ok <- sync_directory(dir) do
      :ok
    else
      {:error, reason} ->
        :file.delete(made, [:raw])
        {:error, error(reason, :commit, path, "the commit cannot be written" <> what_to_do(reason))}
    end
  end

  defp what_to_do(:enospc), do: ": the file system is full; free some space on it and commit again"
  defp what_to_do(_reason), do: ": #{"let the user that runs Lookout write to the directory"}"

  defp write_synced(path, bytes) do
    # A link in the place of the file is not followed: the file is always a new one.
    :file.delete(path, [:raw])

    with {:ok, file} <- :file.open(path, [:write, :exclusive, :raw, :binary]) do
      written = with :ok <- :file.write(file, bytes), do: :file.sync(file)
      closed = :file.close(file)
      if written == :ok, do: closed, else: written
    end
  end

  defp sync_directory(dir) do
    case :file.open(dir, [:read, :raw, :directory]) do
      {:ok, file} ->
        :file.sync(file)
        :file.close(file)

      {:error, reason} ->
        {:error, reason}
    end
  end

  defp delete_others(dir, kept) do
    kept = MapSet.new(kept, &file/1)

    with {:ok, names} <- File.ls(dir) do
      for @prefix <> cursor = name <- names,
          cursor?(cursor),
          name not in kept,
          do: :file.delete(Path.join(dir, name), [:raw])
    end

    :ok
  end

  @doc "Whether a start that failed with this error may go on from nothing."
  @spec lost?(Error.t()) :: boolean
  def lost?(%Error{reason: reason}), do: reason in [:bad_snapshot, :newer_snapshot, :unknown_cursor]

  defp error(reason, operation, path, detail),
    do: %Error{reason: reason, operation: operation, path: path, detail: detail}
end
