defmodule Lookout.Command do
  @moduledoc """
  Runs operating-system processes: supervised, streamed with back-pressure, and ended together with all processes that they have started.

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

  Lookout passes the words to the program unchanged. No shell interprets them, except with `shell: true`.

  ## Messages

  The owner, which is the process that called `start_link/2`, gets

    * `{:lookout_command, pid, {:stdout | :stderr, binary}}` - a piece of output, at most 64 KiB
    * `{:lookout_command, pid, {:exit, status}}` - the final message: `0..255`, or `{:signal, name}` such as `{:signal, :kill}`. It arrives
      after all output, when no process of the command is left. With `exit_details: true` it is `{:exit, status, %{killed: boolean}}`, where
      `killed` is true if a process had not ended after its grace, and was sent KILL
    * `{:lookout_command, pid, {:error, %Lookout.Error{}}}` - the final message instead of the exit, if the native program that runs the
      command was killed, or the enumerable of `:input` failed

  Then the process `pid` exits.

  ## No process is left behind

  A command and all processes that it starts (also children that fork twice or call `setsid`) are one tree. Lookout ends the tree when the
  command is stopped, when the process `pid` or its owner exits, when the `:timeout` of `run/2` passes, when a stream is halted, when an
  enumerable or a collectable raises, when the VM ends, even by SIGKILL, and when `lookout_port` is killed. When a command exits by itself,
  the processes that it leaves behind have `:linger` milliseconds until Lookout ends them; a daemon needs `linger: :infinity`.

  In each case Lookout sends `:stop_signal` (TERM) once to every process of the tree, whatever its process group or session. The whole tree
  then has its grace, even if the command itself ends earlier, as does the shell of `sh -c "server & wait"`. The processes that are left
  after the grace are sent KILL. The exit is reported when the tree is gone. If the process `pid` is alive until then, it logs a warning when
  KILL was needed, unless `exit_details: true` reports that. If `pid` exits earlier (its owner or `lookout_port` has died), the tree still
  has its grace; a supervisor that restarts the command at once may find a port or lock still in use during that time.

  Lookout may not signal processes that change their user (`sudo`), unless it runs as root. Then `stop/2` returns the error `:eperm`, which
  names one of these processes, and the exit is reported when they have ended.

  SIGTERM, SIGINT, SIGHUP and SIGQUIT do not end `lookout_port`; only the end of the VM or of the process `pid` does. So if a service manager
  sends SIGTERM to every process of a service, the command still has its grace.

  Each command has its own native process and a small guardian process, and the guardian ends the tree even if the native process is killed.
  Processes can be left behind only if both are killed with SIGKILL at the same time.

  ## Input

      Lookout.Command.run(["gzip", "-c"], input: File.stream!("log"), into: File.stream!("log.gz"))
      Lookout.Command.stream(["sort"], input: Lookout.Command.stream(["find", "/srv"])) |> Enum.join()

  A separate process enumerates an enumerable, element by element, no faster than the command reads (half a MiB ahead), and writes each
  element at once. When the command closes its standard input, the enumeration is halted; if the enumerable blocks at that time, its process
  is killed after a second. An enumerable that raises, exits or throws ends the command with its whole tree, and `run/2` and `stream/2`
  raise, exit or throw the same; an owner gets the error `:input_failed`.

  ## Slow owners

  Lookout reads output only as fast as the owner takes it; beyond that the command blocks, as with a slow terminal. At most 256 KiB of each
  stream are buffered. With `active: true` up to some 64 pieces may be in the mailbox. With `active: n` (bytes), `:once` (a piece) or
  `false`, output is sent only as far as `ask/2` allows. The exit is sent after the output, so an owner that does not ask does not get it.

  ## Options

    * `:cd` - the working directory; default that of the VM
    * `:env` - variables to set, or with `nil` to unset: a map or list; `:clear_env` - start with an empty environment; default `false`
    * `:stdin` - `:null` (default) or `:pipe`, for `write/3`
    * `:input` - iodata, or an enumerable of iodata (not a list), written to standard input, which is closed after it; see "Input"
    * `:stdout` - `:pipe` (default), `:null`, `:inherit` (standard error of the VM), `{:file, path}` (truncated first), `{:append, path}`
    * `:stderr` - the same, or `:stdout` to merge both; default `:pipe` for `start_link/2`, else `:inherit`. `run/2` and `stream/2` have more
    * `:pty` - `true` or `{rows, columns}`: a terminal instead of the three streams; its output is `:stdout`. Unless the command makes it raw,
      the kernel cuts an input line longer than 4,095 bytes
    * `:shell` - with `true` the command is a string for `/bin/sh -c`
    * `:rlimits` - limits of resources, such as `[nofile: 1024, core: {0, :infinity}]` (soft and hard)
    * `:nice` - niceness, -20 to 19
    * `:user`, `:group`, `:groups` - the user, the group and the supplementary groups of the command, see "Another user"
    * `:linger` - milliseconds that the rest of the tree may run after the command has exited; default 500. With `:infinity` it is not ended,
      see "Daemons"
    * `:grace` - milliseconds between `:stop_signal` and KILL, however the command is ended; default 5,000 for `stop/2` and when a supervisor
      stops it, else 500
    * `:stop_signal` - the signal that asks the processes of the command to end, by name (`:int`) or number; default `:term`
    * `:node` - the name of a `lookout_port --node` that was started with `--commands`: the command runs on its machine, see "Another machine"
    * `:cgroup` - with `false`, the command gets no cgroup of its own. Otherwise it gets one where cgroup v2 is writable, which makes the end
      of the tree atomic, even for a fork bomb. A list sets limits of the tree, see "Limits of a tree"

  `start_link/2` and the child specification also take

    * `:owner` - the process that gets the messages: a pid, a name, or `nil` for none (then `:stdout` is `:null` unless given or logged)
    * `:active` - see above; default `true`
    * `:name` - as for `GenServer.start_link/3`
    * `:exit_details` - `true` adds `%{killed: boolean}` to the message of the exit; default `false`
    * `:log_output` - with `owner: nil`: a level of the logger, at which each line of standard output and standard error is logged, or
      `{level, options}`, see below
    * `:success` - the statuses after which the process `pid` exits with `:normal` under a supervisor; default `[0]`
    * `:exit_reason` - instead of `:success`, a function that gets the status and returns the exit reason of the process under a supervisor
    * `:wait_for` - a path that has to exist, or a function that has to return a truthy value, before the start returns, see "Readiness"
    * `:start_timeout` - how many milliseconds (4,294,967,295 at most) the start waits for that, or `:infinity`; default 30,000

  ## Under a supervisor

      children = [{Lookout.Command, {["redis-server", "--port", "7000"], name: MyApp.Redis}}]

  The process exits when the command ends: with `:normal` after exit status 0, else with the reason `{:exit, status}`, so that `restart:
  :transient` restarts it after a failure. `:success` lists the statuses that are no failure, and `:exit_reason` returns any other reason:

      {Lookout.Command, {["grep", "-q", "x", "log"], success: [0, 1]}}
      {Lookout.Command, {["worker"], exit_reason: fn 0 -> :normal; 75 -> {:shutdown, :no_work}; status -> {:exit, status} end}}

  Both replace the default: status 0 is a failure if `:success` does not contain it, or if the function does not return `:normal` for it.

  The default of `:owner` is `nil`, since a supervisor expects no messages. An owner that is given gets the exit also when the supervisor
  stops the command.

  With `:log_output` the output is logged line by line. Options are `:prefix` (default: the name of the program and a colon), `:metadata` (a
  keyword list) and `:transform`, a function that gets a line and returns another one, or `nil` to drop it; it is called in the process of
  the command. Lines longer than 8 KiB are split:

      {Lookout.Command, {["redis-server"], log_output: {:info, prefix: "redis: ", metadata: [domain: [:redis]]}}}

  Without `:log_output`, the last 4 KiB of standard error are logged, at level `:error`, when the command fails. `stderr: :null` disables
  that.

  ## Readiness

      {Lookout.Command, {["postgres", "-D", "db"], wait_for: "/run/postgresql/.s.PGSQL.5432", start_timeout: 10_000}}
      {Lookout.Command, {["redis-server"], wait_for: fn -> match?({:ok, _}, :gen_tcp.connect('localhost', 6379, [])) end}}

  With `:wait_for`, `start_link/2` returns, and a supervisor starts the next child, when the command is ready. With a path: when it exists
  (a file, a directory, a socket; a relative path is relative to the working directory of the VM; Lookout watches its directory, which may be
  missing). With a function: when it returns a truthy value; it is called again 10 ms after it has returned `nil` or `false`. The function
  runs in a separate process, and may call the command by its name. A path that exists before the start counts: remove an old socket first.

  The start fails with `:exit_status` if the command ends first (the error has the status and, if there is no owner, the end of standard
  error); with `:timeout` after `:start_timeout`; and with `:wait_failed` if the function raises, exits or throws. The command has then been
  ended with its whole tree. An owner that is not the caller may have received output of it.

  ## Daemons

      {:ok, _output, 0} = Lookout.Command.run(["epmd", "-daemon"], linger: :infinity)

  With `linger: :infinity`, Lookout does not end the processes that a command leaves running when it exits, as with `System.cmd/3`: nothing
  in the VM owns them, and they survive the VM. While the command itself is running, its tree is ended as always, by `stop/2`, by its owner,
  or by the end of the VM. The exit does not wait for the processes that are left: a daemon that keeps standard output open gets SIGPIPE, or
  the error EPIPE, at its next write (give it `stdout: :null` or a file), and with `:pty` SIGHUP. Such a command has no cgroup of its own.

  ## Another user

      Lookout.Command.start_link(["redis-server"], user: "redis", cd: "/var/lib/redis")
      Lookout.Command.run(["id"], user: 1000, group: "www-data", groups: ["audio", 44])

  Root, or a VM with the capabilities CAP_SETUID, CAP_SETGID and CAP_KILL, may run a command as another user; others get the error `:eperm`.
  Lookout sets the real, effective and saved ids, and drops all capabilities for a user other than root, so the command cannot switch
  back; it has no access to its cgroup and its guardian. Names are looked up in the user and group databases of the system; the errors
  `:bad_user` and `:bad_group` name an unknown one. Without `:group` the command gets the primary group of the user. Without `:groups` it
  gets the supplementary groups of the user in the group database, or none if there is no user.

  With `:user`, Lookout sets the variables `HOME`, `USER` and `LOGNAME` to those of that user, unless `:env` contains them; for a numeric id
  without an entry in the database it unsets them. Other variables are inherited as always; with `clear_env: true` none is set. The program
  is searched in `PATH`, and the working directory (by default that of the VM) is entered, as the user: `:bad_directory` if the user may not
  enter it. Files of `:stdout` and `:stderr` are opened, and created or truncated, before that and as the user of the VM. With `:inherit`,
  the default of standard error in `run/2` and `stream/2`, the command gets the descriptor of the VM, which it can also read if that is a
  terminal. A terminal and the pipes belong to the user (if the VM is not root: only with CAP_CHOWN). `:rlimits` and `:nice` are set before
  the user, with the privileges of the VM.

  ## Limits of a tree

      Lookout.Command.run(["make", "-j8"], cgroup: [memory_max: 1_073_741_824, cpu_max: 1.5, pids_max: 200])

  `:memory_max` is in bytes (beyond it the kernel kills a process of the tree), `:cpu_max` in processors (`0.5` is half of one), and
  `:pids_max` counts processes and threads. They are limits of the cgroup (version 2) of the command, and apply to all its processes
  together. They need a VM whose cgroup has these controllers and may delegate them; if one is missing, nothing is started, and the error
  `:enotsup` names it. With systemd, `Delegate=yes` and `DelegateSubgroup=` in the service of the VM provide that (the cgroup of the command
  is then a sibling of that of the VM). A command that runs as root, or as the user of the VM, can lift its limits: give an untrusted one a
  `:user`.

  ## Another machine

      {:ok, output, 0} = Lookout.Command.run(["sha256sum", "in/file"], node: :"watch@storage", cd: "/srv")

  The process of the command is here, the command runs as the user of that `lookout_port`, with its environment and the working directory
  `/` unless `:cd` is given. Paths are absolute and of that machine, and `:inherit` is the standard error of that `lookout_port`. A path of
  `:wait_for` is one there, too, in a directory that the node allows to watch; a function is called here. When the connection is lost, the
  command ends with its tree, as soon as the node notices that, and the final message here is the error `:nodedown`. Nothing is encrypted on
  the way, environment and input included, unless the cluster uses TLS. See guides/watching-another-machine.md.

  ## Secrets

  No log, crash report, supervisor report or status shows the values of `:env` and `:input`, or the bytes passed to `write/3`. The process of
  a command keeps the environment only until it has sent it to the native program. Both options may be functions without arguments that
  return the value; they are called at each start. `child_spec/1` wraps the values in such functions; in a child specification written by
  hand use functions, too:

      {Lookout.Command, {["my_server"], env: fn -> %{"DB_PASSWORD" => MyApp.Vault.read!("db")} end}}

  Do not put secrets into the arguments of a command: every user of the machine can read them (`ps`). `run/2` and `stream/2` re-raise an
  exception of your function or enumerable unchanged; the exit reason of a supervised command contains only the name of the exception. On OTP
  24 the log of a crash during a `write/3` from another node shows its bytes. The standard error of a command is logged if the command fails
  and no owner reads it.

  ## Errors

  Functions return `{:error, %Lookout.Error{}}`. The reason is one of `:enoent` (no such program), `:eacces` (it may not be executed),
  `:enoexec`, `:bad_directory`, `:nul_byte`, `:empty_argv`, `:e2big`, `:bad_limit`, `:bad_user`, `:bad_group`, `:eperm` (another user),
  `:enotsup` (limits of a cgroup), `:closed` (a write after the end of the input), `:epipe` (the command does not read its input),
  `:input_failed`, `:not_running` (after the exit), `:nodedown` and `:not_allowed` (with `:node`), `:timeout`, `:etimedout` (a start without a result for 30 s), `:unsupported_system` (not
  Linux), or the errno of another failed system call. Invalid options raise `ArgumentError`.
  """

  alias Lookout.Command.{Calls, Item, Once, Options, Printer, Server}
  alias Lookout.{Error, Sealed}

  @typedoc "A program and its arguments, or with `shell: true` a line for `/bin/sh`."
  @type command :: [binary, ...] | binary

  @typedoc "How the command ended. Names of signals are as in `kill -l`, in lower case."
  @type status :: 0..255 | {:signal, atom}

  @typedoc "Where a stream of output goes."
  @type target :: :pipe | :null | :inherit | {:file | :append, Path.t()}
  @typedoc "A limit of a resource, as in setrlimit(2)."
  @type limit :: non_neg_integer | :infinity

  @typedoc "A user or a group: a name or a number."
  @type account :: binary | 0..4_294_967_294

  @typedoc "A limit of the whole tree, see \"Limits of a tree\"."
  @type cgroup_limit :: {:memory_max, pos_integer} | {:cpu_max, number} | {:pids_max, pos_integer}

  @typedoc "See `stats/1`."
  @type stats :: %{
          cpu_user: non_neg_integer,
          cpu_system: non_neg_integer,
          cpu_from: :cgroup | :proc,
          memory_peak: non_neg_integer,
          memory_from: :cgroup | :proc
        }

  @typedoc "An option of every function that starts a command."
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
          | {:node, node}

  @typedoc "An option of `start_link/2` and of a child specification."
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

  @typedoc "An option of `:log_output`."
  @type log_option :: {:prefix, binary} | {:metadata, keyword} | {:transform, (binary -> nil | binary)}

  @typedoc "An option of `run/2` and `run!/2`."
  @type run_option :: common_option | {:timeout, timeout} | {:into, Collectable.t()} | {:stderr, :separate}
  @typedoc "An option of `stream/2`."
  @type stream_option :: common_option | {:exit_status, boolean} | {:stderr, :separate | :tagged}

  @typedoc "The output that `run/2` returns; with `stderr: :separate` both streams."
  @type output :: Collectable.t() | %{stdout: Collectable.t(), stderr: binary}

  @typedoc "A message to the owner."
  @type message ::
          {:lookout_command, pid,
           {:stdout | :stderr, binary} | {:exit, status} | {:exit, status, %{killed: boolean}} | {:error, Error.t()}}

  @doc """
  Runs a command to its end and returns its output.

      {:ok, output, 0} = Lookout.Command.run(["git", "log", "-1"], cd: "/srv/app", timeout: 10_000)

  Takes the options above, and

    * `:timeout` - milliseconds (4,294,967,295 at most), including the start. A command that takes longer is ended with its whole tree, within
      the grace and a second, and the output up to then is returned with `:timeout` in place of the status; default `:infinity`
    * `:into` - a collectable for the output, as in `System.cmd/3`; default `""`
    * `:stderr` - also `:separate`: the output is then `%{stdout: output, stderr: binary}`

  Standard error goes to that of the VM, as with `System.cmd/3`; `stderr: :stdout` merges it into the output.

      iex> Lookout.Command.run("echo no >&2; exit 3", shell: true, stderr: :separate)
      {:ok, %{stdout: "", stderr: "no\\n"}, 3}
      iex> Lookout.Command.run(["sleep", "60"], timeout: 50)
      {:ok, "", :timeout}
  """
  @spec run(command, [run_option]) :: {:ok, output, status | :timeout} | {:error, Error.t()}
  def run(command, options \\ []) do
    with {:ok, options} <- Options.parse(:run, command, options),
         {:ok, output, status} <- Once.run(options) do
      {:ok, output, Item.status(status)}
    end
  end

  @doc """
  As `run/2`, but returns `{output, status}` as `System.cmd/3` does, where the status of a signal is 128 plus its number, and raises
  `Lookout.Error` on an error. After the `:timeout` it returns `{output, :timeout}`.

      iex> Lookout.Command.run!(["sh", "-c", "echo hello; kill -KILL $$"])
      {"hello\\n", 137}
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

  The command is started when the enumeration starts, runs no faster than its output is read, and is ended with the enumeration, which
  waits for that end: at most the grace and a second. Raises `Lookout.Error` if the command cannot be started, and at its end if it has not
  exited with 0: the error has the `:status`.

  Takes the options above, and

    * `:exit_status` - with `true` the last element is `{:exit, status}`, and no status raises; default `false`
    * `:stderr` - also `:tagged`: the elements are `{:stdout | :stderr, binary}`; or `:separate`: standard error is read, but is not part of
      the stream. With both the error has the last 4 KiB of standard error as `:stderr`

        for {:stderr, line} <- Lookout.Command.stream(["make"], stderr: :tagged, exit_status: true), do: Logger.warning(line)

  For example:

      iex> Lookout.Command.stream(["sort"], input: Stream.map(["b\\n", "a\\n"], & &1)) |> Enum.join()
      "a\\nb\\n"
  """
  @spec stream(command, [stream_option]) :: Enumerable.t()
  def stream(command, options \\ []) do
    # Checks the options twice: invalid ones raise now, and relative paths are resolved when the enumeration starts.
    _ = Options.parse(:stream, command, options)
    Once.stream(fn -> Options.parse(:stream, command, options) end)
  end

  @doc """
  Starts a command, linked to the caller, and returns when its program is running.

      iex> {:ok, pid} = Lookout.Command.start_link(["echo", "hello"])
      iex> receive do
      ...>   {:lookout_command, ^pid, {:stdout, bytes}} -> bytes
      ...> end
      "hello\\n"
      iex> receive do
      ...>   {:lookout_command, ^pid, {:exit, status}} -> status
      ...> end
      0
  """
  @spec start_link(command, [start_option]) :: {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(command, options \\ []) do
    with {:ok, options} <- Options.parse(:start_link, command, options), do: Server.start_link(options)
  end

  @doc """
  Runs a command until it ends, prints its output line by line, and returns `:ok` after exit status 0. For the watchers of Phoenix:

      config :my_app, MyAppWeb.Endpoint,
        watchers: [vite: {Lookout.Command, :watch, [["npx", "vite", "build", "--watch"], [cd: "assets"]]}]

  The standard input of the command is a pipe that stays open as long as the calling process lives; the command ends with that process.
  Exits with `{:exit, status}` after another status, and with `:shutdown` if the command cannot be started, which is logged: a supervisor
  restarts it only after the former. Secrets in `:env` must be in a function (see "Secrets"): the log of a failed task contains its
  arguments.

  Takes the options above. Standard output goes to the group leader, standard error to standard error of the VM.
  """
  @spec watch(command, [common_option]) :: :ok
  def watch(command, options \\ []) do
    case with({:ok, options} <- Options.parse(:watch, command, options), do: Server.start_link(options)) do
      {:ok, pid} ->
        last = Printer.follow(pid)
        Process.unlink(pid)

        # A caller that traps exits gets an exit message of the command.
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

  @doc """
  A child specification for a command or `{command, options}`. Its id is the `:name`, or `Lookout.Command`.

      iex> children = [{Lookout.Command, {["cat"], stdin: :pipe, name: MyApp.Cat, log_output: :info}}]
      iex> {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
      iex> Lookout.Command.write(MyApp.Cat, "a line of the log\\n")
      :ok
      iex> Supervisor.stop(supervisor)
      :ok
  """
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
  Writes to standard input. Returns when all bytes are sent: at most 256 KiB are buffered for a command that does not read. After `timeout`
  milliseconds the rest is dropped, and the error is `:timeout`; its `detail` states how many bytes the command has read and what blocks the
  others: a command that does not read its input, or an owner that does not take its output.

      iex> {:ok, pid} = Lookout.Command.start_link(["cat"], stdin: :pipe)
      iex> :ok = Lookout.Command.write(pid, ["hel", "lo"])
      iex> receive do
      ...>   {:lookout_command, ^pid, {:stdout, bytes}} -> bytes
      ...> end
      "hello"
  """
  @spec write(GenServer.server(), iodata, timeout) :: :ok | {:error, Error.t()}
  def write(command, iodata, timeout \\ 5_000) do
    Calls.write(command, bytes!(iodata), timeout)
  end

  # The stacktrace of an error of IO.iodata_to_binary/1 contains its argument, which may be a secret.
  defp bytes!(iodata) do
    IO.iodata_to_binary(iodata)
  rescue
    ArgumentError -> raise ArgumentError, "Lookout.Command.write/3: expected iodata, got: " <> Sealed.describe(iodata)
  end

  @doc """
  Closes standard input after the bytes that were written. A terminal gets its end-of-file character: ^D, and two of them within a line.

      iex> {:ok, pid} = Lookout.Command.start_link(["cat"], stdin: :pipe)
      iex> :ok = Lookout.Command.close_stdin(pid)
      iex> Lookout.Command.await(pid)
      {:ok, 0}
  """
  @spec close_stdin(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def close_stdin(command, timeout \\ 5_000), do: Calls.close_stdin(command, timeout)

  @doc """
  Sends a signal, by name (`:term`) or number, to the process group of the command. With `:pty`, the signals that the keys of a terminal send
  (`:int`, `:quit`, `:tstp`) go to the foreground process group of the terminal, as with Ctrl-C. The error is `:not_running` once the command
  has exited, and `:eperm` if it runs as another user (`sudo`) that may not be signalled.

      iex> {:ok, pid} = Lookout.Command.start_link(["sleep", "60"])
      iex> :ok = Lookout.Command.signal(pid, :int)
      iex> Lookout.Command.await(pid)
      {:ok, {:signal, :int}}
  """
  @spec signal(GenServer.server(), atom | 1..64) :: :ok | {:error, Error.t()}
  def signal(command, signal) when is_atom(signal) or signal in 1..64 do
    Calls.call(command, {:signal, signal}, 5_000, :signal)
  end

  def signal(_command, other), do: bad!("signal", "the name of a signal, as :term, or its number from 1 to 64", other)

  @doc """
  Sets the window size of the terminal of a command with `:pty`.

      iex> {:ok, pid} = Lookout.Command.start_link(["cat"], pty: {24, 80})
      iex> Lookout.Command.resize(pid, {40, 120})
      :ok
  """
  @spec resize(GenServer.server(), {pos_integer, pos_integer}) :: :ok | {:error, Error.t()}
  def resize(command, {rows, columns}) when rows in 1..65_535 and columns in 1..65_535 do
    Calls.call(command, {:resize, {rows, columns}}, 5_000, :resize)
  end

  def resize(_command, other), do: bad!("resize", "{rows, columns}, each from 1 to 65_535", other)

  @doc """
  Ends the command: sends the `:stop_signal` to every process of its tree, and after `grace` milliseconds (default: the option `:grace`) KILL
  to the processes that are left. Returns when no process is left. The owner gets the exit as always; output that it has no room for is
  dropped.

  The errors name a process that is still running. `:eperm`, a second after KILL: it runs as another user and may not be signalled.
  `:etimedout`, after three seconds: it has not ended, for example in an uninterruptible system call, or thousands of cgroups that the
  command has created are still being removed. `:emfile`: a process has set the limit of open files of `lookout_port` to 0 (`prlimit(2)`).

      iex> {:ok, pid} = Lookout.Command.start_link(["sleep", "60"])
      iex> Lookout.Command.stop(pid)
      :ok
      iex> receive do
      ...>   {:lookout_command, ^pid, {:exit, status}} -> status
      ...> end
      {:signal, :term}
  """
  @spec stop(GenServer.server(), nil | non_neg_integer) :: :ok | {:error, Error.t()}
  def stop(command, grace \\ nil)

  def stop(command, grace) when is_nil(grace) or grace in 0..3_600_000 do
    Calls.call(command, {:stop, grace}, :infinity, :stop)
  end

  def stop(_command, other), do: bad!("stop", "milliseconds from 0 to 3_600_000, or nil", other)

  @doc """
  The process id of the command.

      iex> {:ok, pid} = Lookout.Command.start_link(["sleep", "60"])
      iex> {:ok, os_pid} = Lookout.Command.os_pid(pid)
      iex> File.read!("/proc/\#{os_pid}/comm")
      "sleep\\n"
  """
  @spec os_pid(GenServer.server()) :: {:ok, pos_integer} | {:error, Error.t()}
  def os_pid(command), do: Calls.call(command, :os_pid, 5_000, :os_pid)

  @doc """
  Waits for the exit. For the owner it removes the exit message from the mailbox, so the owner may call it, with the pid, also after that
  message has arrived; a name is unregistered at the exit, and then the error is `:not_running`. Other processes must call before the exit.

  The exit is sent after the output, and an owner that waits here takes no output. If a command may print more than some 64 pieces, send its
  output elsewhere (`stdout: :null`, a file), or use `run/2`.

      iex> {:ok, pid} = Lookout.Command.start_link(["sh", "-c", "exit 3"])
      iex> Lookout.Command.await(pid)
      {:ok, 3}
  """
  @spec await(GenServer.server(), timeout) :: {:ok, status} | {:error, Error.t()}
  def await(command, timeout \\ :infinity), do: Calls.await(command, timeout)

  @doc """
  The resources that all processes of the tree of the command have used until now.

      {:ok, %{cpu_user: 1_210_000, cpu_system: 40_000, memory_peak: 9_437_184}} = Lookout.Command.stats(pid)

  The keys of the map:

    * `:cpu_user`, `:cpu_system` - CPU time in microseconds, including processes that have ended
    * `:memory_peak` - the largest memory use, in bytes
    * `:cpu_from`, `:memory_from` - the source of these numbers. `:cgroup`: the kernel has counted the whole tree in the cgroup of the command
      (`cpu.stat`, `memory.peak`; the latter needs the memory controller, which limits enable, and Linux 5.19). `:proc`, elsewhere: the CPU
      time is summed up from `/proc` in clock ticks (10 ms), without ended processes that no process has waited for; the memory is the sum of
      the peak resident sizes of the processes that are alive now, in which shared pages count for each process

  The error is `:not_running` once the command has exited and no process of it is left.
  """
  @spec stats(GenServer.server()) :: {:ok, stats} | {:error, Error.t()}
  def stats(command), do: Calls.call(command, :stats, 5_000, :stats)

  @doc """
  Allows an owner with `active: n`, `:once` or `false` that many more bytes, or with `:once` the next piece.

      iex> {:ok, pid} = Lookout.Command.start_link(["echo", "hello"], active: false)
      iex> :ok = Lookout.Command.ask(pid, 3)
      iex> receive do
      ...>   {:lookout_command, ^pid, {:stdout, bytes}} -> bytes
      ...> end
      "hel"
  """
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
