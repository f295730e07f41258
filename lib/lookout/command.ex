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
      after all output, and when no process of the command is left
    * `{:lookout_command, pid, {:error, %Lookout.Error{}}}` - in its place, when the native program that runs the command was killed, or the
      enumerable of `:input` failed

  Then the process `pid` ends.

  ## Nobody is left behind

  A command and all that it starts (children that fork twice or call `setsid` too) are one tree. The tree is ended when the command is
  stopped, when the process `pid` or its owner ends, when the VM ends, be it by SIGKILL, and when the native program is killed. What a
  command leaves running when it exits by itself has `:linger` milliseconds to end; a daemon that is to live on has to be
  started by something else. Processes that change their user (`sudo`) cannot be ended by Lookout, unless it runs as root.

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
    * `:stderr` - the same, or `:stdout` to merge both; default `:pipe` for `start_link/2`, else `:inherit`
    * `:pty` - `true` or `{rows, columns}`: a terminal instead of the three streams; its output is `:stdout`. Unless the command makes it raw,
      the kernel cuts an input line longer than 4,095 bytes
    * `:shell` - with `true` the command is a string for `/bin/sh -c`
    * `:rlimits` - limits of resources, such as `[nofile: 1024, core: {0, :infinity}]` (soft and hard)
    * `:nice` - niceness, -20 to 19
    * `:linger` - milliseconds that what is left of the tree may go on after the exit; default 500
    * `:cgroup` - `false` does without a cgroup of its own, which is otherwise used where cgroup v2 can be written; it makes the
      end of the tree atomic, even for programs that fork without end

  of `start_link/2` and the child specification also

    * `:owner` - the process that gets the messages: a pid, a name, or `nil` for none (then `:stdout` and `:stderr` are `:null` unless given)
    * `:active` - see above; default `true`
    * `:name` - as for `GenServer.start_link/3`
    * `:grace` - milliseconds between TERM and KILL when a supervisor stops it, and the default of `stop/2`; default 5,000

  ## Under a supervisor

      children = [{Lookout.Command, {["redis-server", "--port", "7000"], name: MyApp.Redis}}]

  Its process ends with the command: `:normal` after exit status 0, else with the reason `{:exit, status}`, so that `restart:
  :transient` restarts it after a failure. The owner is `nil` unless given: a supervisor takes no messages. One that is given hears the
  exit also when the supervisor stops the command.

  ## Errors

  Functions end in `{:error, %Lookout.Error{}}`; the reason is one of `:enoent` (no such program), `:eacces` (it may not be
  executed), `:enoexec`, `:bad_directory`, `:nul_byte`, `:empty_argv`, `:e2big`, `:bad_limit`, `:closed` (a write after the end
  of the input), `:epipe` (the command does not read), `:input_failed`, `:not_running` (after the exit), `:timeout`, or another errno of what failed. Options that make no sense
  raise `ArgumentError`.
  """

  alias Lookout.Command.{Calls, Ending, Once, Options, Server}
  alias Lookout.Error

  @typedoc "A program and its arguments, or with `shell: true` a line for `/bin/sh`."
  @type command :: [binary, ...] | binary

  @typedoc "How it ended. Names of signals are as in `kill -l`, in lower case."
  @type status :: 0..255 | {:signal, atom}

  @type target :: :pipe | :null | :inherit | {:file | :append, Path.t()}
  @type limit :: non_neg_integer | :infinity

  @type common_option ::
          {:cd, Path.t()}
          | {:env, Enumerable.t()}
          | {:clear_env, boolean}
          | {:stdin, :null | :pipe}
          | {:input, iodata | Enumerable.t()}
          | {:stdout, target}
          | {:stderr, target | :stdout}
          | {:pty, true | {pos_integer, pos_integer}}
          | {:shell, boolean}
          | {:rlimits, [{atom, limit | {limit, limit}}]}
          | {:nice, -20..19}
          | {:linger, non_neg_integer}
          | {:cgroup, boolean}

  @type start_option ::
          common_option
          | {:owner, nil | pid | atom}
          | {:active, boolean | :once | non_neg_integer}
          | {:name, GenServer.name()}
          | {:grace, non_neg_integer}

  @type run_option :: common_option | {:timeout, timeout} | {:into, Collectable.t()}

  @typedoc "What the owner is sent."
  @type message ::
          {:lookout_command, pid, {:stdout | :stderr, binary} | {:exit, status} | {:error, Error.t()}}

  @doc """
  Runs a command to its end and returns its output.

      {:ok, output, 0} = Lookout.Command.run(["git", "log", "-1"], cd: "/srv/app", timeout: 10_000)

  Takes the options above, and

    * `:timeout` - milliseconds; a command that takes longer is ended with all its tree, and the error is `:timeout`; default `:infinity`
    * `:into` - a collectable for the output, as in `System.cmd/3`; default `""`

  Standard error goes where that of the VM goes, as with `System.cmd/3`; `stderr: :stdout` merges it into the output.
  """
  @spec run(command, [run_option]) :: {:ok, Collectable.t(), status} | {:error, Error.t()}
  def run(command, options \\ []) do
    with {:ok, options} <- Options.parse(:run, command, options),
         {:ok, output, status} <- Once.run(options) do
      {:ok, output, Ending.status(status)}
    end
  end

  @doc """
  As `run/2`, but returns `{output, status}` as `System.cmd/3` does, where a signal is 128 and its number, and raises `Lookout.Error` on an error.
  """
  @spec run!(command, [run_option]) :: {Collectable.t(), 0..255}
  def run!(command, options \\ []) do
    with {:ok, options} <- Options.parse(:run, command, options),
         {:ok, output, status} <- Once.run(options) do
      {output, exit_code(status)}
    else
      {:error, error} -> raise error
    end
  end

  defp exit_code({:signal, _name, number}), do: 128 + number
  defp exit_code(code), do: code

  @doc """
  The standard output of a command as a stream of binaries.

      Lookout.Command.stream(["journalctl", "-f"]) |> Enum.take(3)

  The command is started when the enumeration starts, runs no faster than it is read, and is ended with the enumeration. Raises
  `Lookout.Error` when it cannot be started, and at its end when it has not exited with 0.
  """
  @spec stream(command, [common_option]) :: Enumerable.t()
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

  @doc "A child specification, of a command or `{command, options}`. Its id is the `:name`, or `Lookout.Command`."
  @spec child_spec(command | {command, [start_option]}) :: Supervisor.child_spec()
  def child_spec({command, options}) do
    shutdown = Options.shutdown!(options)
    options = Keyword.put_new(options, :owner, nil)

    %{
      id: options[:name] || __MODULE__,
      start: {__MODULE__, :start_link, [command, options]},
      type: :worker,
      shutdown: shutdown
    }
  end

  def child_spec(command), do: child_spec({command, []})

  @doc """
  Writes to standard input. Returns when the bytes are on their way: at most 256 KiB wait for a command that does not read, and
  after `timeout` milliseconds the rest is dropped, with the error `:timeout`.
  """
  @spec write(GenServer.server(), iodata, timeout) :: :ok | {:error, Error.t()}
  def write(command, iodata, timeout \\ 5_000) do
    Calls.write(command, IO.iodata_to_binary(iodata), timeout)
  end

  @doc """
  Closes standard input, after what was written. A terminal gets its end-of-file character: ^D, and two of them within a line.
  """
  @spec close_stdin(GenServer.server(), timeout) :: :ok | {:error, Error.t()}
  def close_stdin(command, timeout \\ 5_000), do: Calls.close_stdin(command, timeout)

  @doc "Sends a signal, by name (`:term`) or number, to the process group of the command, as Ctrl-C in a terminal does."
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
  Ends the command: TERM to its process group, and after `grace` milliseconds (default: the option `:grace`) KILL to whatever is left of
  its tree. Returns when nothing is left. The owner hears the exit as always; output that it has no room for is dropped.
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
