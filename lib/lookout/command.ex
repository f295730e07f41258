defmodule Lookout.Command do
  @moduledoc """
  Runs operating-system processes: supervised, streamed with back-pressure, and ended with all that they have started.

      iex> Lookout.Command.run(["echo", "hello"])
      {:ok, "hello\\n", 0}

  ## From a port to a command

      port = Port.open({:spawn, "echo hello"}, [:binary])        {:ok, pid} = Lookout.Command.start_link(["echo", "hello"])
      receive do                                                 receive do
        {^port, {:data, data}} -> IO.write(data)                   {:lookout_command, ^pid, {:stdout, data}} -> IO.write(data)
      end                                                        end
      # with :exit_status
      receive do                                                 receive do
        {^port, {:exit_status, status}} -> status                  {:lookout_command, ^pid, {:exit, status}} -> status
      end                                                        end
      Port.command(port, "data")                                 Lookout.Command.write(pid, "data")      # with stdin: :pipe
      # there is none                                            Lookout.Command.close_stdin(pid)
      # there is none                                            Lookout.Command.signal(pid, :hup)
      Port.info(port, :os_pid)                                   Lookout.Command.os_pid(pid)
      Port.close(port)    # the process may go on                Lookout.Command.stop(pid)               # TERM, grace, KILL

  The words are given to the program as they are; no shell reads them, unless `shell: true` asks for one.

  ## Messages

  The owner, which is the process that called `start_link/2`, gets

    * `{:lookout_command, pid, {:stdout | :stderr, binary}}` - a piece of output, at most 64 KiB
    * `{:lookout_command, pid, {:exit, status}}` - the last one: `0..255`, or `{:signal, name}` such as `{:signal, :kill}`. It comes
      after all output, and when no process of the command is left. With `exit_details: true` it is `{:exit, status, %{killed: boolean}}`,
      where `killed` says whether a process had not ended after its grace, and got KILL
    * `{:lookout_command, pid, {:error, %Lookout.Error{}}}` - in its place, when the native program that runs the command was killed, or the
      enumerable of `:input` failed

  Then the process `pid` ends.

  ## Nobody is left behind

  A command and all that it starts (children that fork twice or call `setsid` too) are one tree. The tree is ended when the command is
  stopped, when the process `pid` or its owner ends, when `run/2` has no time left, when a stream is halted, when an enumerable or a collectable
  raises, when the VM ends, be it by SIGKILL, and when `lookout_port` is killed. What a command leaves running when it exits by itself has
  `:linger` milliseconds until then; a daemon that is to live on needs `linger: :infinity`.

  In each case every process of the tree, whatever its process group or session, is sent `:stop_signal` (TERM) once. Then the whole tree has its
  grace to end, also where the command itself ends earlier, as the shell of `sh -c "server & wait"` does; what is left after that is sent KILL.
  The exit is reported when the tree is gone. Where the process `pid` lives on until then, it logs a warning when KILL was needed, unless `exit_details: true`
  reports it. Where it ends before (its owner or `lookout_port` has died), the tree still has its grace: a supervisor that starts the
  command anew at once may then meet the old one's port or lock for that time.

  Processes that change their user (`sudo`) may not be signalled by Lookout, unless it runs as root: then `stop/2` returns the error `:eperm`,
  which names one of them, and the exit comes when they have ended.

  SIGTERM, SIGINT, SIGHUP and SIGQUIT do not end `lookout_port`, only the end of the VM or of the process `pid` does: where a service manager sends
  SIGTERM to every process of a service, the command has its grace, too.

  Each command has a native process of its own and a small guardian beside it, and the guardian ends the tree even if the other is
  killed. Only when both are killed with SIGKILL at the same time can something be left.

  ## Input

      Lookout.Command.run(["gzip", "-c"], input: File.stream!("log"), into: File.stream!("log.gz"))
      Lookout.Command.stream(["sort"], input: Lookout.Command.stream(["find", "/srv"])) |> Enum.join()

  An enumerable is enumerated in a process of its own, element by element, no faster than the command reads (half a MiB ahead); each element is
  written when it comes. When the command reads no more, the enumeration is halted; an enumerable that is being waited for then has a second until
  its process is killed. One that raises, exits or throws ends the command with all its tree, and `run/2` and `stream/2` raise, exit or
  throw the same; an owner gets the error `:input_failed`.

  ## Slow owners

  Output is read only as far as the owner takes it; beyond that the command waits, as it would for a slow terminal. At most 256 KiB of each stream
  are on their way. With `active: true` some 64 pieces may be in the mailbox; with `active: n` (bytes), `:once` (a piece) or
  `false` output comes as it is asked for by `ask/2`. The exit comes after the output, so an owner that does not ask does not hear it.

  ## Options

    * `:cd` - the working directory; default that of the VM
    * `:env` - variables to set, or with `nil` to take away: a map or list; `:clear_env` - begin with none; default `false`
    * `:stdin` - `:null` (default) or `:pipe`, for `write/3`
    * `:input` - iodata, or an enumerable of iodata (not a list), written to standard input, which is closed after it; see "Input" below
    * `:stdout` - `:pipe` (default), `:null`, `:inherit` (where standard error of the VM goes), `{:file, path}` (written anew), `{:append, path}`
    * `:stderr` - the same, or `:stdout` to merge both; default `:pipe` for `start_link/2`, else `:inherit`. `run/2` and `stream/2` have more
    * `:pty` - `true` or `{rows, columns}`: a terminal instead of the three streams; its output is `:stdout`. Unless the command makes it raw,
      the kernel cuts an input line longer than 4,095 bytes
    * `:shell` - with `true` the command is a string for `/bin/sh -c`
    * `:rlimits` - limits of resources, such as `[nofile: 1024, core: {0, :infinity}]` (soft and hard)
    * `:nice` - niceness, -20 to 19
    * `:user`, `:group`, `:groups` - the user, the group and the supplementary groups of the command, see "Another user"
    * `:linger` - milliseconds that what is left of the tree may go on after the exit; default 500. With `:infinity` it is left alone, see "Daemons"
    * `:grace` - milliseconds between `:stop_signal` and KILL, however the command is ended; default 5,000 for `stop/2` and when a supervisor stops it, else 500
    * `:stop_signal` - the signal that asks the processes of the command to end, by name (`:int`) or number; default `:term`
    * `:cgroup` - `false` does without a cgroup of its own, which is otherwise used where cgroup v2 can be written; it makes the
      end of the tree atomic, even for programs that fork without end. A list sets limits of the tree, see "Limits of a tree"

  of `start_link/2` and the child specification also

    * `:owner` - the process that gets the messages: a pid, a name, or `nil` for none (then `:stdout` is `:null` unless given or logged)
    * `:active` - see above; default `true`
    * `:name` - as for `GenServer.start_link/3`
    * `:exit_details` - `true` adds `%{killed: boolean}` to the message of the exit; default `false`
    * `:log_output` - with `owner: nil`: a level of the logger, at which each line of standard output and standard error is logged, or `{level, options}`, see below
    * `:success` - the statuses after which its process ends with `:normal` under a supervisor; default `[0]`
    * `:exit_reason` - in its place, a function that gets the status and returns the reason with which the process ends under a supervisor
    * `:wait_for` - a path that has to exist, or a function that has to return a truthy value, before the start returns, see "Readiness"
    * `:start_timeout` - how many milliseconds (4,294,967,295 at most) the start waits for that, or `:infinity`; default 30,000

  ## Under a supervisor

      children = [{Lookout.Command, {["redis-server", "--port", "7000"], name: MyApp.Redis}}]

  Its process ends with the command: `:normal` after exit status 0, else with the reason `{:exit, status}`, so that `restart:
  :transient` restarts it after a failure. `:success` names other statuses that are no failure, and `:exit_reason` decides on any reason:

      {Lookout.Command, {["grep", "-q", "x", "log"], success: [0, 1]}}
      {Lookout.Command, {["worker"], exit_reason: fn 0 -> :normal; 75 -> {:shutdown, :no_work}; status -> {:exit, status} end}}

  Neither adds to the default: `:success` without 0, and a function that does not return `:normal` for it, make status 0 a failure.

  The owner is `nil` unless given: a supervisor takes no messages. One that is given hears the
  exit also when the supervisor stops the command.

  Its output is logged by lines with `:log_output`. Options are `:prefix` (default the name of the program and a colon), `:metadata` (a keyword list) and
  `:transform`, a function that gets a line and returns another one, or `nil` for none; it is called in the process of the command. Lines longer than 8 KiB come in parts:

      {Lookout.Command, {["redis-server"], log_output: {:info, prefix: "redis: ", metadata: [domain: [:redis]]}}}

  Without it, the last 4 KiB of standard error are logged, at level `:error`, when the command fails. `stderr: :null` does without.

  ## Readiness

      {Lookout.Command, {["postgres", "-D", "db"], wait_for: "/run/postgresql/.s.PGSQL.5432", start_timeout: 10_000}}
      {Lookout.Command, {["redis-server"], wait_for: fn -> match?({:ok, _}, :gen_tcp.connect('localhost', 6379, [])) end}}

  With `:wait_for`, `start_link/2` returns, and a supervisor goes on to the next child, when the command is ready: when the path exists (a file, a directory, a socket;
  a relative one is taken from the working directory of the VM; its directory, which may be missing, is watched), or when the function, which is called again and again, 10 ms after it has
  returned `nil` or `false`, returns anything else. The function runs in a process of its own, and may call the command by its name. A path that exists before the start counts: remove an old socket first.

  The start fails with `:exit_status`, with the status and, where there is no owner, the end of standard error in the error, when the command ends first; with `:timeout` after
  `:start_timeout`; with `:wait_failed` when the function raises, exits or throws. The command has been ended with its whole tree then.
  Its owner, where that is another process than the caller, may have been sent output of it.

  ## Daemons

      {:ok, _output, 0} = Lookout.Command.run(["epmd", "-daemon"], linger: :infinity)

  With `linger: :infinity`, what a command has started and leaves running when it exits is left alone, as with `System.cmd/3`: it belongs to nobody here, and no end of the VM
  ends it. While the command itself runs, its tree is ended with it as always, by `stop/2`, its owner, or the end of the VM. The exit does not wait for what is left: a daemon that keeps
  standard output open gets SIGPIPE, or `:epipe`, at its next write (give it `stdout: :null` or a file), and with `:pty` SIGHUP. Such a command has no cgroup of its own.

  ## Another user

      Lookout.Command.start_link(["redis-server"], user: "redis", cd: "/var/lib/redis")
      Lookout.Command.run(["id"], user: 1000, group: "www-data", groups: ["audio", 44])

  Root, or a VM with the capabilities CAP_SETUID, CAP_SETGID and CAP_KILL, may run a command as another user; others get the error `:eperm`. Real, effective and saved ids are set, and
  for a user other than root all capabilities are dropped, so the command cannot go back; its cgroup and its guardian stay out of its reach. Names are looked up in the databases of the system: `:bad_user` and
  `:bad_group` are the errors for one that is not there, which is named. Without `:group` it is the primary group of the user; without `:groups` the supplementary groups are those of the user
  in the group database, and without a user none.

  With `:user`, the variables `HOME`, `USER` and `LOGNAME` are those of that user (of a number without an entry in the database: taken away), unless `:env` has them; other variables are inherited
  as always, and with `clear_env: true` none is set. The program is looked for in `PATH`, and the working directory, by default that of the VM, is entered, as the user (`:bad_directory` where it may not); files of `:stdout` and `:stderr` are opened, and made or emptied, before that and as the user of the VM.
  With `:inherit`, the default of standard error in `run/2` and `stream/2`, the command has that of the VM open, which it can also read where that is a terminal.
  A terminal, and the pipes, belong to the user (where the VM is not root, with CAP_CHOWN). `:rlimits` and `:nice` are set before the user, with the rights of the VM.

  ## Limits of a tree

      Lookout.Command.run(["make", "-j8"], cgroup: [memory_max: 1_073_741_824, cpu_max: 1.5, pids_max: 200])

  `:memory_max` is in bytes (beyond it the kernel kills a process of the tree), `:cpu_max` in processors (`0.5` is half of one), `:pids_max` counts processes and threads. They are limits of the cgroup (version 2) of the command, and hold for
  all processes of it together. They need a VM whose cgroup has these controllers and may pass them on; where one is missing nothing is started, and the error `:enotsup` says what is missing. With systemd,
  `Delegate=yes` and `DelegateSubgroup=` in the service of the VM give it that (the cgroup of the command is then beside that of the VM). A command that runs as root, or as the user of the VM, can lift its limits: give one that is not trusted a `:user`.

  ## Secrets

  No log, crash report, supervisor report or status shows the values of `:env` and `:input`, nor what `write/3` was given, and the process of a
  command keeps the environment only until the native program has it. Both options may be functions without arguments that return the value, called
  at each start; `child_spec/1` wraps the values in such functions, and a child specification written by hand should have them:

      {Lookout.Command, {["my_server"], env: fn -> %{"DB_PASSWORD" => MyApp.Vault.read!("db")} end}}

  The words of a command are no place for secrets: every user of the machine can read them (`ps`). What a function or an enumerable of yours raises is
  re-raised to you unchanged by `run/2` and `stream/2`; the reason of a supervised command has the name of the exception only. On OTP 24 the log of a crash in the
  middle of a `write/3` from another node shows its bytes. What a command itself writes to standard error is logged when it fails and no owner
  reads it.

  ## Errors

  Functions end in `{:error, %Lookout.Error{}}`; the reason is one of `:enoent` (no such program), `:eacces` (it may not be
  executed), `:enoexec`, `:bad_directory`, `:nul_byte`, `:empty_argv`, `:e2big`, `:bad_limit`, `:bad_user`, `:bad_group`, `:eperm` (another user), `:enotsup` (limits of a cgroup), `:closed` (a write after the end
  of the input), `:epipe` (the command does not read), `:input_failed`, `:not_running` (after the exit), `:timeout`, `:etimedout` (a start that had no outcome
  for 30 s), `:unsupported_system` (not Linux), or another errno of what failed. Options that make no sense raise `ArgumentError`.
  """

  alias Lookout.Command.{Calls, Item, Once, Options, Printer, Server}
  alias Lookout.{Error, Sealed}

  @typedoc "A program and its arguments, or with `shell: true` a line for `/bin/sh`."
  @type command :: [binary, ...] | binary

  @typedoc "How it ended. Names of signals are as in `kill -l`, in lower case."
  @type status :: 0..255 | {:signal, atom}

  @type target :: :pipe | :null | :inherit | {:file | :append, Path.t()}
  @type limit :: non_neg_integer | :infinity

  @typedoc "A user or a group: a name or a number."
  @type account :: binary | 0..4_294_967_294

  @type cgroup_limit :: {:memory_max, pos_integer} | {:cpu_max, number} | {:pids_max, pos_integer}

  @typedoc "See `stats/1`."
  @type stats :: %{
          cpu_user: non_neg_integer,
          cpu_system: non_neg_integer,
          cpu_from: :cgroup | :proc,
          memory_peak: non_neg_integer,
          memory_from: :cgroup | :proc
        }

  @type common_option ::
          {:cd, Path.t()}
          | {:env, Enumerable.t() | (() -> Enumerable.t())}
          | {:clear_env, boolean}
          | {:stdin, :null | :pipe}
          | {:input, iodata | Enumerable.t() | (() -> iodata | Enumerable.t())}
          | {:stdout, target}
          | {:stderr, target | :stdout}
          | {:pty, true | {pos_integer, pos_integer}}
          | {:shell, boolean}
          | {:rlimits, [{atom, limit | {limit, limit}}]}
          | {:nice, -20..19}
          | {:user, account}
          | {:group, account}
          | {:groups, [account]}
          | {:linger, non_neg_integer | :infinity}
          | {:grace, non_neg_integer}
          | {:stop_signal, atom | 1..64}
          | {:cgroup, boolean | [cgroup_limit, ...]}

  @type start_option ::
          common_option
          | {:owner, nil | pid | atom}
          | {:active, boolean | :once | non_neg_integer}
          | {:name, GenServer.name()}
          | {:exit_details, boolean}
          | {:log_output, :logger.level() | {:logger.level(), [log_option]}}
          | {:success, [status, ...]}
          | {:exit_reason, (status -> term)}
          | {:wait_for, Path.t() | (() -> term)}
          | {:start_timeout, timeout}

  @type log_option :: {:prefix, binary} | {:metadata, keyword} | {:transform, (binary -> nil | binary)}

  @type run_option :: common_option | {:timeout, timeout} | {:into, Collectable.t()} | {:stderr, :separate}
  @type stream_option :: common_option | {:exit_status, boolean} | {:stderr, :separate | :tagged}

  @typedoc "What `run/2` returns: with `stderr: :separate` both streams."
  @type output :: Collectable.t() | %{stdout: Collectable.t(), stderr: binary}

  @typedoc "What the owner is sent."
  @type message ::
          {:lookout_command, pid,
           {:stdout | :stderr, binary} | {:exit, status} | {:exit, status, %{killed: boolean}} | {:error, Error.t()}}

  @doc """
  Runs a command to its end and returns its output.

      {:ok, output, 0} = Lookout.Command.run(["git", "log", "-1"], cd: "/srv/app", timeout: 10_000)

  Takes the options above, and

    * `:timeout` - milliseconds (4,294,967,295 at most), of which the start is a part; a command that takes longer is ended with all its tree, within the grace and a second, and the output that came
      until then is returned with `:timeout` in place of the status; default `:infinity`
    * `:into` - a collectable for the output, as in `System.cmd/3`; default `""`
    * `:stderr` - also `:separate`: the output is then `%{stdout: output, stderr: binary}`

  Standard error goes where that of the VM goes, as with `System.cmd/3`; `stderr: :stdout` merges it into the output.

      {:ok, "started\\n", :timeout} = Lookout.Command.run("echo started; sleep 60", shell: true, timeout: 500)
      {:ok, %{stdout: "", stderr: "no\\n"}, 3} = Lookout.Command.run("echo no >&2; exit 3", shell: true, stderr: :separate)
  """
  @spec run(command, [run_option]) :: {:ok, output, status | :timeout} | {:error, Error.t()}
  def run(command, options \\ []) do
    with {:ok, options} <- Options.parse(:run, command, options),
         {:ok, output, status} <- Once.run(options) do
      {:ok, output, Item.status(status)}
    end
  end

  @doc """
  As `run/2`, but returns `{output, status}` as `System.cmd/3` does, where a signal is 128 and its number, and raises `Lookout.Error` on an error. A time
  that is up is `{output, :timeout}`.
  """
  @spec run!(command, [run_option]) :: {output, 0..255 | :timeout}
  def run!(command, options \\ []) do
    with {:ok, options} <- Options.parse(:run, command, options),
         {:ok, output, status} <- Once.run(options) do
      {output, exit_code(status)}
    else
      {:error, error} -> raise error
    end
  end

  defp exit_code({:signal, _name, number}), do: 128 + number
  defp exit_code(code_or_timeout), do: code_or_timeout

  @doc """
  The standard output of a command as a stream of binaries.

      Lookout.Command.stream(["journalctl", "-f"]) |> Enum.take(3)

  The command is started when the enumeration starts, runs no faster than it is read, and is ended with the enumeration, which waits for
  that: at most the grace and a second. Raises
  `Lookout.Error` when it cannot be started, and at its end when it has not exited with 0: the error has the `:status`.

  Takes the options above, and

    * `:exit_status` - with `true` the last element is `{:exit, status}`, and no status raises; default `false`
    * `:stderr` - also `:tagged`: the elements are `{:stdout | :stderr, binary}`; or `:separate`: standard error is read and is no part of the stream. With both
      the error has its last 4 KiB as `:stderr`

        for {:stderr, line} <- Lookout.Command.stream(["make"], stderr: :tagged, exit_status: true), do: Logger.warning(line)
  """
  @spec stream(command, [stream_option]) :: Enumerable.t()
  def stream(command, options \\ []) do
    # Checked twice: what makes no sense is said now, and what is relative is taken from where it is read.
    _ = Options.parse(:stream, command, options)
    Once.stream(fn -> Options.parse(:stream, command, options) end)
  end

  @doc "Starts a command, linked to the caller, and returns when its program runs."
  @spec start_link(command, [start_option]) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(command, options \\ []) do
    with {:ok, options} <- Options.parse(:start_link, command, options), do: Server.start_link(options)
  end

  @doc """
  Runs a command until it ends, prints its output by lines, and returns `:ok` after exit status 0. For the watchers of Phoenix:

      config :my_app, MyAppWeb.Endpoint,
        watchers: [vite: {Lookout.Command, :watch, [["npx", "vite", "build", "--watch"], [cd: "assets"]]}]

  Its standard input is a pipe that stays open for as long as the calling process lives, and it ends with that process. Exits with `{:exit, status}` after another
  status, and with `:shutdown` when the command cannot be started, which is logged: a supervisor restarts it after the former only. Secrets in `:env` must be
  in a function (see "Secrets"): the log of a task that fails has its arguments.

  Takes the options above. Standard output goes to the group leader, standard error to standard error of the VM.
  """
  @spec watch(command, [common_option]) :: :ok
  def watch(command, options \\ []) do
    case with({:ok, options} <- Options.parse(:watch, command, options), do: Server.start_link(options)) do
      {:ok, pid} ->
        last = Printer.follow(pid)
        Process.unlink(pid)

        # Of a caller that traps exits.
        receive do
          {:EXIT, ^pid, _reason} -> :ok
        after
          0 -> if last == {:exit, 0}, do: :ok, else: exit(last)
        end

      {:error, error} ->
        :logger.error("Lookout.Command: " <> Exception.message(error))
        exit(:shutdown)
    end
  end

  @doc "A child specification, of a command or `{command, options}`. Its id is the `:name`, or `Lookout.Command`."
  @spec child_spec(command | {command, [start_option]}) :: Supervisor.child_spec()
  def child_spec({command, options}) do
    shutdown = Options.shutdown!(options)
    options = Keyword.put_new(options, :owner, nil)

    %{
      id: options[:name] || __MODULE__,
      start: {__MODULE__, :start_link, [command, Sealed.options(options)]},
      type: :worker,
      modules: [Server],
      shutdown: shutdown
    }
  end

  def child_spec(command), do: child_spec({command, []})

  @doc """
  Writes to standard input. Returns when the bytes are on their way: at most 256 KiB wait for a command that does not read, and
  after `timeout` milliseconds the rest is dropped, with the error `:timeout`, whose `detail` says how many bytes were taken and what held up the others: a command that does
  not read, or an owner that does not take its output.
  """
  @spec write(GenServer.server(), iodata, timeout) :: :ok | {:error, Error.t()}
  def write(command, iodata, timeout \\ 5_000) do
    Calls.write(command, bytes!(iodata), timeout)
  end

  # An error of IO.iodata_to_binary/1 has its argument in the stacktrace.
  defp bytes!(iodata) do
    IO.iodata_to_binary(iodata)
  rescue
    ArgumentError -> raise ArgumentError, "Lookout.Command.write/3: expected iodata, got: " <> Sealed.describe(iodata)
  end

  @doc """
  Closes standard input, after what was written. A terminal gets its end-of-file character: ^D, and two of them within a line.
  """
  @spec close_stdin(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def close_stdin(command, timeout \\ 5_000), do: Calls.close_stdin(command, timeout)

  @doc """
  Sends a signal, by name (`:term`) or number, to the process group of the command. With `:pty`, the signals that the keys of a terminal send
  (`:int`, `:quit`, `:tstp`) go to the foreground process group of the terminal, as Ctrl-C does. The error `:not_running` is returned once the command has exited, `:eperm` where it runs as another user (sudo) that may not be signalled.
  """
  @spec signal(GenServer.server(), atom | 1..64) :: :ok | {:error, Error.t()}
  def signal(command, signal) when is_atom(signal) or signal in 1..64 do
    Calls.call(command, {:signal, signal}, 5_000, :signal)
  end

  def signal(_command, other), do: bad!("signal", "the name of a signal, as :term, or its number from 1 to 64", other)

  @doc "Sets the size of the window of a command with `:pty`."
  @spec resize(GenServer.server(), {pos_integer, pos_integer}) :: :ok | {:error, Error.t()}
  def resize(command, {rows, columns}) when rows in 1..65_535 and columns in 1..65_535 do
    Calls.call(command, {:resize, {rows, columns}}, 5_000, :resize)
  end

  def resize(_command, other), do: bad!("resize", "{rows, columns}, each from 1 to 65_535", other)

  @doc """
  Ends the command: the `:stop_signal` to every process of its tree, and after `grace` milliseconds (default: the option `:grace`) KILL to whatever is
  left of it. Returns when nothing is left. The owner hears the exit as always; output that it has no room for is dropped.

  The errors name a process that goes on: `:eperm`, a second after KILL, where it runs as another user and may not be signalled; `:etimedout`,
  after three seconds, where it has not ended, as in an uninterruptible system call, or where thousands of cgroups that the command has made are
  still being removed; `:emfile` where a process has set the limit of open files of `lookout_port` to 0 (`prlimit(2)`).
  """
  @spec stop(GenServer.server(), nil | non_neg_integer) :: :ok | {:error, Error.t()}
  def stop(command, grace \\ nil)

  def stop(command, grace) when is_nil(grace) or grace in 0..3_600_000 do
    Calls.call(command, {:stop, grace}, :infinity, :stop)
  end

  def stop(_command, other), do: bad!("stop", "milliseconds from 0 to 3_600_000, or nil", other)

  @doc "The process id of the command."
  @spec os_pid(GenServer.server()) :: {:ok, pos_integer} | {:error, Error.t()}
  def os_pid(command), do: Calls.call(command, :os_pid, 5_000, :os_pid)

  @doc """
  Waits for the exit. The owner takes the message of it out of its mailbox with that, and may call this, with the pid, after it has come:
  a name is gone with the exit, and then `:not_running`. Others must call before the exit.

  The exit comes after the output, and an owner that waits here takes none: a command that may say more than some 64 pieces should be given another
  place for that (`stdout: :null`, a file), or be run by `run/2`.
  """
  @spec await(GenServer.server(), timeout) :: {:ok, status} | {:error, Error.t()}
  def await(command, timeout \\ :infinity), do: Calls.await(command, timeout)

  @doc """
  What the processes of the command, that is of its whole tree, have used until now.

      {:ok, %{cpu_user: 1_210_000, cpu_system: 40_000, memory_peak: 9_437_184}} = Lookout.Command.stats(pid)

  The keys of the map:

    * `:cpu_user`, `:cpu_system` - CPU time in microseconds, of processes that have ended, too
    * `:memory_peak` - the most memory that was in use, in bytes
    * `:cpu_from`, `:memory_from` - where these are from. `:cgroup`: the kernel has counted the whole tree in the cgroup of the command (`cpu.stat`, `memory.peak`;
      the latter needs the memory controller, which limits enable, and Linux 5.19). `:proc`, elsewhere: the CPU time is added up from `/proc` by clock ticks (10 ms), without
      ended processes that nobody has waited for; the memory is the sum of the largest resident sizes of the processes that live now, in which
      shared pages count for each

  The error `:not_running` is returned once the command has exited and nothing is left of it.
  """
  @spec stats(GenServer.server()) :: {:ok, stats} | {:error, Error.t()}
  def stats(command), do: Calls.call(command, :stats, 5_000, :stats)

  @doc "Lets an owner with `active: n`, `:once` or `false` have so many bytes more, or with `:once` the next piece."
  @spec ask(GenServer.server(), pos_integer | :once) :: :ok | {:error, Error.t()}
  def ask(command, more) when more == :once or (is_integer(more) and more > 0) do
    Calls.call(command, {:ask, more}, 5_000, :ask)
  end

  def ask(_command, other), do: bad!("ask", ":once or a count of bytes (1 or more)", other)

  @spec bad!(binary, binary, term) :: no_return
  defp bad!(function, expected, given) do
    raise ArgumentError, "Lookout.Command: #{function}: expected #{expected}, got: #{inspect(given)}"
  end
end
