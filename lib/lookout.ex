defmodule Lookout do
  @moduledoc """
  Watches directories, natively, and sends what changes as terms.

      {:ok, watcher} = Lookout.start_link("lib")
      {:ok, ^watcher} = Lookout.subscribe(watcher)

      receive do
        {:lookout, ^watcher, {:events, _seq, events}} -> IO.inspect(events)
      end

  or under a supervisor, `{Lookout, dirs: ["lib", "priv"], name: MyApp.Watcher}`. From Erlang it is `'Elixir.Lookout':start_link("lib")`;
  paths may be charlists, options proplists.

  ## Messages

  A subscriber gets

    * `{:lookout, pid, {:events, seq, [%Lookout.Event{}, ...]}}` - a batch of changes, never empty; `seq` grows by 1
    * `{:lookout, pid, {:notice, notice}}` - in its place between the batches
    * `{:lookout, pid, {:stopped, reason}}` - the last one (unless the watcher was killed: monitor it to hear of that)

  where `pid` is the watcher's. A notice is one of

    * `{:overflow, dir}` - the kernel dropped events; a rescan has found the differences, and they are in the stream
    * `{:unreadable, dir, reason}` - what is in the directory is not known until it can be read; `:etimedout` says that the mount it is
      on does not answer
    * `{:watch_limit, dir, :poll}` - the kernel gives no more watches; the directory is looked at in intervals
    * `{:polled, dir, file_system}` - this file system (`:nfs`, `:fuse`, ...) may be changed unseen by the kernel; from the directory
      down it is looked at in intervals. With `:fswatch` in its place: that program has ended, and until it prints again only intervals serve
    * `{:unwatched, dir, file_system}` - a pseudo file system (`:proc`, `:sysfs`, ...) is mounted at this entry, below a watched directory;
      nothing below the entry is reported. Watch it as a directory of its own, or with `backend: :poll`, where that is wanted
    * `{:root_deleted, dir}`, `{:root_created, dir}` - a watched directory is gone (its entries were reported as `:deleted` before) or,
      with `missing: :wait`, did not exist at the start; and it exists again (its entries follow as `:created`). A process that subscribes
      while a directory is missing gets the first one then
    * `:ready` - the watches are live (only with `ready: :async`, once for each subscriber)
    * `:restarted` - the native program ended and was replaced
    * `:lagged` - the subscriber was too slow for others and has missed batches

  After `:restarted` and `:lagged` a new epoch begins: what happened between is not told. Call `list/2` again.

  ## A mirror of the tree

  `list/2` and then every batch whose `seq` is greater than the listing's, applied in order, give the tree on disk, without a look
  at it: a `:created` path does not exist before and its parent does, a `:deleted` one is empty, `:renamed` moves all
  below `from` to `path` (and replaces a file that stood there). A watched directory itself is no entry.

  ## What is told at all

  `:ignore` and `:only` take patterns of gitignore(5), each as a line of a `.gitignore` file that stands in each of the watched directories:

      Lookout.start_link(dirs: ["."], ignore: ["node_modules/", "*.o", "!kept.o", "/build"], only: ["*.{ex,eex}", "/config/"])

  Patterns are thus relative to each watched directory: with `dirs: ["lib"]` write `"*.ex"` for any depth, or `"/web/*.ex"`, not `"lib/*.ex"`.

  `{a,b}` expands to one pattern with `a` and one with `b` in its place, as in bash: alternatives may be nested or empty (`"lib{,_test}"`), and `\\{`,
  `\\,` and `\\}` are the characters themselves. `{}` and `{a}`, without a comma, and a brace that is not closed stay as they are, and so does a
  brace in a set (`[{}]`); there are no sequences (`{1..3}`). Of one list come at most 4,096 patterns. In `.gitignore` files braces
  are what they are to git: plain characters.

  A pattern that can match nothing raises `ArgumentError`, with the pattern to write instead: one with a component that is empty, `.` or
  `..`, as `"./lib/*.ex"`, `"../lib"` and `"a//b"`; an absolute one that begins with a watched directory, as `"/srv/app/lib/*.ex"` with `dirs:
  ["/srv/app"]` (for the same path again below the directory, leave out the first slash: `"srv/app/lib/*.ex"`); an empty one, a comment, a lone
  `!`, several lines in one; one with a bracket that is not closed, an unknown class or a backslash at its end. So does a list for `:only` with nothing but
  exceptions.

  Of several that match the last decides, `!` makes an exception, and nothing below an ignored directory can be taken back. With `:only`
  what is no directory is told where a pattern matches it, or a directory above it; directories are told all the same. A
  watched directory (or single file) itself is never left out.

  With `gitignore: true` what git ignores is left out too: by the `.gitignore` files in the watched directories and above them up to
  the top of the repository, and in a repository by its `info/exclude` and by `core.excludesFile`. A change of a `.gitignore` in
  a watched directory counts at once: what it hides is told as `:deleted`, what it shows as `:created`. The other files are read
  when their directory is, and what a `.git` that is a symbolic link leads to when that link changes; of the configuration `include` is not followed. `:ignore` wins over all of them.

  `{:unreadable, file, reason}` reports a file that does not count: one that cannot be read; `:efbig` one of more than 64 KiB or 4,096 patterns, or one
  beyond the limits of all files of the watcher (docs/guarantees.md, P7); `:exdev` a link that leads out of the repository. `{:unreadable, git, :untrusted}` reports a `.git` that
  belongs, or leads to a directory that belongs, neither to the user that runs the watcher nor to root: as with git, nothing but the `.gitignore` files of that
  repository counts until `safe.directory` in the configuration of this user lists its work tree (`git config --global --add safe.directory /srv/app`, or `*` for all).

  What is left out is to a subscriber as if it did not exist, and the rest can be replayed as it is: a rename out of sight is `:deleted`,
  one into sight `:created`, or `:modified` where it replaces a file that was told. Below two nested directories the patterns of the
  outer one count; where it leaves out the inner one, that one tells for itself, with its own.

  ## Slow subscribers

  Nobody's mailbox is flooded: with `active: true` at most some 64 batches are waiting in it, with `active: n` at most `n`. Meanwhile
  changes are merged natively. The slowest subscriber sets the pace for all for at most `:max_lag` ms, even if it takes a message now
  and then; then it is left behind until its mailbox is empty but for a few messages (8), or until it asks again, and is told `:lagged`.
  A sole subscriber is never left behind.

  ## Errors

  Every call ends in its result or in `{:error, %Lookout.Error{}}`, never in an exit: a watcher that does not exist is `:noproc`, one
  that does not answer in time `:timeout`, one of a node that cannot be reached `:nodedown`. After `:timeout` the call has had no effect and will have none
  (`remove/3` and `stop/2` may still be carried out). Options and arguments that make no sense raise `ArgumentError`.

  ## Other systems

  Lookout works on Linux. On macOS, BSD and Windows it compiles, without its native part, and each `start_link` of its modules returns the error
  `:unsupported_system`. For an application that also runs there:

      children = if Lookout.supported?(), do: [{Lookout, dirs: ["lib"], name: MyApp.Watcher}], else: []

  `Lookout.FileSystem` uses the package `file_system` there.
  """

  alias Lookout.{Bridge, Client, Entry, Error, Event, EventStream, Options, Platform, Watcher}

  @typedoc "A watcher: its pid or its name."
  @type watcher :: GenServer.server()

  @typedoc "A path: raw bytes, or characters as Erlang writes them. `~` is expanded."
  @type path :: binary | charlist

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
          | {:subscribe, [pid]}

  @type notice ::
          {:overflow, binary}
          | {:unreadable, binary, atom}
          | {:watch_limit, binary, :poll}
          | {:polled, binary, atom}
          | {:unwatched, binary, atom}
          | {:root_deleted, binary}
          | {:root_created, binary}
          | :ready
          | :restarted
          | :lagged

  @typedoc "What a subscriber is sent."
  @type message ::
          {:lookout, pid, {:events, pos_integer, [Event.t(), ...]} | {:notice, notice} | {:stopped, term}}

  @doc """
  Starts a watcher, linked to the caller, and returns when its watches are live: no change after it is missed.

  Takes a path, or options:

    * `:dirs` - a path or a list of them: directories, or single files. A single file may be a symbolic link, as a Kubernetes ConfigMap has
      them: what it leads to is reported under the path given, as `:modified` when a link in its way is switched. They are made absolute; one given twice counts once. With an
      empty list the watcher waits for `add/3`
    * `:name` - as for `GenServer.start_link/3`
    * `:recursive` - with `false`, only what stands directly in the directories; default `true`
    * `:changes` - a list of the changes to be told, as `[:created, :renamed]`; the others are dropped, so that what is left cannot be
      replayed any more. By default all are told
    * `:settle` - milliseconds of quiet before changes are reported; default 0. They wait until nothing that is watched and visible has
      changed for so long, so one busy path delays the others, but what is ignored does not
    * `:max_settle` - milliseconds that the first change waits for that quiet at most; default 20 times `:settle`
    * `:follow_symlinks` - with `true`, a symbolic link that leads to a directory is told as that directory, and so is what stands in
      it; a directory that is told already under another path is not told again, and a link to it stays a `:symlink`. A link to a
      file is always told as the link. Default `false`
    * `:await` - with `:close`, an event of a file waits until nobody has it open for writing or mapped writable, for at most ten
      minutes; `{:close, ms}` waits for at most so long. Where the kernel does not tell whether there are writers (another user's files,
      without the capability CAP_LEASE; some file systems), until one of them closes it
    * `:backend` - how changes are found: `:inotify`, by the kernel's hints; `:fanotify`, by its hints of whole file systems,
      which has no limit of watches, and needs CAP_SYS_ADMIN and Linux 5.17 (a file system that cannot be marked has inotify); `:poll`, by looking at everything every `:poll_interval`, which
      serves on any file system; `:auto` (the default), by inotify where the kernel sees every change, by fanotify where the watches are used
      up and the privileges are there, and by polling, with a `:polled`
      notice, on network, 9p and FUSE mounts, which others may change unseen; `:fswatch`, by polling and, between two looks, by what the
      installed program `fswatch` prints: with it `:poll_interval` may be long. When `fswatch` ends, a `:polled` notice says so, and it is
      started again
      By `:auto`, pseudo file systems (`proc`, `sysfs`, `cgroup` and their like) that are mounted below a watched directory are left out, with
      an `:unwatched` notice; as a directory of its own one is polled. The other backends do with them as with any other
    * `:poll_interval` - milliseconds between two looks at what is polled; default 1,000
    * `:gitignore` - leave out what git ignores, and `.git` itself; default `false`
    * `:ignore` - patterns of what is not to be told, see below; an ignored directory is not looked into and costs nothing
    * `:only` - patterns of what alone is to be told, directories apart
    * `:initial` - report what exists as `:created` first. It waits for the first subscriber; default `false`
    * `:missing` - with `:wait`, a directory (or file) that does not exist, or cannot be read, is no error: a `{:root_deleted, dir}` notice is sent
      (and `:unreadable` where that is why), and `{:root_created, dir}` when it appears, and what it contains is reported as `:created`. For a watcher under a supervisor
      whose directory may be missing at a restart. A directory that goes while the watcher runs is waited for in either case. Default `:error`
    * `:ready` - with `:async`, return at once; a `:ready` notice follows, or the watcher stops. Default `:wait`
    * `:max_lag` - milliseconds that a slow subscriber may hold up others, or `:infinity`; default 5,000
    * `:subscribe` - processes of this node that are subscribers (`active: true`) from the start

  FIFOs, sockets and devices, also as `:dirs`, are reported with the type `:other`, and never opened. A directory that cannot be watched gives `{:error, %Lookout.Error{}}`, and the caller lives on even if it does not trap exits.
  """
  @spec start_link(path | [option]) ::
          {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(path_or_options), do: path_or_options |> Options.parse!() |> Watcher.start_link()

  @doc "A child specification; its id is the `:name`, or `Lookout`."
  @spec child_spec(path | [option]) :: Supervisor.child_spec()
  def child_spec(path_or_options) do
    %{
      id: Options.name(path_or_options) || __MODULE__,
      start: {__MODULE__, :start_link, [path_or_options]},
      type: :worker,
      modules: [Watcher]
    }
  end

  @doc """
  Makes the caller a subscriber. Returns the pid that the messages carry.

  `active: true` (default) sends without being asked, and is for processes of the watcher's own node. `active: n` and
  `active: :once` send so many batches; `ask/2` lets more come. A subscriber that calls again gets nothing twice: the new
  options replace the old ones. It is monitored, and forgotten when it ends.

  A subscription ends with the watcher and, on another node, with the connection to that node. A subscriber of another node must therefore
  monitor the pid that this returns:

      {:ok, pid} = Lookout.subscribe({MyApp.Watcher, node}, active: 32)
      ref = Process.monitor(pid)

      receive do
        {:lookout, ^pid, {:events, _seq, events}} -> :ok = Lookout.ask(pid, 1)
        {:DOWN, ^ref, :process, ^pid, :noconnection} -> :subscribe_and_list_again
        {:DOWN, ^ref, :process, ^pid, reason} -> {:watcher_ended, reason}
      end

  After `:noconnection` the watcher may well be alive, but it has forgotten the subscriber, and its changes meanwhile are not reported: a new
  subscription is a new epoch, as after `:restarted`.
  """
  @spec subscribe(watcher, active: true | :once | non_neg_integer) :: {:ok, pid} | {:error, Error.t()}
  def subscribe(watcher, options \\ []) do
    Client.call(watcher, {:subscribe, Options.parse_subscribe!(options)}, 5_000, :subscribe)
  end

  @doc "Ends the caller's subscription, if there is one. What is in its mailbox already stays there."
  @spec unsubscribe(watcher) :: :ok | {:error, Error.t()}
  def unsubscribe(watcher), do: Client.call(watcher, :unsubscribe, 5_000, :unsubscribe)

  @doc """
  Lets the caller, a subscriber with `active: n` or `:once`, have `n` more batches. Notices are not counted, but are told only
  while batches may come.
  """
  @spec ask(watcher, pos_integer) :: :ok | {:error, Error.t()}
  def ask(watcher, n) when is_integer(n) and n > 0, do: Client.call(watcher, {:ask, n}, 5_000, :ask)

  def ask(_watcher, other) do
    raise ArgumentError, "Lookout: ask: expected a count of batches (1 or more), got: #{inspect(other)}"
  end

  @doc """
  Returns `:ok` once every change made before the call is in the mailbox of every subscriber. Does not wait for `:settle`.

  The caller, if it is a subscriber, gets all of it whatever it has asked for. When another subscriber holds it up, the error is
  `:lagging`.
  """
  @spec sync(watcher, timeout) :: :ok | {:error, Error.t()}
  def sync(watcher, timeout \\ 5_000), do: Client.call(watcher, :sync, timeout, :sync)

  @doc """
  Lists the tree as it stood after batch `seq`, parents before their children, without the watched directories themselves.

    * `:under` - only what is below this directory
    * `:stat` - with `true`, also size, mtime and mode; default `false`
    * `:timeout` - milliseconds or `:infinity`; default 60,000
  """
  @spec list(watcher, under: path, stat: boolean, timeout: timeout) ::
          {:ok, non_neg_integer, [Entry.t()]} | {:error, Error.t()}
  def list(watcher, options \\ []) do
    {request, timeout} = Options.parse_list!(options)
    with [_ | _] <- options, {:under, dir} <- List.keyfind(options, :under, 0), do: Client.path!(watcher, dir, :list)
    Client.list(watcher, request, timeout)
  end

  @doc """
  Watches one more directory (or file), with the options of the watcher. Returns when the watch is live; what it contains is reported as
  `:created`. It does not matter whether it is watched already. An add that has timed out is undone.

    * `:missing` - as for `start_link/1`; default: what the watcher has
    * `:timeout` - milliseconds or `:infinity`; default 60,000. It may be given alone, in place of the options

  The path is one of the watcher's node: if that is another node, a relative path or `~` raises `ArgumentError`, here and in `remove/3` and
  `list/2`.
  """
  @spec add(watcher, path, timeout | [missing: :error | :wait, timeout: timeout]) :: :ok | {:error, Error.t()}
  def add(watcher, dir, options \\ []) do
    {missing, timeout} = Options.parse_add!(options)
    Client.call(watcher, {:add, Client.path!(watcher, dir, :add), missing}, timeout, :add)
  end

  @doc "Ends the watching of a directory; what it contains is told as `:deleted`."
  @spec remove(watcher, path, timeout) :: :ok | {:error, Error.t()}
  def remove(watcher, dir, timeout \\ 5_000) do
    Client.call(watcher, {:remove, Client.path!(watcher, dir, :remove)}, timeout, :remove)
  end

  @doc "The directories that are watched, absolute, in the order in which they were given."
  @spec dirs(watcher) :: {:ok, [binary]} | {:error, Error.t()}
  def dirs(watcher), do: Client.call(watcher, :dirs, 5_000, :dirs)

  @doc """
  Counts and figures: of the watcher `:seq`, `:dirs`, `:subscribers`, `:held` (batches that wait for a subscriber), `:restarts`; of its
  program `:os_pid`, `:version`, `:memory` (resident bytes), `:credit` (batches it may send), `:directories`, `:files`, `:watches` (of directories
  and of files that are mount points), `:polled` (those of them that are polled), `:roots` (a map of each path to the source of its hints: `:inotify`, `:fanotify`, `:poll`, `:fswatch`, or `nil`), `:batches`, `:events`, `:overflows`, `:rescans`, `:dirty` (what waits to be looked at).
  """
  @spec info(watcher, timeout) :: {:ok, map} | {:error, Error.t()}
  def info(watcher, timeout \\ 5_000), do: Client.call(watcher, :info, timeout, :info)

  @doc "Stops the watcher and its program. Subscribers get `{:stopped, :normal}`. After the error `:timeout` it stops all the same, but later."
  @spec stop(watcher, timeout) :: :ok | {:error, Error.t()}
  def stop(watcher, timeout \\ 5_000), do: Client.stop(watcher, timeout)

  @doc """
  A stream of `%Lookout.Event{}` from a watcher of its own, started when the enumeration starts and stopped with it.

      Lookout.stream("lib") |> Stream.filter(&(&1.change == :modified)) |> Enum.take(1)

  Takes what `start_link/1` takes. Runs no faster than it is consumed. Raises `Lookout.Error` when the directory cannot be
  watched, and when changes may have been missed: because the native program had to be replaced (`:restarted`), or because the stream was
  consumed too slowly for other subscribers of its watcher (`:lagging`; see `:max_lag`). Other notices are logged.
  """
  @spec stream(path | [option]) :: Enumerable.t()
  def stream(path_or_options), do: path_or_options |> Options.parse!() |> EventStream.new()

  @doc "The native program, for those who call `Port.open/2` themselves (`docs/protocol.md` says how to speak with it)."
  @spec port_path() :: binary
  def port_path, do: Bridge.default_path()

  @doc "Whether Lookout works on this operating system: Linux. Elsewhere a start is the error `:unsupported_system`."
  @spec supported?() :: boolean
  def supported?, do: Platform.supported?()
end
