defmodule Lookout.FileSystem do
  @moduledoc """
  The functions and the messages of `FileSystem`, from the hex package `file_system`, over Lookout.

      {:ok, pid} = Lookout.FileSystem.start_link(dirs: ["lib", "priv"], name: MyApp.Files)
      :ok = Lookout.FileSystem.subscribe(MyApp.Files)

      receive do
        {:file_event, ^pid, {path, events}} -> {path, events}    # {"/srv/app/lib/new.ex", [:created]}
        {:file_event, ^pid, :stop} -> :stop
      end

  For a package that calls `FileSystem` itself, as `phoenix_live_reload`, there are `Lookout.FileSystemBackend` and `lookout_port inotifywait`: see
  `docs/coming-from-file-system.md`.

  ## Messages

  A subscriber gets `{:file_event, pid, {path, events}}`: the absolute path, a binary of the bytes on disk, and a list of atoms, in which
  `:isdir` marks a directory.

  | change | messages, in this order |
  |---|---|
  | a file was created | `[:created]`, `[:modified]`, `[:modified, :closed]` |
  | a directory, a symbolic link, a socket, ... was created | `[:created, :isdir]`, of the others `[:created]` |
  | a file was written or replaced | `[:modified]`, `[:modified, :closed]` |
  | mode, owner or times were changed | `[:attribute]` |
  | an entry was deleted | `[:deleted]` |
  | an entry was renamed | `[:moved_from]` with the old path, `[:moved_to]` with the new one |

  Changes that follow each other quickly are merged, so a file that was created and deleted at once may not be reported. A moved directory moves what is
  below it, as with `FileSystem`. A tree that is moved in is reported entry by entry, and so are the contents of a new directory, which `FileSystem` may miss.

  `{:file_event, pid, :stop}` is sent when the watcher ends, unless its supervisor shuts it down. What `Lookout` reports as a notice is written to
  the log as a warning where something is not reported, or not any more: a directory that does not exist or cannot be read, a restart of `lookout_port`, a subscriber that was too slow.

  ## Slow subscribers

  `FileSystem` sends to a subscriber however many messages it has not read. Here a subscriber is sent no more while 8 messages or more are in its mailbox (up
  to 8 batches of 256 changes are sent between two checks of it); changes are merged meanwhile, and nothing is lost. A slow subscriber delays the others by at most
  `:max_lag` ms (5,000), then it misses changes until it has emptied its mailbox, and a warning is written to the log. A sole subscriber misses nothing.

  ## Lookout's functions

  The process is a watcher of `Lookout`: `Lookout.sync/2`, `Lookout.list/2`, `Lookout.add/3`, `Lookout.remove/3`, `Lookout.info/2` and `Lookout.stop/2` take it.

  ## Other systems

  On macOS, BSD and Windows, where Lookout does not work, `start_link/1` and `subscribe/1` call those of `FileSystem`, if the package `file_system` is loaded
  (else `start_link/1` returns the error `:unsupported_system`). Then the process is one of `file_system`: Lookout's functions do not take it, the events
  are those of its backend for that system (`:removed` and `:renamed`, for instance), and options of Lookout that `file_system` does not have are
  dropped, with a warning in the log.
  """

  alias Lookout.FileSystem.{Fallback, Options}
  alias Lookout.{Client, Error, Watcher}

  @typedoc "`:isdir` marks a directory; the others are what happened."
  @type event ::
          :created | :modified | :closed | :deleted | :moved_from | :moved_to | :attribute | :isdir

  @typedoc "What a subscriber is sent."
  @type message :: {:file_event, pid, {path :: binary, [event, ...]} | :stop}

  @doc """
  Starts a watcher, linked to the caller, and returns when its watches are live: no change after it is missed.

  Takes the options of `FileSystem.start_link/1`:

    * `:dirs` - a list of paths, relative ones to the working directory. One that does not exist is watched when it appears. Without this option a warning is
      written to the log and `:ignore` is returned, as by `FileSystem`
    * `:name` - as for `GenServer.start_link/3`
    * `:recursive` - default `true`
    * `:backend` - `:fs_inotify` means `:auto`, `:fs_poll` means `:poll`; with `:fs_mac` and `:fs_windows` a warning is written to the log and
      `:ignore` is returned. Those of `Lookout.start_link/1` are taken as well
    * `:interval` - of `:fs_poll`: as `:poll_interval`
    * `:latency`, `:no_defer`, `:watch_root` - of `:fs_mac`: they have no effect

  and every option of `Lookout.start_link/1`, as `:ignore` and `:settle`. `:missing` is `:wait` unless given. An unknown option, or a bad value, raises `ArgumentError`.
  """
  @spec start_link(keyword) :: {:ok, pid} | :ignore | {:error, Error.t() | {:already_started, pid}}
  def start_link(options) do
    if Fallback.use?(),
      do: Fallback.start_link(options),
      else: with({:ok, options} <- Options.parse!(options), do: Watcher.start_link(%{options | tag: :file_event}))
  end

  @doc "A child specification; its id is the `:name`, or `Lookout.FileSystem`."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(options) do
    %{
      id: Keyword.get(options, :name) || __MODULE__,
      start: {__MODULE__, :start_link, [options]},
      type: :worker,
      modules: [Watcher]
    }
  end

  @doc """
  Makes the caller a subscriber, until it or the watcher ends. A process that calls again gets nothing twice.

  Exits where there is no such watcher, as `FileSystem.subscribe/1` does. A process of another node cannot subscribe:
  that raises `Lookout.Error` with the reason `:remote`. Use `Lookout.subscribe/2` with a watcher of `Lookout` there.
  """
  @spec subscribe(GenServer.server()) :: :ok
  def subscribe(watcher), do: if(Fallback.use?(), do: Fallback.subscribe(watcher), else: subscribe_here(watcher))

  defp subscribe_here(watcher) do
    case Client.call(watcher, {:subscribe, :all}, 5_000, :subscribe) do
      {:ok, _pid} -> :ok
      {:error, %Error{reason: :remote} = error} -> raise error
      {:error, %Error{reason: reason}} -> exit({reason, {__MODULE__, :subscribe, [watcher]}})
    end
  end

  @doc """
  The shell command that starts `lookout_port inotifywait`: for file_system's setting `executable_file`, which file_system makes a part of a
  shell command, so that a path with spaces must be quoted.

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

    with {:ok, options} <- Options.parse!(options) do
      Watcher.start_link(%{options | tag: :backend_file_event, subscribe: [{worker, :all}]})
    end
  rescue
    error in ArgumentError -> {:error, error}
  end
end
