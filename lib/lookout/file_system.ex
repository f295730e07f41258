defmodule Lookout.FileSystem do
  @moduledoc """
  The functions and the messages of `FileSystem` (hex package `file_system`), implemented with Lookout.

      {:ok, pid} = Lookout.FileSystem.start_link(dirs: ["lib", "priv"], name: MyApp.Files)
      :ok = Lookout.FileSystem.subscribe(MyApp.Files)

      receive do
        {:file_event, ^pid, {path, events}} -> {path, events}    # {"/srv/app/lib/new.ex", [:created]}
        {:file_event, ^pid, :stop} -> :stop
      end

  For a package that calls `FileSystem` itself, such as `phoenix_live_reload`, there are `Lookout.FileSystemBackend` and `lookout_port
  inotifywait`: see `guides/coming-from-file-system.md`.

  ## Messages

  A subscriber gets `{:file_event, pid, {path, events}}`: the absolute path, a binary with the raw bytes as on disk, and a list of atoms, in
  which `:isdir` marks a directory.

  | change | messages, in this order |
  |---|---|
  | a file was created | `[:created]`, `[:modified]`, `[:modified, :closed]` |
  | a directory, a symbolic link, a socket, ... was created | `[:created, :isdir]` for a directory, `[:created]` for the others |
  | a file was written or replaced | `[:modified]`, `[:modified, :closed]` |
  | mode, owner or times were changed | `[:attribute]` |
  | an entry was deleted | `[:deleted]` |
  | an entry was renamed | `[:moved_from]` with the old path, `[:moved_to]` with the new one |

  Changes in quick succession are merged, so a file that was created and deleted at once may not be reported. Moving a directory moves
  everything below it, without further messages, as with `FileSystem`. A tree that is moved in is reported entry by entry, and so are the
  entries of a new directory, which `FileSystem` may miss.

  `{:file_event, pid, :stop}` is sent when the watcher ends, unless its supervisor shuts it down. A notice of `Lookout` is logged as a
  warning if changes are not reported because of it: for a directory that does not exist or cannot be read, a restart of `lookout_port`, and
  a subscriber that was too slow.

  ## Slow subscribers

  `FileSystem` sends messages to a subscriber however many unread ones it has. Here no more messages are sent while 8 or more are in the
  mailbox (up to 8 batches of 256 changes are sent between two checks of the mailbox). Meanwhile changes are merged, and none is lost. A slow
  subscriber delays the others by at most `:max_lag` ms (5,000). After that it misses changes until it has emptied its mailbox, and a warning
  is logged. A sole subscriber misses nothing.

  ## Lookout's functions

  The process is a watcher of `Lookout`, so these functions accept it: `Lookout.sync/2`, `Lookout.list/2`, `Lookout.add/3`,
  `Lookout.remove/3`, `Lookout.info/2` and `Lookout.stop/2`.

  ## Other systems

  On macOS, BSD and Windows, where Lookout does not work, `start_link/1` and `subscribe/1` call those of `FileSystem`, if the package
  `file_system` is loaded; otherwise `start_link/1` returns the error `:unsupported_system`. The process is then one of `file_system`: the
  functions of Lookout do not accept it, the events are those of its backend for that system (for example `:removed` and `:renamed`), and
  options of Lookout that `file_system` does not have are dropped, with a warning in the log.
  """

  alias Lookout.{Error, Watcher}
  alias Lookout.FileSystem.{Fallback, Options}
  alias Lookout.Support.SafeCall

  @typedoc "`:isdir` marks a directory; the other atoms are the kinds of events."
  @type event ::
          :created | :modified | :closed | :deleted | :moved_from | :moved_to | :attribute | :isdir

  @typedoc "A message to a subscriber."
  @type message :: {:file_event, pid, {path :: binary, [event, ...]} | :stop}

  @doc """
  Starts a watcher, linked to the caller, and returns when its watches are live: no change after it is missed.

  Takes the options of `FileSystem.start_link/1`:

    * `:dirs` - a list of paths; relative ones are relative to the working directory. A directory that does not exist is watched when it
      appears. Without this option a warning is logged and `:ignore` is returned, as with `FileSystem`
    * `:name` - as for `GenServer.start_link/3`
    * `:recursive` - default `true`
    * `:backend` - `:fs_inotify` means `:auto`, `:fs_poll` means `:poll`; with `:fs_mac` and `:fs_windows` a warning is logged and `:ignore` is
      returned. The backends of `Lookout.start_link/1` are accepted as well
    * `:interval` - an option of `:fs_poll`: the same as `:poll_interval`
    * `:latency`, `:no_defer`, `:watch_root` - options of `:fs_mac`: they have no effect

  and every option of `Lookout.start_link/1`, such as `:ignore` and `:settle`. The default of `:missing` is `:wait`. An unknown option, or an
  invalid value, raises `ArgumentError`.

      iex> {:ok, pid} = Lookout.FileSystem.start_link(dirs: ["lib"])
      iex> Lookout.dirs(pid) == {:ok, [Path.expand("lib")]}
      true
  """
  @spec start_link(keyword) :: {:ok, pid} | :ignore | {:error, Error.t() | {:already_started, pid}}
  def start_link(options) do
    if Fallback.use?(),
      do: Fallback.start_link(options),
      else: with({:ok, options} <- Options.parse(options), do: Watcher.Server.start_link(%{options | tag: :file_event}))
  end

  @doc """
  A child specification; its id is the `:name`, or `Lookout.FileSystem`.

      iex> children = [{Lookout.FileSystem, dirs: ["lib"], name: MyApp.Files}]
      iex> {:ok, _supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      iex> Lookout.FileSystem.subscribe(MyApp.Files)
      :ok
  """
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(options) do
    %{
      id: Keyword.get(options, :name) || __MODULE__,
      start: {__MODULE__, :start_link, [options]},
      type: :worker,
      modules: [Watcher.Server]
    }
  end

  @doc """
  Makes the caller a subscriber, until it or the watcher ends. A process that calls again gets nothing twice.

  Exits if there is no such watcher, as `FileSystem.subscribe/1` does. A process of another node cannot subscribe: the call raises
  `Lookout.Error` with the reason `:remote`. Use `Lookout.subscribe/2` with a watcher of `Lookout` there.

      iex> {:ok, pid} = Lookout.FileSystem.start_link(dirs: ["lib"])
      iex> :ok = Lookout.FileSystem.subscribe(pid)
      iex> File.mkdir!("lib/web")
      iex> receive do
      ...>   {:file_event, ^pid, {path, events}} -> {Path.relative_to_cwd(path), events}
      ...> end
      {"lib/web", [:created, :isdir]}
  """
  @spec subscribe(GenServer.server()) :: :ok
  def subscribe(watcher), do: if(Fallback.use?(), do: Fallback.subscribe(watcher), else: subscribe_here(watcher))

  defp subscribe_here(watcher) do
    case SafeCall.call(watcher, {:subscribe, :all}, 5_000, :subscribe) do
      {:ok, _pid} -> :ok
      {:error, %Error{reason: :remote} = error} -> raise error
      {:error, %Error{reason: reason}} -> exit({reason, {__MODULE__, :subscribe, [watcher]}})
    end
  end

  @doc """
  The shell command that starts `lookout_port inotifywait`, for the setting `executable_file` of file_system. file_system inserts it into a
  shell command, so the path is quoted.

      # config/runtime.exs
      config :file_system, :fs_inotify, executable_file: Lookout.FileSystem.inotifywait()
  """
  @spec inotifywait() :: binary
  def inotifywait, do: inotifywait(Lookout.port_path())

  @doc false
  @spec inotifywait(binary) :: binary
  def inotifywait(port_path), do: "'" <> String.replace(port_path, "'", "'\\''") <> "' inotifywait"

  @doc false
  # Called by a worker of file_system, through Lookout.FileSystemBackend, with the pid of the worker among the options.
  # The worker logs any return value other than {:ok, pid}.
  @spec start_backend(keyword) :: {:ok, pid} | :ignore | {:error, Exception.t() | {:already_started, pid}}
  def start_backend(arguments) do
    {worker, options} = Keyword.pop!(arguments, :worker_pid)

    with {:ok, options} <- Options.parse(options) do
      Watcher.Server.start_link(%{options | tag: :backend_file_event, subscribe: [{worker, :all}]})
    end
  rescue
    error in ArgumentError -> {:error, error}
  end
end
