# indexer.exs ROOT CURSORS STORE: keeps an index of the files below ROOT, and is killed at any moment.
#
# The index and the cursor that belongs to it are one file, STORE, which is replaced by rename(2): a transaction. For each line "settle" on
# standard input it stores all that has changed before. It prints "ready", "stored" after each transaction, and "settled".
[root, cursors, store] = System.argv()

defmodule Indexer do
  use GenServer

  # files: path => content; nil for what is no file, :unread for a file that was gone when it was to be read.
  # indexed: content => how often an event had it read.
  defstruct cursor: nil, files: %{}, indexed: %{}

  @impl true
  def init({root, cursors, store}) do
    index = load(store)
    options = [dirs: root, cursor: {cursors, index.cursor}, checkpoint_every: 100]

    with {:ok, watcher} <- Lookout.start_link(options),
         {:ok, ^watcher} <- Lookout.subscribe(watcher, active: 8) do
      {:ok, %{watcher: watcher, store: store, index: index, waiting: []}}
    else
      {:error, error} -> {:stop, error}
    end
  end

  @impl true
  def handle_call(:watcher, _from, state), do: {:reply, state.watcher, state}

  def handle_call({:await, cursor}, _from, %{index: %{cursor: cursor}} = state), do: {:reply, :ok, state}
  def handle_call({:await, cursor}, from, state), do: {:noreply, %{state | waiting: [{from, cursor} | state.waiting]}}

  @impl true
  def handle_info({:lookout, watcher, {:events, _seq, events}}, %{watcher: watcher} = state) do
    :ok = Lookout.ask(watcher, 1)
    {:noreply, %{state | index: Enum.reduce(events, state.index, &apply_event/2)}}
  end

  def handle_info({:lookout, watcher, {:checkpoint, cursor}}, %{watcher: watcher} = state) do
    index = %{read_again(state.index) | cursor: cursor}
    transaction(state.store, index)
    IO.puts("stored")
    :ok = Lookout.commit(watcher, cursor)
    {done, waiting} = Enum.split_with(state.waiting, fn {_from, awaited} -> awaited == cursor end)
    for {from, _cursor} <- done, do: GenServer.reply(from, :ok)
    {:noreply, %{state | index: index, waiting: waiting}}
  end

  defp apply_event(%{change: change, type: :file, path: path}, index) when change in [:created, :modified] do
    read(index, path)
  end

  defp apply_event(%{change: :created, path: path}, index), do: put_in(index.files[path], nil)
  defp apply_event(%{change: :deleted, path: path}, index), do: %{index | files: Map.delete(index.files, path)}

  defp apply_event(%{change: :renamed, from: from, path: path}, index) do
    files =
      Map.new(Map.delete(index.files, path), fn
        {^from, content} -> {path, content}
        {old, content} -> {moved(old, from <> "/", path <> "/"), content}
      end)

    %{index | files: files}
  end

  defp apply_event(_event, index), do: index

  defp moved(path, from, to),
    do: if(String.starts_with?(path, from), do: to <> String.replace_prefix(path, from, ""), else: path)

  defp read(index, path) do
    case File.read(path) do
      {:ok, content} ->
        indexed = Map.update(index.indexed, content, 1, &(&1 + 1))
        %{index | files: Map.put(index.files, path, content), indexed: indexed}

      # It has been renamed or deleted since; the event of that follows.
      {:error, :enoent} ->
        put_in(index.files[path], :unread)
    end
  end

  defp read_again(index), do: for({path, :unread} <- index.files, reduce: index, do: (index -> read(index, path)))

  defp load(store) do
    case File.read(store) do
      {:ok, bytes} -> :erlang.binary_to_term(bytes)
      {:error, :enoent} -> %Indexer{}
    end
  end

  defp transaction(store, index) do
    {:ok, file} = :file.open(store <> ".new", [:write, :raw, :binary])
    :ok = :file.write(file, :erlang.term_to_binary(index))
    :ok = :file.sync(file)
    :ok = :file.close(file)
    File.rename!(store <> ".new", store)
  end
end

{:ok, _started} = Application.ensure_all_started(:lookout)
{:ok, indexer} = GenServer.start_link(Indexer, {root, cursors, store})
IO.puts("ready")

serve = fn serve ->
  with "settle\n" <- IO.gets("") do
    watcher = GenServer.call(indexer, :watcher)
    :ok = Lookout.sync(watcher, 60_000)
    {:ok, cursor} = Lookout.checkpoint(watcher)
    :ok = GenServer.call(indexer, {:await, cursor}, 60_000)
    IO.puts("settled")
    serve.(serve)
  end
end

serve.(serve)
