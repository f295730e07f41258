defmodule Lookout.Watcher.Options.Values do
  @moduledoc false
  # Checks the values of the options of a watcher, one by one. It has no state. `Lookout.Watcher.Options` calls it;
  # `Lookout.Command.Options.Values` calls `node/1`.

  import Kernel, except: [node: 1]

  alias Lookout.Support.Paths
  alias Lookout.Watcher.Cursor

  @changes [:created, :modified, :attributes, :deleted, :renamed]

  @doc "The kinds of changes."
  @spec changes() :: [Lookout.Event.change(), ...]
  def changes, do: @changes

  @doc "The name of a node."
  @spec node(term) :: {:ok, node} | :error
  def node(node) do
    if is_atom(node) and Atom.to_string(node) =~ ~r/^[^@]+@[^@]+$/, do: {:ok, node}, else: :error
  end

  @doc "The checked value of an option; of `:session`, the options that it stands for."
  @spec check(atom, term) :: {:ok, term} | :error
  def check(key, value) when key in [:recursive, :initial, :stat, :follow_symlinks, :gitignore] and is_boolean(value),
    do: {:ok, value}

  def check(:max_settle, ms) when is_integer(ms) and ms in 0..86_400_000, do: {:ok, ms}
  def check(:settle, ms) when is_integer(ms) and ms in 0..3_600_000, do: {:ok, ms}
  def check(:await, :close), do: {:ok, 600_000}
  def check(:await, {:close, ms}) when is_integer(ms) and ms in 1..86_400_000, do: {:ok, ms}
  def check(:backend, backend) when backend in [:auto, :inotify, :fanotify, :poll, :fswatch], do: {:ok, backend}
  def check(:poll_interval, ms) when is_integer(ms) and ms in 10..3_600_000, do: {:ok, ms}
  def check(:missing, missing) when missing in [:error, :wait], do: {:ok, missing}
  def check(:ready, ready) when ready in [:wait, :async], do: {:ok, ready}
  def check(key, :infinity) when key in [:max_lag, :timeout], do: {:ok, :infinity}
  def check(key, ms) when key in [:max_lag, :timeout] and is_integer(ms) and ms >= 0, do: {:ok, ms}
  def check(:name, {:global, _} = name), do: {:ok, name}
  def check(:name, {:via, module, _} = name) when is_atom(module), do: {:ok, name}
  def check(:name, name) when is_atom(name) and name not in [true, false, :undefined], do: {:ok, name}

  def check(:node, node), do: node(node)
  def check(:linger, ms) when is_integer(ms) and ms in 0..4_294_967_295, do: {:ok, ms}
  def check(:session, {name, seq}) when is_function(seq, 0), do: check(:session, {name, seq.()})

  def check(:session, {name, seq}) when is_binary(name) and byte_size(name) in 1..200 do
    if is_nil(seq) or (is_integer(seq) and seq >= 0), do: {:ok, %{session: name, position: seq}}, else: :error
  end

  def check(:session, name) when is_binary(name), do: check(:session, {name, nil})
  def check(:active, true), do: {:ok, :all}
  def check(:active, :once), do: {:ok, 1}
  def check(:active, n) when is_integer(n) and n >= 0, do: {:ok, n}
  def check(:since, seq) when is_integer(seq) and seq >= 0, do: {:ok, seq}
  def check(:on_bad_cursor, what) when what in [:error, :restart], do: {:ok, what}
  def check(:checkpoint_every, ms) when is_integer(ms) and ms in 100..86_400_000, do: {:ok, ms}
  def check(:cursor, {path, cursor}), do: cursor(path, cursor, is_nil(cursor) or Cursor.cursor?(cursor))
  def check(:cursor, path), do: cursor(path, :committed, true)
  def check(:under, path), do: Paths.expand(path)
  def check(:dirs, dirs), do: dirs(dirs)

  def check(key, patterns) when key in [:ignore, :only] and is_list(patterns) do
    if patterns?(patterns), do: {:ok, patterns}, else: :error
  end

  def check(:changes, [_ | _] = changes) do
    if List.improper?(changes) == false and Enum.all?(changes, &(&1 in @changes)),
      do: {:ok, changes},
      else: :error
  end

  def check(:subscribe, pids) when is_list(pids) do
    if List.improper?(pids) == false and Enum.all?(pids, &(is_pid(&1) and Kernel.node(&1) == node())) do
      {:ok, pids |> Enum.uniq() |> Enum.map(&{&1, :all})}
    else
      :error
    end
  end

  def check(_key, _value), do: :error

  defp cursor(path, cursor, true) do
    with {:ok, dir} <- Paths.expand(path), do: {:ok, {dir, cursor}}
  end

  defp cursor(_path, _cursor, false), do: :error

  defp patterns?(patterns) do
    List.improper?(patterns) == false and length(patterns) <= 4096 and Enum.all?(patterns, &pattern?/1) and
      IO.iodata_length(patterns) <= 1_048_576
  end

  defp pattern?(pattern) do
    is_binary(pattern) and byte_size(pattern) <= 4096 and :binary.match(pattern, <<0>>) == :nomatch
  end

  defp dirs(path) when is_binary(path), do: dirs([path])

  defp dirs(list) when is_list(list) do
    cond do
      Paths.charlist?(list) -> dirs([IO.chardata_to_string(list)])
      List.improper?(list) -> :error
      true -> expand_all(Enum.map(list, &Paths.expand/1))
    end
  rescue
    UnicodeConversionError -> :error
  end

  defp dirs(_other), do: :error

  defp expand_all(expanded) do
    if :error in expanded, do: :error, else: {:ok, expanded |> Keyword.values() |> Enum.uniq()}
  end
end
