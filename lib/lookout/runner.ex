defmodule Lookout.Runner do
  @moduledoc """
  Runs a command, or calls a function, when something changes.

      children = [
        {Lookout, dirs: ["lib", "test"], name: MyApp.Watcher},
        {Lookout.Runner, watcher: MyApp.Watcher, command: ["mix", "test"], on_busy: :restart}
      ]

  or, with a watcher of its own, which ends with it,

      Lookout.Runner.start_link(dirs: "assets", ignore: ["*.tmp"], command: ["make", "assets"])
      Lookout.Runner.start_link(dirs: "inbox", run: fn paths -> Enum.each(paths, &MyApp.take_in/1) end)

  A run starts when it has been quiet for `:settle` milliseconds after a change, or, where changes never cease, `:max_settle` milliseconds after the first.
  There is one run at a time.

  ## Options

  What is watched is one of

    * `:watcher` - a watcher: its pid or its name. That of another node is `{name, node}`, `{:global, name}` or a pid; the changed paths are paths of
      that node
    * `:dirs` - a path or a list of them, for a watcher of its own. Then `:recursive`, `:ignore`, `:only`, `:gitignore`, `:changes`,
      `:follow_symlinks`, `:await`, `:backend`, `:poll_interval`, `:missing` and `:ready` are those of `Lookout.start_link/1`

  what is run is one of

    * `:command` - as for `Lookout.Command.start_link/2`, whose `:cd`, `:env`, `:clear_env`, `:stdout`, `:stderr`, `:pty`, `:shell`,
      `:rlimits`, `:nice`, `:user`, `:group`, `:groups`, `:linger`, `:stop_signal` and `:cgroup` may be given beside it. Its standard input is empty
    * `:run` - a function that gets the list of changed paths. It is called in a process of its own, linked to the runner

  and how:

    * `:on_busy` - what a change does that comes while a run is going on:
      * `:queue` (default) - one more run follows, however many changes there were
      * `:restart` - the run is ended, and another follows. The command and all that it has started get TERM, and after `:grace` KILL;
        the process of a function is killed
      * `:ignore` - nothing; the next run, which a later change starts, is told its paths too. What the run has changed itself
        counts as changed while it went on, so that a formatter does not set off itself
      * `:signal` - the command is sent `:signal`, for servers that reload. The signal stands for the run; if the command
        dies of it, another run follows. Not for functions
    * `:signal` - a name or a number; default `:hup`
    * `:settle` - milliseconds of quiet before a run; default 50
    * `:max_settle` - milliseconds that a run waits for quiet at most; default 10 times `:settle`
    * `:run_at_start` - with `true`, the first run starts at once, without paths; default `false`
    * `:interactive` - with `true`, the input of the terminal of a command with `:pty` stays open for `Lookout.Command.write/3` to `command/1`; default
      `false`: its input is at its end
    * `:paths` - how a command is told what has changed, see below; default `nil`: not at all
    * `:into` - where the output of a command goes: `:stdio` (default), to standard output and standard error of the VM as text (by the
      group leader); `nil`, nowhere; or a function that gets each `{:stdout | :stderr, bytes}`, in a process of its own. The command waits
      for a slow function; one that raises ends the run
    * `:notify` - a pid, the name of a process, or a list of them: who gets the messages below
    * `:grace` - milliseconds between TERM and KILL; default 5,000
    * `:name` - as for `GenServer.start_link/3`

  Of an option given twice the first counts. What makes no sense raises `ArgumentError`.

  ## What has changed

  Paths are absolute, raw bytes, each once, in the order in which they changed first; a rename gives the old and the new one. No change is
  ever forgotten: a run is told all that changed since the last one was told, together with what was told to a run that was ended by a restart or could not
  be started. A function gets the list. For a command `:paths` is one of

    * `:stdin` - each path followed by a NUL byte, on standard input: `xargs -0` and the like read it. It takes any path and any number
    * `:args` - the word `"{paths}"` of the command is replaced by them, each a word: `["wc", "-l", "{paths}"]`
    * `{:env, "NAME"}` - lines in a variable

  The list is empty at the first run of `:run_at_start`, and where it is unknown what has changed: after the notices `:restarted` and `:lagged` of the
  watcher, which make a run due, and where more than 65,536 paths or 16 MiB would have to be told. The system takes no word and no
  variable of more than 128 KiB, and all of them together only up to a quarter of the stack's limit; a line cannot tell a path with a line break. Where
  a list is unknown or does not fit, the command is run without it, and the variable `LOOKOUT_PATHS_OMITTED` is set: to the
  count of paths, or to `unknown`. Otherwise it is not set.

  ## Messages

  Those to be notified get `{:lookout_runner, pid, message}`, where `pid` is the runner's and the message one of

    * `{:cause, paths}` - before `:started`: what has changed since the run before it was started. `paths` of `:started` has more where that one was restarted
      or could not be started
    * `{:started, os_pid, paths}` - a run; before any output of it. `os_pid` is `nil` for a function, and for a command that was gone too soon
    * `{:finished, status}` - after all of its output: `0..255` or `{:signal, name}`, when nothing is left of the command; `:ok` when a function has returned; `{:exit,
      reason}` when it raised, exited or was killed, or the function of `:into` raised; `{:error, %Lookout.Error{}}` when the native program that ran
      the command was killed
    * `{:failed, %Lookout.Error{}}` - the command could not be started. It is logged, too, and tried again at the next change
    * `{:notice, notice}` - a notice of the watcher, as in `Lookout`
    * `{:notice, {:self_triggered, paths}}` - see below; at most ten paths

  ## Runs that start each other

  A command that writes into the watched directories starts its next run. When five runs in a row were each started by changes that were made during the run
  before it, of at least one path in common, the runner logs a warning and sends the notice, once, and each further run waits: a second, two, four, up to a minute. A change of another
  kind, which comes while nothing is running, starts a run as usual and ends that. With `:restart` and `:signal`, where the command goes on, only changes within two
  seconds of its start, or of the signal, count as its own. With `on_busy: :ignore` a run starts no other one. Better leave the paths out, by `:ignore` or `:gitignore`.

  ## The end

  When the runner ends, in whatever way, the command and all that it has started end; `stop/1` and a supervisor give it its `:grace`.
  When its watcher stops, the runner stops with the same reason, and so is restarted with it by a supervisor; put it after the watcher.
  When the connection to the node of its watcher is lost, the runner stops with `%Lookout.Error{reason: :nodedown}`; its start gives the same error until
  the node can be reached.
  """

  alias Lookout.{Client, Command, Error, Platform, Sealed}
  alias Lookout.Runner.{Options, Server}

  @type on_busy :: :queue | :restart | :ignore | :signal

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

  @typedoc "What those to be notified are sent."
  @type message ::
          {:lookout_runner, pid,
           {:cause, [binary]}
           | {:started, nil | pos_integer, [binary]}
           | {:finished, status}
           | {:failed, Error.t()}
           | {:notice, Lookout.notice() | {:self_triggered, [binary]}}}

  @doc """
  Starts a runner, linked to the caller, and returns when the watches are live: no change after it is missed.

  A watcher that is not running, or a directory that cannot be watched, gives `{:error, %Lookout.Error{}}`, and the caller lives on.
  """
  @spec start_link([option]) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(options) do
    with {:ok, options} <- Options.parse(options),
         :ok <- supported(options),
         do: Server.start_link(options)
  end

  # A function can be called here for the changes of a watcher of another node, whatever this system is.
  defp supported(%{watcher: {:named, watcher}, task: {:function, _function}}) do
    if Client.remote?(watcher), do: :ok, else: Platform.check(:watch)
  end

  defp supported(_options), do: Platform.check(:watch)

  @doc "A child specification; its id is the `:name`, or `Lookout.Runner`."
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

  @doc "Stops the runner, and with it what it runs. Returns when nothing is left."
  @spec stop(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def stop(runner, timeout \\ :infinity), do: Client.stop(runner, timeout)

  @doc """
  Makes a run due at once, whatever has changed, without waiting for quiet. While a run is going on it does what `:on_busy` says of a change, but that
  `:ignore` makes one more run follow.
  """
  @spec run(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def run(runner, timeout \\ 5_000), do: Client.call(runner, :run, timeout, :run)

  @doc """
  The process of the command that is running, for `Lookout.Command.signal/2`, `Lookout.Command.write/3` and the like; the error `:not_running` when none is.

      with {:ok, command} <- Lookout.Runner.command(runner), do: Lookout.Command.signal(command, :usr1)
  """
  @spec command(GenServer.server(), timeout) :: {:ok, pid} | {:error, Error.t()}
  def command(runner, timeout \\ 5_000), do: Client.call(runner, :command, timeout, :command)

  @doc """
  Sets the size of the terminal (`:pty`) of the command that is running, if one is, and of those that follow. The error `:no_terminal` where they have none.
  """
  @spec resize(GenServer.server(), {rows :: pos_integer, columns :: pos_integer}) :: :ok | {:error, Error.t()}
  def resize(runner, {rows, columns} = size) when rows in 1..65_535 and columns in 1..65_535 do
    Client.call(runner, {:resize, size}, 5_000, :resize)
  end

  def resize(_runner, other) do
    raise ArgumentError,
          "Lookout.Runner: resize: expected {rows, columns}, each from 1 to 65_535, got: #{inspect(other)}"
  end
end
