defmodule Lookout.Options do
  @moduledoc false
  # Checks the options of a watcher, in the calling process.

  alias Lookout.{Limits, Paths, Patterns}
  alias Lookout.Watcher.Cursor

  @patterns "a list of gitignore patterns: binaries of at most 4096 bytes without a NUL byte, at most 4096 of them, 1 MiB together"

  @changes [:created, :modified, :attributes, :deleted, :renamed]

  @expected [
    dirs: "a path or a list of paths",
    name: "an atom, {:global, term} or {:via, module, term}",
    recursive: "true or false",
    changes: "a list of #{@changes |> Enum.map_join(", ", &inspect/1)}, not empty",
    settle: "milliseconds from 0 to 3_600_000",
    max_settle: "milliseconds from 0 to 86_400_000",
    follow_symlinks: "true or false",
    await: ":close or {:close, longest} with milliseconds from 1 to 86_400_000",
    backend: ":auto, :inotify, :fanotify, :poll or :fswatch",
    poll_interval: "milliseconds from 10 to 3_600_000",
    gitignore: "true or false",
    ignore: @patterns,
    only: @patterns,
    initial: "true or false",
    missing: ":error or :wait",
    ready: ":wait or :async",
    max_lag: "milliseconds (0 or more) or :infinity",
    cursor: "a path, or {path, cursor} with a cursor of Lookout.checkpoint/1 or nil",
    on_bad_cursor: ":error or :restart",
    checkpoint_every: "milliseconds from 100 to 86_400_000",
    subscribe: "a list of pids of this node (others call Lookout.subscribe/2 with active: n)",
    node: "the name of a node, such as :\"watch@storage\"",
    session:
      "a name of 1 to 200 bytes, or {name, seq}, where seq is the number of the last batch (0 or more), nil, or a function that returns one",
    linger: "milliseconds from 0 to 4_294_967_295"
  ]

  @subscribe_expected [
    active: "true, :once or a count of batches (0 or more)",
    since: "the number of a batch (0 or more)"
  ]

  @list_expected [
    under: "a path",
    stat: "true or false",
    timeout: "milliseconds (0 or more) or :infinity"
  ]

  import Kernel, except: [node: 1]

  @type active :: :all | non_neg_integer

  @typedoc "The first element of the messages to subscribers. Not an option: `Lookout.FileSystem` sets it."
  @type tag :: :lookout | :file_event | :backend_file_event

  @type t :: %__MODULE__{
          dirs: [binary],
          name: nil | atom | {:global, term} | {:via, module, term},
          recursive: boolean,
          changes: [Lookout.Event.change(), ...],
          settle: 0..3_600_000,
          max_settle: nil | 0..86_400_000,
          follow_symlinks: boolean,
          await: false | 1..86_400_000,
          backend: :auto | :inotify | :fanotify | :poll | :fswatch,
          poll_interval: 10..3_600_000,
          gitignore: boolean,
          ignore: [binary],
          only: [binary],
          initial: boolean,
          missing: :error | :wait,
          ready: :wait | :async,
          max_lag: timeout,
          cursor: nil | {binary, :committed | nil | binary},
          on_bad_cursor: :error | :restart,
          checkpoint_every: nil | 100..86_400_000,
          subscribe: [{pid, active}],
          node: nil | node,
          session: nil | binary,
          position: nil | non_neg_integer,
          linger: 0..4_294_967_295,
          tag: tag,
          limits: Limits.t()
        }

  @enforce_keys [:dirs]
  defstruct [
    :dirs,
    name: nil,
    recursive: true,
    changes: @changes,
    settle: 0,
    # nil: a multiple of `settle`, which `lookout_port` computes
    max_settle: nil,
    follow_symlinks: false,
    await: false,
    backend: :auto,
    poll_interval: 1_000,
    gitignore: false,
    ignore: [],
    only: [],
    initial: false,
    missing: :error,
    ready: :wait,
    max_lag: 5_000,
    # the directory of the snapshots, and the cursor to go on from; nil: from nothing
    cursor: nil,
    on_bad_cursor: :error,
    checkpoint_every: nil,
    subscribe: [],
    # the node of its `lookout_port`; nil: a port program of this VM
    node: nil,
    # the name of the session there, the number of the last batch of it that was dealt with, and the milliseconds that it
    # outlives its owner
    session: nil,
    position: nil,
    linger: 300_000,
    tag: :lookout,
    limits: %Limits{}
  ]

  @doc "The options of `Lookout.start_link/1`: a path alone, a keyword list or an Erlang proplist."
  @spec parse!(term) :: t
  def parse!(path_or_options) do
    pairs = to_pairs(path_or_options)
    options = pairs |> check!(@expected, &value/2) |> remote!(pairs)

    unless Map.has_key?(options, :dirs) do
      bad!("option :dirs is missing; expected #{@expected[:dirs]}, got: #{inspect(path_or_options)}")
    end

    check_cursor!(options)
    struct!(__MODULE__, Map.new(options, &expand_patterns(&1, options.dirs)))
  end

  # What only a watcher with a node may have, and what it must not have.
  defp remote!(%{node: node} = options, pairs) do
    for dir <- given_dirs(pairs), not Paths.absolute?(dir) do
      bad!("option :dirs: expected absolute paths, since they are those of #{node}, got: #{inspect(dir)}")
    end

    if is_map_key(options, :linger) and not is_map_key(options, :session),
      do: bad!("option :linger is for a session with a name; give it one with :session")

    Map.merge(options, Map.get(options, :session, %{}))
  end

  defp remote!(options, _pairs) do
    for key <- [:session, :linger], is_map_key(options, key) do
      bad!(
        "option #{inspect(key)} is for a watcher with the option :node: a session is one of a lookout_port on a node"
      )
    end

    options
  end

  defp given_dirs(pairs) do
    case List.keyfind(pairs, :dirs, 0) do
      {:dirs, [first | _] = dirs} when not is_integer(first) -> dirs
      {:dirs, []} -> []
      {:dirs, dir} -> [dir]
      nil -> []
    end
  end

  @doc "The name of a node."
  @spec node(term) :: {:ok, node} | :error
  def node(node) do
    if is_atom(node) and Atom.to_string(node) =~ ~r/^[^@]+@[^@]+$/, do: {:ok, node}, else: :error
  end

  @doc """
  The name and the linger of the session on the node; nil for a session that ends with its owner. The name has a hash of what the stream
  depends on: a watcher with other directories or options does not resume the session.
  """
  @spec session(t) :: nil | {binary, non_neg_integer}
  def session(%__MODULE__{session: nil}), do: nil

  def session(%__MODULE__{session: name} = options) do
    {"#{name}/#{String.downcase(Base.encode16(<<fingerprint(options)::32>>))}", options.linger}
  end

  @shape ~w(recursive changes follow_symlinks await backend gitignore ignore only)a

  defp fingerprint(options) do
    :erlang.phash2({Enum.sort(options.dirs), for(key <- @shape, do: Map.fetch!(options, key))}, 4_294_967_296)
  end

  defp check_cursor!(%{cursor: _cursor, node: _node}) do
    bad!(
      "option :cursor cannot be combined with :node: a snapshot is written by lookout_port; use :session, which goes on too"
    )
  end

  # Without some changes the stream cannot be replayed, so there is nothing to go on with.
  defp check_cursor!(%{cursor: _cursor, changes: _changes}) do
    bad!("option :cursor cannot be combined with :changes; leave :changes out and pick the changes in the subscriber")
  end

  defp check_cursor!(%{cursor: _cursor}), do: :ok

  defp check_cursor!(options) do
    for key <- [:on_bad_cursor, :checkpoint_every], Map.has_key?(options, key) do
      bad!("option #{inspect(key)} needs the option :cursor")
    end

    :ok
  end

  # Replaces the patterns by the lines that `lookout_port` takes.
  defp expand_patterns({key, patterns}, dirs) when key in [:ignore, :only] do
    case Patterns.expand(key, patterns, dirs) do
      {:ok, lines} -> {key, lines}
      {:error, why} -> bad!("option #{inspect(key)}: #{why}")
    end
  end

  defp expand_patterns(option, _dirs), do: option

  @doc "The option `:name`; the other options may be invalid."
  @spec name(term) :: term
  def name(path_or_options) do
    case List.keyfind(to_pairs(path_or_options), :name, 0) do
      {:name, name} -> name
      nil -> nil
    end
  end

  @add_expected [missing: @expected[:missing], timeout: @list_expected[:timeout]]

  @doc "The options of `Lookout.add/3`, or a timeout alone. `:missing` is nil if not given: the option of the watcher applies."
  @spec parse_add!(term) :: {nil | :error | :wait, timeout}
  def parse_add!(options) when is_list(options) do
    options = options |> to_pairs() |> check!(@add_expected, &value/2)
    {options[:missing], Map.get(options, :timeout, 60_000)}
  end

  def parse_add!(timeout), do: {nil, timeout!(timeout)}

  @doc "The options of `Lookout.subscribe/2`: how many batches to send, `:all` for no limit, and after which batch; nil: those to come."
  @spec parse_subscribe!(term) :: {active, nil | non_neg_integer}
  def parse_subscribe!(options) do
    options = options |> to_pairs() |> check!(@subscribe_expected, &value/2)
    {Map.get(options, :active, :all), options[:since]}
  end

  @doc "A cursor of `Lookout.commit/2`."
  @spec cursor!(term) :: binary
  def cursor!(cursor) do
    if Cursor.cursor?(cursor),
      do: cursor,
      else: bad!("expected a cursor of Lookout.checkpoint/1, got: #{inspect(cursor)}")
  end

  @doc "The options of `Lookout.list/2`: those of the request, and the timeout."
  @spec parse_list!(term) :: {[under: binary, stat: boolean], timeout}
  def parse_list!(options) do
    {timeout, request} = options |> to_pairs() |> check!(@list_expected, &value/2) |> Map.pop(:timeout, 60_000)

    {Map.to_list(request), timeout}
  end

  @doc "A path of `Lookout.add/3` or `Lookout.remove/3`."
  @spec path!(term) :: binary
  def path!(path) do
    case Paths.expand(path) do
      {:ok, path} -> path
      :error -> bad!("expected a path, got: #{inspect(path)}")
    end
  end

  @spec timeout!(term) :: timeout
  def timeout!(timeout) do
    case value(:timeout, timeout) do
      {:ok, timeout} -> timeout
      :error -> bad!("timeout: expected #{@list_expected[:timeout]}, got: #{inspect(timeout)}")
    end
  end

  defp to_pairs(path) when is_binary(path), do: [dirs: path]

  defp to_pairs(list) when is_list(list) do
    cond do
      Paths.charlist?(list) -> [dirs: list]
      List.improper?(list) -> not_options!(list)
      true -> Enum.map(list, &(to_pair(&1) || not_options!(list)))
    end
  end

  defp to_pairs(other), do: not_options!(other)

  defp to_pair({key, value}) when is_atom(key), do: {key, value}
  # In an Erlang proplist an atom is short for {atom, true}.
  defp to_pair(key) when is_atom(key), do: {key, true}
  defp to_pair(_other), do: nil

  @spec not_options!(term) :: no_return
  defp not_options!(other) do
    bad!("expected a path or options such as [dirs: [\"lib\"]], got: #{inspect(other)}")
  end

  # If an option is given twice, the first one counts, as in Keyword.
  defp check!(pairs, expected, value) do
    for {key, given} <- Enum.reverse(pairs), into: %{} do
      known = expected[key] || unknown!(key, given, expected)

      case value.(key, given) do
        {:ok, checked} -> {key, checked}
        :error -> bad!("option #{inspect(key)}: expected #{known}, got: #{inspect(given)}")
      end
    end
  end

  @spec unknown!(atom, term, keyword) :: no_return
  defp unknown!(key, given, expected) do
    known = expected |> Keyword.keys() |> Enum.map_join(", ", &inspect/1)
    bad!("unknown option #{inspect(key)} (#{inspect(given)}); expected one of #{known}")
  end

  defp value(key, value) when key in [:recursive, :initial, :stat, :follow_symlinks, :gitignore] and is_boolean(value),
    do: {:ok, value}

  defp value(:max_settle, ms) when is_integer(ms) and ms in 0..86_400_000, do: {:ok, ms}
  defp value(:settle, ms) when is_integer(ms) and ms in 0..3_600_000, do: {:ok, ms}
  defp value(:await, :close), do: {:ok, 600_000}
  defp value(:await, {:close, ms}) when is_integer(ms) and ms in 1..86_400_000, do: {:ok, ms}
  defp value(:backend, backend) when backend in [:auto, :inotify, :fanotify, :poll, :fswatch], do: {:ok, backend}
  defp value(:poll_interval, ms) when is_integer(ms) and ms in 10..3_600_000, do: {:ok, ms}
  defp value(:missing, missing) when missing in [:error, :wait], do: {:ok, missing}
  defp value(:ready, ready) when ready in [:wait, :async], do: {:ok, ready}
  defp value(key, :infinity) when key in [:max_lag, :timeout], do: {:ok, :infinity}
  defp value(key, ms) when key in [:max_lag, :timeout] and is_integer(ms) and ms >= 0, do: {:ok, ms}
  defp value(:name, {:global, _} = name), do: {:ok, name}
  defp value(:name, {:via, module, _} = name) when is_atom(module), do: {:ok, name}
  defp value(:name, name) when is_atom(name) and name not in [true, false, :undefined], do: {:ok, name}

  defp value(:node, node), do: node(node)
  defp value(:linger, ms) when is_integer(ms) and ms in 0..4_294_967_295, do: {:ok, ms}
  defp value(:session, {name, seq}) when is_function(seq, 0), do: value(:session, {name, seq.()})

  defp value(:session, {name, seq}) when is_binary(name) and byte_size(name) in 1..200 do
    if is_nil(seq) or (is_integer(seq) and seq >= 0), do: {:ok, %{session: name, position: seq}}, else: :error
  end

  defp value(:session, name) when is_binary(name), do: value(:session, {name, nil})
  defp value(:active, true), do: {:ok, :all}
  defp value(:active, :once), do: {:ok, 1}
  defp value(:active, n) when is_integer(n) and n >= 0, do: {:ok, n}
  defp value(:since, seq) when is_integer(seq) and seq >= 0, do: {:ok, seq}
  defp value(:on_bad_cursor, what) when what in [:error, :restart], do: {:ok, what}
  defp value(:checkpoint_every, ms) when is_integer(ms) and ms in 100..86_400_000, do: {:ok, ms}
  defp value(:cursor, {path, cursor}), do: cursor(path, cursor, is_nil(cursor) or Cursor.cursor?(cursor))
  defp value(:cursor, path), do: cursor(path, :committed, true)
  defp value(:under, path), do: Paths.expand(path)
  defp value(:dirs, dirs), do: dirs(dirs)

  defp value(key, patterns) when key in [:ignore, :only] and is_list(patterns) do
    if patterns?(patterns), do: {:ok, patterns}, else: :error
  end

  defp value(:changes, [_ | _] = changes) do
    if List.improper?(changes) == false and Enum.all?(changes, &(&1 in @changes)),
      do: {:ok, changes},
      else: :error
  end

  defp value(:subscribe, pids) when is_list(pids) do
    if List.improper?(pids) == false and Enum.all?(pids, &(is_pid(&1) and Kernel.node(&1) == node())) do
      {:ok, pids |> Enum.uniq() |> Enum.map(&{&1, :all})}
    else
      :error
    end
  end

  defp value(_key, _value), do: :error

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

  @spec bad!(binary) :: no_return
  defp bad!(message), do: raise(ArgumentError, "Lookout: " <> message)
end
