defmodule Lookout do
  @external_resource documentation = Path.join(__DIR__, "lookout.md")
  @moduledoc File.read!(documentation)

  alias Lookout.{Entry, Error, Event, Watcher}
  alias Lookout.Support.{Platform, SafeCall}
  alias Lookout.Watcher.{Options, StreamServer}

  @typedoc "A watcher: its pid or its name."
  @type watcher :: GenServer.server()

  @typedoc "A path: a binary of raw bytes, or a charlist, as in Erlang. `~` is expanded."
  @type path :: binary | charlist

  @typedoc "An option of `start_link/1`, of a child specification and of `stream/1`."
  @type option ::
          {:dirs, path | [path]}
          | {:name, GenServer.name()}
          | {:recursive, boolean}
          | {:changes, [Event.change(), ...]}
          | {:settle, 0..3_600_000}
          | {:max_settle, 0..86_400_000}
          | {:follow_symlinks, boolean}
          | {:await, :close | {:close, 1..86_400_000}}
          | {:backend, :auto | :inotify | :fanotify | :poll | :fswatch}
          | {:poll_interval, 10..3_600_000}
          | {:gitignore, boolean}
          | {:ignore, [binary]}
          | {:only, [binary]}
          | {:initial, boolean}
          | {:missing, :error | :wait}
          | {:ready, :wait | :async}
          | {:max_lag, timeout}
          | {:cursor, path | {path, nil | binary}}
          | {:on_bad_cursor, :error | :restart}
          | {:checkpoint_every, 100..86_400_000}
          | {:subscribe, [pid]}
          | {:node, node}
          | {:session, binary | {binary, nil | seq | (() -> nil | seq)}}
          | {:linger, 0..4_294_967_295}

  @typedoc "The number of a batch."
  @type seq :: non_neg_integer

  @typedoc "A notice, see \"Messages\" above."
  @type notice ::
          {:overflow, binary}
          | {:unreadable, binary, atom}
          | {:watch_limit, binary, :poll}
          | {:polled, binary, atom}
          | {:unwatched, binary, atom}
          | {:omitted, binary, pos_integer}
          | {:root_deleted | :root_created, binary}
          | :ready
          | :restarted
          | :lagged
          | {:away, node}
          | {:cursor_lost, :bad_snapshot | :newer_snapshot | :unknown_cursor}

  @typedoc "A message to a subscriber."
  @type message ::
          {:lookout, pid,
           {:events, pos_integer, [Event.t(), ...]} | {:notice, notice} | {:checkpoint, binary} | {:stopped, term}}

  @doc """
  Starts a watcher, linked to the caller, and returns when its watches are live: no change after it is missed.

      iex> {:ok, watcher} = Lookout.start_link(dirs: ["lib"], ignore: ["*.tmp"])
      iex> Lookout.dirs(watcher) == {:ok, [Path.expand("lib")]}
      true
      iex> {:error, error} = Lookout.start_link("no such directory")
      iex> error.reason
      :enoent

  Takes a path, or options:

    * `:dirs` - a path or a list of paths: directories, or single files. They are made absolute; a path given twice counts once. A single
      file may be a symbolic link, as in a Kubernetes ConfigMap: its target is reported under the given path, and reported as `:modified`
      when a link among its path components is switched. With an empty list the watcher waits for `add/3`
    * `:name` - as for `GenServer.start_link/3`
    * `:recursive` - with `false`, only the direct entries of the directories; default `true`
    * `:changes` - a list of the kinds of changes to report, such as `[:created, :renamed]`. The others are dropped, so the reported ones
      cannot be replayed any more. By default all are reported
    * `:settle` - milliseconds of quiet before changes are reported; default 0. They are reported when no watched and visible entry has
      changed for that time, so one busy path delays the others; ignored entries do not delay them
    * `:max_settle` - the most milliseconds that the first change waits for that quiet; default 20 times `:settle`
    * `:follow_symlinks` - with `true`, a symbolic link to a directory is reported as that directory, with its entries. A directory that is
      already reported under another path is not reported again, and a link to it stays a `:symlink`. A link to a file is always reported as
      the link. Default `false`. Links beyond a limit are not followed (see the notice `:unreadable`)
    * `:await` - with `:close`, an event of a file waits until no process has the file open for writing or mapped writable, for at most ten
      minutes; with `{:close, ms}` for at most that time. Where the kernel does not report whether there are writers (files of another user,
      without the capability CAP_LEASE; some file systems), it waits until one of them closes the file
    * `:backend` - how changes are detected:
      * `:auto` (default) - inotify, where the kernel sees every change; fanotify, where the watches are used up and the privileges suffice;
        polling, with a `:polled` notice, on network, 9p and FUSE mounts, which others may change unseen by this kernel. Pseudo file systems
        (`proc`, `sysfs`, `cgroup` and the like) that are mounted below a watched directory are left out, with an `:unwatched` notice; one
        that is itself a watched directory is polled. The other backends treat pseudo file systems like any other
      * `:inotify` - events of the kernel for each directory
      * `:fanotify` - events of the kernel for whole file systems. It has no limit of watches, and needs CAP_SYS_ADMIN and Linux 5.17. A file
        system that cannot be marked gets inotify
      * `:poll` - a scan of everything every `:poll_interval`. It works on any file system
      * `:fswatch` - polling, and between two scans the paths that the installed program `fswatch` prints, so that `:poll_interval` may be
        long. When `fswatch` ends, a `:polled` notice reports that, and it is started again
    * `:poll_interval` - milliseconds between two scans of what is polled; default 1,000
    * `:gitignore` - leave out what git ignores, and `.git` itself; default `false`
    * `:ignore` - patterns of entries that are not reported, see "Patterns"; an ignored directory is not scanned and costs nothing
    * `:only` - patterns of the only entries that are reported, apart from directories
    * `:initial` - report existing entries as `:created` first. They wait for the first subscriber; default `false`
    * `:missing` - with `:wait`, a directory (or file) that does not exist, or cannot be read, is no error: a `{:root_deleted, dir}` notice is
      sent (and `:unreadable` if that is the cause), and `{:root_created, dir}` when it appears, followed by its entries as `:created`. For a
      supervised watcher whose directory may be missing at a restart. A directory that is deleted while the watcher is running is awaited in
      either case. Default `:error`
    * `:ready` - with `:async`, return at once; a `:ready` notice follows, or the watcher stops. Default `:wait`
    * `:max_lag` - the most milliseconds that a slow subscriber may hold up others, or `:infinity`; default 5,000
    * `:cursor` - a directory for snapshots, outside the watched directories; it is created if it is missing, and locked as long as the
      watcher lives. The watcher continues from the last commit (`commit/2`) and reports what has changed since, so that changes made while
      nobody was running are in the stream. `{path, cursor}` continues from exactly this cursor of `checkpoint/2`, or from nothing if it is
      `nil`. From nothing everything is reported as `:created`. What is to be reported waits for the first subscriber, as with `:initial`, and
      `seq` continues. With a cursor a watcher whose `lookout_port` ends stops with the error of that, and its supervisor starts it again
      from the last commit. Cannot be combined with `:changes` or `:node`
    * `:on_bad_cursor` - what to do if the snapshot is damaged, missing or of a later version. With `:restart`, a notice
      `{:cursor_lost, reason}` and everything as `:created`; default `:error`
    * `:checkpoint_every` - milliseconds after a change until a checkpoint is made, as by `checkpoint/2`. While 16 cursors wait for a commit
      there is none
    * `:subscribe` - processes of this node that are subscribers (`active: true`) from the start
    * `:node` - the name of a `lookout_port --node`, on whose machine the directories are; `:dirs` are absolute paths there. With
      `ready: :async` a node that cannot be reached at the start is waited for
    * `:session` - with `:node`, a name: the node keeps the session for `:linger` milliseconds when the connection is lost, or the watcher ends
      (not by `stop/2` or with the reason `:normal`), merges changes meanwhile, and a watcher with the same name, directories and options
      resumes it: the same watcher after the last batch that it got; another one after the batch `seq` with `{name, seq}`, where `seq` may be
      a function that is called at each start. What follows that batch waits for the first subscriber. Where it cannot be resumed, a new
      session begins: the watcher that had one, or named a batch, reports `:restarted`. `seq` goes on from one session of a name to the next, by
      more than 1 after `:restarted`. A session that has a watcher gives the error `:in_use`
    * `:linger` - milliseconds; default 300,000

  FIFOs, sockets and devices, also as `:dirs`, are reported with the type `:other`, and never opened. A directory that cannot be watched
  returns `{:error, %Lookout.Error{}}`; the caller survives even if it does not trap exits.
  """
  @spec start_link(path | [option]) ::
          {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(path_or_options),
    do: with({:ok, options} <- Options.parse(path_or_options), do: Watcher.Server.start_link(options))

  @doc """
  A child specification; its id is the `:name`, or `Lookout`.

      iex> children = [{Lookout, dirs: ["lib"], name: MyApp.Watcher}]
      iex> {:ok, _supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      iex> Lookout.dirs(MyApp.Watcher) == {:ok, [Path.expand("lib")]}
      true
  """
  @spec child_spec(path | [option]) :: Supervisor.child_spec()
  def child_spec(path_or_options) do
    %{
      id: Options.name(path_or_options) || __MODULE__,
      start: {__MODULE__, :start_link, [path_or_options]},
      type: :worker,
      modules: [Watcher.Server]
    }
  end

  @doc """
  Makes the caller a subscriber. Returns the pid that the messages contain.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> {:ok, ^watcher} = Lookout.subscribe(watcher)
      iex> File.mkdir!("lib/web")
      iex> receive do
      ...>   {:lookout, ^watcher, {:events, 1, [event]}} -> {event.change, event.type, Path.relative_to_cwd(event.path)}
      ...> end
      {:created, :directory, "lib/web"}

  With `active: true` (default) batches are sent without `ask/2`; this is only for processes on the node of the watcher. With `active: n`
  and `active: :once` at most `n` batches, or one, are sent; `ask/2` allows more. A subscriber that calls again gets nothing twice: the new
  options replace the old ones. The watcher monitors the subscriber, and removes the subscription when it ends.

  A subscription ends with the watcher. A subscriber of another node monitors the pid that this returns, see "Subscribers of another node".

  With `since: seq` the caller, which has handled every batch up to `seq`, first gets the batches after that one, at once and whatever
  `:active` is. The watcher keeps about 1 MiB of recent batches. If one of them is missing, the error is `:too_old`. Notices are not repeated.
  The number is one of a batch from this watcher, the pid that its messages carry: a watcher that was started again numbers other batches.
  """
  @spec subscribe(watcher, active: true | :once | non_neg_integer, since: non_neg_integer) ::
          {:ok, pid} | {:error, Error.t()}
  def subscribe(watcher, options \\ []) do
    case Options.parse_subscribe!(options) do
      {active, nil} -> SafeCall.call(watcher, {:subscribe, active}, 5_000, :subscribe)
      {active, since} -> SafeCall.call(watcher, {:subscribe, active, since}, 5_000, :subscribe)
    end
  end

  @doc """
  Ends the subscription of the caller, if there is one. Messages that are already in its mailbox stay there.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> {:ok, ^watcher} = Lookout.subscribe(watcher)
      iex> Lookout.unsubscribe(watcher)
      :ok
  """
  @spec unsubscribe(watcher) :: :ok | {:error, Error.t()}
  def unsubscribe(watcher), do: SafeCall.call(watcher, :unsubscribe, 5_000, :unsubscribe)

  @doc """
  Allows the caller, a subscriber with `active: n` or `:once`, `n` more batches. Notices are not counted, but they are sent only while
  more batches are allowed.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)
      iex> File.mkdir!("lib/web")
      iex> :ok = Lookout.ask(watcher, 1)
      iex> receive do
      ...>   {:lookout, ^watcher, {:events, 1, [%Lookout.Event{change: change}]}} -> change
      ...> end
      :created
  """
  @spec ask(watcher, pos_integer) :: :ok | {:error, Error.t()}
  def ask(watcher, n) when is_integer(n) and n > 0, do: SafeCall.call(watcher, {:ask, n}, 5_000, :ask)

  def ask(_watcher, other) do
    raise ArgumentError, "Lookout: ask: expected a count of batches (1 or more), got: #{inspect(other)}"
  end

  @doc """
  Returns `:ok` once every change made before the call is in the mailbox of every subscriber. Does not wait for `:settle`.

  A caller that is a subscriber gets all of these changes, even beyond the count that it asked for. If another subscriber holds the sync
  up, the error is `:lagging`, and names it. It is left behind after `:max_lag`, which the default timeout exceeds; shorter ones add up.

      iex> {:ok, watcher} = Lookout.start_link(dirs: ["lib"], subscribe: [self()])
      iex> File.mkdir!("lib/web")
      iex> :ok = Lookout.sync(watcher)
      iex> {:messages, [{:lookout, ^watcher, {:events, 1, [event]}}]} = Process.info(self(), :messages)
      iex> event.change
      :created
  """
  @spec sync(watcher, timeout) :: :ok | {:error, Error.t()}
  def sync(watcher, timeout \\ 10_000), do: SafeCall.call(watcher, :sync, timeout, :sync)

  @doc """
  Lists the tree as of batch `seq`, parents before their children, without the watched directories themselves.

    * `:under` - only the entries below this directory
    * `:stat` - with `true`, also size, mtime and mode; default `false`
    * `:timeout` - milliseconds or `:infinity`; default 60,000

  For example:

      iex> File.write!("lib/a.ex", "hello")
      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> {:ok, 0, [entry]} = Lookout.list(watcher, stat: true)
      iex> {Path.relative_to_cwd(entry.path), entry.type, entry.size}
      {"lib/a.ex", :file, 5}
  """
  @spec list(watcher, under: path, stat: boolean, timeout: timeout) ::
          {:ok, non_neg_integer, [Entry.t()]} | {:error, Error.t()}
  def list(watcher, options \\ []), do: SafeCall.list(watcher, options)

  @doc """
  Watches one more directory (or file), with the options of the watcher. Returns when the watch is live; its entries are reported as
  `:created`. Succeeds without effect if the path is already watched. An add that has timed out is undone.

    * `:missing` - as for `start_link/1`; default: the option of the watcher
    * `:timeout` - milliseconds or `:infinity`; default 60,000. It may be given alone, in place of the options

  The path is one on the node of the watcher. If that is another node, a relative path or `~` raises `ArgumentError`, here and in
  `remove/3` and `list/2`.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> File.mkdir!("test")
      iex> :ok = Lookout.add(watcher, "test")
      iex> Lookout.dirs(watcher) == {:ok, [Path.expand("lib"), Path.expand("test")]}
      true
  """
  @spec add(watcher, path, timeout | [missing: :error | :wait, timeout: timeout]) :: :ok | {:error, Error.t()}
  def add(watcher, dir, options \\ []) do
    {missing, timeout} = Options.parse_add!(options)

    with {:ok, path} <- SafeCall.path(watcher, dir, :add),
         do: SafeCall.call(watcher, {:add, path, missing}, timeout, :add)
  end

  @doc """
  Stops watching a directory; its entries are reported as `:deleted`.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> :ok = Lookout.remove(watcher, "lib")
      iex> Lookout.dirs(watcher)
      {:ok, []}
  """
  @spec remove(watcher, path, timeout) :: :ok | {:error, Error.t()}
  def remove(watcher, dir, timeout \\ 5_000) do
    with {:ok, path} <- SafeCall.path(watcher, dir, :remove),
         do: SafeCall.call(watcher, {:remove, path}, timeout, :remove)
  end

  @doc """
  The absolute paths of the watched directories, in the order in which they were given.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> Lookout.dirs(watcher) == {:ok, [Path.expand("lib")]}
      true
  """
  @spec dirs(watcher) :: {:ok, [binary]} | {:error, Error.t()}
  def dirs(watcher), do: SafeCall.call(watcher, :dirs, 5_000, :dirs)

  @doc """
  Statistics. Of the watcher: `:seq`, `:dirs`, `:subscribers`, `:held` (batches that wait for a subscriber), `:restarts`, `:node`, `:cursor`
  (from which it has gone on; `nil`: from nothing, or without that option). Of its `lookout_port`: `:os_pid` (`nil` on a `:node`),
  `:version`, `:memory` (resident bytes), `:credit` (batches it may send), `:directories`, `:files`, `:watches` (of directories and of files
  that are mount points), `:polled` (those of them that are polled), `:roots` (a map of each path to its hint source: `:inotify`,
  `:fanotify`, `:poll`, `:fswatch`, or `nil`), `:batches`, `:events`, `:overflows`, `:rescans`, `:dirty` (entries that
  are still to be checked).

      iex> File.write!("lib/a.ex", "")
      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> {:ok, %{directories: 1, files: 1, restarts: 0}} = Lookout.info(watcher)
  """
  @spec info(watcher, timeout) :: {:ok, map} | {:error, Error.t()}
  def info(watcher, timeout \\ 5_000), do: SafeCall.call(watcher, :info, timeout, :info)

  @doc """
  Stops the watcher and its `lookout_port`. Subscribers get `{:stopped, :normal}`. After the error `:timeout` it still stops.

      iex> {:ok, watcher} = Lookout.start_link("lib")
      iex> Lookout.stop(watcher)
      :ok
      iex> {:error, error} = Lookout.stop(watcher)
      iex> error.reason
      :noproc
  """
  @spec stop(watcher, timeout) :: :ok | {:error, Error.t()}
  def stop(watcher, timeout \\ 5_000), do: SafeCall.stop(watcher, timeout)

  @doc """
  A stream of `%Lookout.Event{}` from its own watcher, which is started when the enumeration starts and stopped with it.

      Lookout.stream("lib") |> Stream.filter(&(&1.change == :modified)) |> Enum.take(1)

      iex> File.write!("lib/a.ex", "")
      iex> [event] = Lookout.stream(dirs: ["lib"], initial: true) |> Enum.take(1)
      iex> {event.change, Path.basename(event.path)}
      {:created, "a.ex"}

  Takes the arguments of `start_link/1`. Runs no faster than it is consumed. Raises `Lookout.Error` if the directory cannot be watched, and
  if changes may have been missed: because `lookout_port` had to be restarted (`:restarted`), or because the stream was consumed too slowly
  for other subscribers of its watcher (`:lagging`; see `:max_lag`). Other notices are logged.
  """
  @spec stream(path | [option]) :: Enumerable.t()
  def stream(path_or_options), do: path_or_options |> Options.parse!() |> StreamServer.new()

  @doc """
  Saves what has been reported up to now, and returns the cursor of that point. Needs the option `:cursor`.

  Every subscriber gets `{:lookout, pid, {:checkpoint, cursor}}` at that point of the stream: all batches before it are in the snapshot,
  none after it. A subscriber that gets it stores the cursor together with its own state, in one transaction if it has them, and then calls
  `commit/2`. A watcher that is started with this cursor continues after that point.

      {:ok, cursor} = Lookout.checkpoint(watcher)

  The checkpoint waits for a time without changes, or half a second later for the end of the work at hand. That may need credit: a
  subscriber that calls it while many batches wait for it gets `:timeout`; let another process call it, or use `:checkpoint_every`. Changes are reported again when the snapshot is on the
  disk. Errors: `:no_cursor`, `:enospc` and other errnos of writing, `:timeout` (the checkpoint may still be made).
  """
  @spec checkpoint(watcher, timeout) :: {:ok, binary} | {:error, Error.t()}
  def checkpoint(watcher, timeout \\ 60_000), do: SafeCall.call(watcher, :checkpoint, timeout, :checkpoint)

  @doc """
  Makes a cursor the one from which the next start with `cursor: path` continues, and deletes the snapshots before it.

      receive do
        {:lookout, ^watcher, {:checkpoint, cursor}} ->
          :ok = MyApp.Index.store(state, cursor)
          :ok = Lookout.commit(watcher, cursor)
      end

  Call it after the cursor is stored. One commit counts for all subscribers: with several, commit what the slowest has stored. Errors:
  `:lagging` if a subscriber has not got its message of the checkpoint yet, or there is none, `:unknown_cursor` for one that this watcher has
  not made, or from before the last commit, `:no_cursor`, and errnos of writing.
  """
  @spec commit(watcher, binary) :: :ok | {:error, Error.t()}
  def commit(watcher, cursor), do: SafeCall.call(watcher, {:commit, Options.cursor!(cursor)}, 30_000, :commit)

  @doc """
  The path of `lookout_port`, for programs that call `Port.open/2` themselves (`docs/protocol.md` documents its protocol).

      iex> Path.basename(Lookout.port_path())
      "lookout_port"
  """
  @spec port_path() :: binary
  def port_path, do: Lookout.Port.Bridge.default_path()

  @doc """
  Whether Lookout works on this operating system, which is Linux. On others each start returns the error `:unsupported_system`.

      iex> Lookout.supported?() == (:os.type() == {:unix, :linux})
      true
  """
  @spec supported?() :: boolean
  def supported?, do: Platform.supported?()
end
