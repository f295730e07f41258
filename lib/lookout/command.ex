defmodule Lookout.Command do
  @external_resource documentation = Path.join(__DIR__, "command.md")
  @moduledoc File.read!(documentation)

  alias Lookout.Error
  alias Lookout.Command.{Calls, Item, Options, Printer, Pull, Server}
  alias Lookout.Support.Sealed

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
      the grace and a second (3.5 where a process cannot be killed, which is a warning in the log), and the output up to then is returned
      with `:timeout` in place of the status; default `:infinity`
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
         {:ok, output, status} <- Pull.run(options) do
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
         {:ok, output, status} <- Pull.run(options) do
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
  waits for that end: at most the grace and a second, or 3.5 where a process cannot be killed. Raises `Lookout.Error` if the command cannot
  be started, and at its end if it has not exited with 0: the error has the `:status`.

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
    Pull.stream(fn -> Options.parse(:stream, command, options) end)
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
  `:etimedout`, after three seconds: it has not ended, for example in an uninterruptible system call or because a debugger holds it (the
  error names both), or thousands of cgroups that the command has created are still being removed. `:emfile`: a process has set the limit
  of open files of `lookout_port` to 0 (`prlimit(2)`).

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
      iex> File.dir?("/proc/\#{os_pid}")
      true
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
