defmodule Lookout.Watcher.Options do
  @moduledoc false
  # Checks the options of a watcher, in the calling process. `Lookout`, `Lookout.Support.SafeCall`, `Lookout.FileSystem`,
  # `Lookout.Runner.Options` and `Lookout.Console` call it; `Lookout.Watcher.State` holds the result (`options`).

  alias Lookout.{Error, Patterns}
  alias Lookout.Port.Tuning
  alias Lookout.Support.Paths
  alias Lookout.Watcher.Cursor
  alias Lookout.Watcher.Options.Values

  @patterns "a list of gitignore patterns: binaries of at most 4096 bytes without a NUL byte, at most 4096 of them, 1 MiB together"

  @changes Values.changes()

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
          limits: Tuning.t()
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
    # the name of the session on that node; the number of the last batch that the subscriber has processed (`position`);
    # and for how many milliseconds the session is kept after the loss of its owner (`linger`)
    session: nil,
    position: nil,
    linger: 300_000,
    tag: :lookout,
    limits: %Tuning{}
  ]

  @doc "As `parse!/1`. Raises on invalid options, and returns the error of a relative path if the working directory is gone."
  @spec parse(term) :: {:ok, t} | {:error, Error.t()}
  def parse(path_or_options) do
    {:ok, parse!(path_or_options)}
  rescue
    error in Error -> {:error, error}
  end

  @doc "The options of `Lookout.start_link/1`: a path alone, a keyword list or an Erlang proplist."
  @spec parse!(term) :: t
  def parse!(path_or_options) do
    pairs = to_pairs(path_or_options)
    options = pairs |> check!(@expected, &Values.check/2) |> remote!(pairs)

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
    options = options |> to_pairs() |> check!(@add_expected, &Values.check/2)
    {options[:missing], Map.get(options, :timeout, 60_000)}
  end

  def parse_add!(timeout), do: {nil, timeout!(timeout)}

  @doc "The options of `Lookout.subscribe/2`: how many batches to send, `:all` for no limit, and after which batch; nil: those to come."
  @spec parse_subscribe!(term) :: {active, nil | non_neg_integer}
  def parse_subscribe!(options) do
    options = options |> to_pairs() |> check!(@subscribe_expected, &Values.check/2)
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
    {timeout, request} = options |> to_pairs() |> check!(@list_expected, &Values.check/2) |> Map.pop(:timeout, 60_000)

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
  def timeout!(:infinity), do: :infinity
  def timeout!(ms) when is_integer(ms) and ms >= 0, do: ms
  def timeout!(other), do: bad!("timeout: expected #{@list_expected[:timeout]}, got: #{inspect(other)}")

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

  @spec bad!(binary) :: no_return
  defp bad!(message), do: raise(ArgumentError, "Lookout: " <> message)
end
