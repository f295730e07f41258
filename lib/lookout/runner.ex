defmodule Lookout.Runner do
  @moduledoc """
  Runs a command, or calls a function, when something changes.

      children = [
        {Lookout, dirs: ["lib", "test"], name: MyApp.Watcher},
        {Lookout.Runner, watcher: MyApp.Watcher, command: ["mix", "test"], on_busy: :restart}
      ]

  or, with its own watcher, which ends with it,

      Lookout.Runner.start_link(dirs: "assets", ignore: ["*.tmp"], command: ["make", "assets"])
      Lookout.Runner.start_link(dirs: "inbox", run: fn paths -> Enum.each(paths, &MyApp.take_in/1) end)

  A run starts after `:settle` milliseconds without a change, or, if changes never cease, `:max_settle` milliseconds after the first one.
  There is one run at a time.

  ## Options

  One of these options selects what is watched:

    * `:watcher` - a watcher: its pid or its name. A watcher of another node is `{name, node}`, `{:global, name}` or a pid; the changed paths
      are paths on that node
    * `:dirs` - a path or a list of paths, for the runner's own watcher. Then `:recursive`, `:ignore`, `:only`, `:gitignore`, `:changes`,
      `:follow_symlinks`, `:await`, `:backend`, `:poll_interval`, `:missing`, `:ready`, `:node`, `:session`, `:linger`, `:cursor`,
      `:on_bad_cursor` and `:checkpoint_every` are those of `Lookout.start_link/1`. With `:node` the directories are on that node, and the
      command or function runs here. With `:cursor` what changes while no runner runs starts a run, see "Restarts"

  One of these selects what is run:

    * `:command` - as for `Lookout.Command.start_link/2`, whose `:cd`, `:env`, `:clear_env`, `:stdout`, `:stderr`, `:pty`, `:shell`,
      `:rlimits`, `:nice`, `:user`, `:group`, `:groups`, `:linger`, `:stop_signal` and `:cgroup` may be given as well. Its standard input is
      empty
    * `:run` - a function that gets the list of changed paths. It is called in a separate process, linked to the runner

  Further options:

    * `:on_busy` - the effect of a change during a run:
      * `:queue` (default) - one more run follows, however many changes there were
      * `:restart` - the run is ended, and another one follows. The command and all processes that it has started get TERM, and KILL after
        `:grace`; the process of a function is killed
      * `:ignore` - none; the next run, which a later change starts, gets its path too. Changes that the run itself makes count as made during
        the run, so a formatter does not start itself again
      * `:signal` - the command is sent `:signal`, for servers that reload. The signal replaces the run; if it kills the command, another run
        follows. Not for functions
    * `:signal` - a name or a number; default `:hup`
    * `:settle` - milliseconds of quiet before a run; default 50
    * `:max_settle` - the most milliseconds that a run waits for quiet; default 10 times `:settle`
    * `:run_at_start` - with `true`, the first run starts at once, without paths; default `false`
    * `:interactive` - with `true`, the input of the terminal of a command with `:pty` stays open, for `Lookout.Command.write/3` to
      `command/1`; default `false`: its input is at its end
    * `:paths` - how a command gets the changed paths, see below; default `nil`: not at all
    * `:into` - where the output of a command goes: `:stdio` (default), to standard output and standard error of the VM as text (through the
      group leader); `nil`, nowhere; or a function that gets each `{:stdout | :stderr, bytes}`, in a separate process. The command waits for
      a slow function; a function that raises ends the run
    * `:notify` - a pid, the name of a process, or a list of these, which get the messages below
    * `:grace` - milliseconds between TERM and KILL; default 5,000
    * `:name` - as for `GenServer.start_link/3`

  If an option is given twice, the first one counts. Invalid options raise `ArgumentError`.

  ## The changed paths

  Paths are absolute, raw bytes, each once, in the order of the first change; a rename gives the old and the new path. No change is lost: a
  run gets all paths that changed since the previous run, and also the paths of a previous run that was ended by a restart or could not be
  started. A function gets the list. For a command `:paths` is one of

    * `:stdin` - each path followed by a NUL byte, on standard input, as for `xargs -0`. It takes any path and any number of paths
    * `:args` - the paths replace the word `"{paths}"` of the command, one word for each path: `["wc", "-l", "{paths}"]`
    * `{:env, "NAME"}` - the paths are the lines of a variable

  The list is empty at the first run of `:run_at_start`, and if the changes are unknown: after the notices `:restarted` and `:lagged` of the
  watcher, which make a run due, and if there are more than 65,536 paths or 16 MiB of them. The kernel accepts no word and no variable of more
  than 128 KiB, and all of them together only up to a quarter of the stack limit; a line cannot contain a path with a line break. If a list
  is unknown or does not fit, the command runs without it, and the variable `LOOKOUT_PATHS_OMITTED` is set to the count of paths, or to
  `unknown`. Otherwise the variable is not set.

  ## Messages

  The processes of `:notify` get `{:lookout_runner, pid, message}`, where `pid` is the pid of the runner. The message is one of

    * `{:cause, paths}` - before `:started`: the paths that changed since the previous run was started. `paths` of `:started` has more if the
      previous run was restarted or could not be started
    * `{:started, os_pid, paths}` - a run has started; before any output of it. `os_pid` is `nil` for a function, and for a command that
      exited too soon
    * `{:finished, status}` - a run has ended; after all of its output. `0..255` or `{:signal, name}`: no process of the command is left.
      `:ok`: the function has returned. `{:exit, reason}`: the function raised, exited or was killed, or the function of `:into` raised.
      `{:error, %Lookout.Error{}}`: the native program that ran the command was killed
    * `{:failed, %Lookout.Error{}}` - the command could not be started. This is also logged, and the next change tries again
    * `{:notice, notice}` - a notice of the watcher, as in `Lookout`
    * `{:notice, {:self_triggered, paths}}` - see below; at most ten paths

  ## Runs that start each other

  A command that writes into the watched directories starts its next run. If five runs in a row were each started by changes that were made
  during the previous run, with at least one path in common, the runner logs a warning and sends the notice, once, and each further run is
  delayed: by one second, two, four, up to a minute. A change made while nothing is running starts a run as usual and ends the sequence. With
  `:restart` and `:signal`, where the command keeps running, only changes within two seconds after its start, or after the signal, count as
  its own. With `on_busy: :ignore` a run never starts another one. It is better to leave the paths out, with `:ignore` or `:gitignore`.

  ## Restarts

      {Lookout.Runner, dirs: "/srv/inbox", cursor: "/var/lib/my_app/inbox.cursor", run: &MyApp.take_in/1}

  With `:cursor`, a directory outside the watched ones, a runner that starts again goes on where the last one was: what has changed
  meanwhile starts a run, with these paths. At the very first start that is everything that exists. Without a change there is no run.

  A change is dealt with when the run that was given it has ended, with any status; then its cursor is committed. A run that was cut off, by
  the end of the runner or of the machine, is repeated after the next start, with all paths that it was given: each change is given to at least
  one run that has ended. The cursors are made `:checkpoint_every` milliseconds after a change (default 1,000), and at the end of the runner,
  so that only a runner that was killed repeats a run that had ended. A command that goes on, as a server does with `:restart` and `:signal`,
  has its changes again after the next start.

  A runner with `:watcher` commits nothing: the cursor of that watcher belongs to all of its subscribers.

  ## Shutdown

  When the runner ends, for whatever reason, the command and all processes that it has started end; `stop/1` and a supervisor give the
  command its `:grace`. When its watcher stops, the runner stops with the same reason, so a supervisor restarts both; put the runner after
  the watcher. When the connection to the node of its watcher is lost, the runner stops with `%Lookout.Error{reason: :nodedown}`; its start
  returns the same error until the node can be reached.
  """

  alias Lookout.{Command, Error}
  alias Lookout.Runner.{Options, Server}
  alias Lookout.Support.{Platform, SafeCall, Sealed}

  @typedoc "The effect of a change during a run."
  @type on_busy :: :queue | :restart | :ignore | :signal

  @typedoc "An option of `start_link/1` and of a child specification."
  @type option ::
          {:watcher, Lookout.watcher()}
          | Lookout.option()
          | {:command, Command.command()}
          | Command.common_option()
          | {:run, ([binary] -> term)}
          | {:on_busy, on_busy}
          | {:signal, atom | 1..64}
          | {:settle, 0..3_600_000}
          | {:max_settle, 0..86_400_000}
          | {:run_at_start, boolean}
          | {:interactive, boolean}
          | {:paths, nil | :stdin | :args | {:env, binary}}
          | {:into, :stdio | nil | ({:stdout | :stderr, binary} -> term)}
          | {:notify, pid | atom | [pid | atom]}
          | {:grace, 0..3_600_000}
          | {:name, GenServer.name()}

  @typedoc "How a run ended."
  @type status :: Command.status() | :ok | {:exit, term} | {:error, Error.t()}

  @typedoc "A message to the processes of `:notify`."
  @type message ::
          {:lookout_runner, pid,
           {:cause, [binary]}
           | {:started, nil | pos_integer, [binary]}
           | {:finished, status}
           | {:failed, Error.t()}
           | {:notice, Lookout.notice() | {:self_triggered, [binary]}}}

  @doc """
  Starts a runner, linked to the caller, and returns when the watches are live: no change after it is missed.

  If the watcher is not running, or a directory cannot be watched, returns `{:error, %Lookout.Error{}}`; the caller survives.

      iex> test = self()
      iex> {:ok, _runner} = Lookout.Runner.start_link(dirs: "lib", run: fn paths -> send(test, {:ran, paths}) end)
      iex> File.mkdir!("lib/web")
      iex> receive do
      ...>   {:ran, paths} -> Enum.map(paths, &Path.relative_to_cwd/1)
      ...> end
      ["lib/web"]
  """
  @spec start_link([option]) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(options) do
    with {:ok, options} <- Options.parse(options),
         :ok <- supported(options),
         do: Server.start_link(options)
  end

  # With a watcher, or directories, on another node, a function can run on any operating system.
  defp supported(%{watcher: {:named, watcher}, task: {:function, _function}}) do
    if SafeCall.remote?(watcher), do: :ok, else: Platform.check(:watch)
  end

  defp supported(%{watcher: {:own, %{node: node}}, task: {:function, _function}}) when node != nil, do: :ok
  defp supported(_options), do: Platform.check(:watch)

  @doc """
  A child specification; its id is the `:name`, or `Lookout.Runner`.

      iex> children = [{Lookout.Runner, dirs: ["lib"], command: ["true"], name: MyApp.Runner}]
      iex> {:ok, _supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      iex> Lookout.Runner.run(MyApp.Runner)
      :ok
  """
  @spec child_spec([option]) :: Supervisor.child_spec()
  def child_spec(options) do
    shutdown = Options.shutdown!(options)

    %{
      id: options[:name] || __MODULE__,
      start: {__MODULE__, :start_link, [Sealed.options(options)]},
      type: :worker,
      modules: [Server],
      shutdown: shutdown
    }
  end

  @doc """
  Stops the runner and its current run. Returns when no process of the command is left.

      iex> {:ok, runner} = Lookout.Runner.start_link(dirs: "lib", command: ["sleep", "60"], run_at_start: true)
      iex> Lookout.Runner.stop(runner)
      :ok
  """
  @spec stop(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def stop(runner, timeout \\ :infinity), do: SafeCall.stop(runner, timeout)

  @doc """
  Makes a run due at once, without a change and without waiting for quiet. During a run it has the effect that `:on_busy` defines for a
  change, except that with `:ignore` one more run follows.

      iex> {:ok, runner} = Lookout.Runner.start_link(dirs: "lib", command: ["true"], notify: self())
      iex> :ok = Lookout.Runner.run(runner)
      iex> receive do
      ...>   {:lookout_runner, ^runner, {:finished, status}} -> status
      ...> end
      0
  """
  @spec run(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def run(runner, timeout \\ 5_000), do: SafeCall.call(runner, :run, timeout, :run)

  @doc """
  The process of the running command, for `Lookout.Command.signal/2`, `Lookout.Command.write/3` and the like; the error `:not_running` if no
  command is running.

      with {:ok, command} <- Lookout.Runner.command(runner), do: Lookout.Command.signal(command, :usr1)

      iex> {:ok, runner} = Lookout.Runner.start_link(dirs: "lib", command: ["true"])
      iex> {:error, error} = Lookout.Runner.command(runner)
      iex> error.reason
      :not_running
  """
  @spec command(GenServer.server(), timeout) :: {:ok, pid} | {:error, Error.t()}
  def command(runner, timeout \\ 5_000), do: SafeCall.call(runner, :command, timeout, :command)

  @doc """
  Sets the size of the terminal (`:pty`) of the running command, if there is one, and of the following ones. The error is `:no_terminal` if
  they have no terminal.

      iex> {:ok, runner} = Lookout.Runner.start_link(dirs: "lib", command: ["true"], pty: true)
      iex> Lookout.Runner.resize(runner, {40, 120})
      :ok
  """
  @spec resize(GenServer.server(), {rows :: pos_integer, columns :: pos_integer}) :: :ok | {:error, Error.t()}
  def resize(runner, {rows, columns} = size) when rows in 1..65_535 and columns in 1..65_535 do
    SafeCall.call(runner, {:resize, size}, 5_000, :resize)
  end

  def resize(_runner, other) do
    raise ArgumentError,
          "Lookout.Runner: resize: expected {rows, columns}, each from 1 to 65_535, got: #{inspect(other)}"
  end
end
