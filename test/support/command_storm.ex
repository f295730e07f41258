defmodule Lookout.CommandStorm do
  @moduledoc false
  # Random starts, writes, stops, signals and kills (of the owner, its command process, lookout_port, the guardian and the VM) of
  # random command trees, and the search for what is left of them: the same for the same seed, but for the timing.
  #
  # All that a storm starts has its mark in the environment, lookout_port and its guardian included, and so is found in /proc.

  alias Lookout.{Command, Error, OsProcess}

  @mark "LOOKOUT_STORM"
  @cgroup_name "lookout-"
  # The longest grace of a command and of a stop, in milliseconds.
  @grace 300

  @signals [:int, :hup, :term, :usr1, :quit, :stop, :cont, :kill]

  @doc "A storm in this VM. Returns what went wrong, as text."
  @spec run(integer, binary) :: [binary]
  def run(seed, mark) do
    :rand.seed(:exsss, {seed, 1, 1})
    System.put_env(@mark, mark)
    commands = begin(mark)
    problems = for command <- commands, result = finish(command), do: result
    System.delete_env(@mark)
    problems ++ told()
  end

  @doc "A storm in a VM of its own, which is ended at a random moment."
  @spec run_vm(integer, binary) :: [binary]
  def run_vm(seed, mark) do
    :rand.seed(:exsss, {seed, 2, 2})
    paths = Enum.flat_map(:code.get_path(), &["-pa", to_string(&1)])
    code = "Lookout.CommandStorm.vm(#{seed}, #{inspect(mark)})"
    options = [:binary, :exit_status, line: 100, env: [{to_charlist(@mark), to_charlist(mark)}]]
    elixir = System.find_executable("elixir")
    port = Port.open({:spawn_executable, elixir}, [args: paths ++ ["-e", code]] ++ options)

    receive do
      {^port, {:data, {:eol, vm}}} ->
        Process.sleep(:rand.uniform(400))
        kill(pick(["KILL", "KILL", "TERM"]), vm)
        receive do: ({^port, {:exit_status, _status}} -> [])
    after
      60_000 -> ["the VM did not start"]
    end
  end

  @doc "What the VM of `run_vm/2` does."
  @spec vm(integer, binary) :: no_return
  def vm(seed, mark) do
    :rand.seed(:exsss, {seed, 3, 3})
    IO.puts(System.pid())
    begin(mark)
    Process.sleep(:infinity)
  end

  defp begin(mark) do
    commands = for _ <- 1..:rand.uniform(3), do: start(mark)
    for _ <- 1..:rand.uniform(8), do: act(pick(commands))
    commands
  end

  ## Commands

  # With an owner that takes what comes until it is told to end.
  defp start(mark) do
    storm = self()
    hostile = maybe(8)
    line = if(hostile, do: "kill -STOP $PPID\n", else: "") <> script(3)
    options = options()
    owner = spawn(fn -> own(storm, line, options) end)

    receive do
      {^owner, {:ok, pid, os_pid}} ->
        {guardian, program} = (os_pid && OsProcess.guards(to_string(os_pid))) || {nil, nil}
        # Not both are killed: P6, "Where it ends".
        victim = if(hostile or maybe(2), do: guardian, else: program)
        %{mark: mark, pid: pid, owner: owner, guardian: guardian, program: program, victim: victim}

      {^owner, {:error, error}} ->
        unless hostile, do: tell(storm, "start: " <> Exception.message(error))
        %{mark: mark, pid: owner, owner: owner, guardian: nil, program: nil, victim: nil}
    end
  end

  defp own(storm, line, options) do
    Process.flag(:trap_exit, true)

    with {:ok, pid} <- Command.start_link(line, options) do
      os_pid =
        case Command.os_pid(pid) do
          {:ok, os_pid} -> os_pid
          {:error, _not_running} -> nil
        end

      send(storm, {self(), {:ok, pid, os_pid}})
      hear(storm, pid, nil)
    else
      {:error, error} -> send(storm, {self(), {:error, error}})
    end
  end

  defp hear(storm, pid, last) do
    receive do
      {:lookout_command, ^pid, {stream, _bytes}} when stream in [:stdout, :stderr] -> hear(storm, pid, last)
      {:lookout_command, ^pid, item} when last == nil -> hear(storm, pid, item)
      {:lookout_command, ^pid, item} -> tell(storm, "after #{inspect(last)} came #{inspect(item)}")
      {:EXIT, ^pid, reason} -> ended(storm, last, reason)
      {:end, reason} -> exit(reason)
    after
      # The exit comes after the output, also to an owner that has to ask for that.
      20 ->
        Command.ask(pid, 1_000_000)
        hear(storm, pid, last)
    end
  end

  # The final message comes before the process ends, unless somebody else has ended that.
  defp ended(_storm, _last, reason) when reason in [:killed, :shutdown], do: :ok
  defp ended(storm, nil, reason), do: tell(storm, "no final message, its process ended with #{inspect(reason)}")
  defp ended(_storm, _last, :normal), do: :ok
  defp ended(storm, _last, reason), do: tell(storm, "its process ended with #{inspect(reason)}")

  defp tell(storm, problem), do: send(storm, {:problem, problem})

  defp told do
    receive do
      {:problem, problem} -> [problem | told()]
    after
      0 -> []
    end
  end

  defp options do
    streams = pick([[pty: true], [stdin: :pipe], [stdin: :pipe], []])
    active = pick([true, true, true, false, :once])

    [shell: true, grace: :rand.uniform(@grace), linger: :rand.uniform(200) - 1, cgroup: not maybe(3), active: active] ++
      streams
  end

  ## What is done to them

  defp act(command) do
    case :rand.uniform(14) do
      n when n <= 2 -> check(Command.write(command.pid, :binary.copy("x\n", :rand.uniform(50_000)), 100))
      3 -> check(Command.close_stdin(command.pid, 100))
      n when n <= 5 -> check(Command.signal(command.pid, pick(@signals)))
      6 -> check(Command.resize(command.pid, {10, 40}))
      7 -> check(Command.ask(command.pid, :rand.uniform(100_000)))
      n when n <= 10 -> Process.sleep(:rand.uniform(50))
      11 -> finish(command)
      12 -> stop_guardian(command)
      _13_14 -> :ok
    end
  end

  # A guardian that is stopped after the end of lookout_port is not continued: P6, "Where it ends".
  defp stop_guardian(command) do
    if marked?(command.program, command.mark), do: kill_marked("STOP", command.guardian, command.mark)
  end

  # Ends it. What is wrong about that, or nil.
  defp finish(command) do
    case :rand.uniform(5) do
      n when n <= 2 -> stop(command)
      3 -> send(command.owner, {:end, pick([:normal, :shutdown, :crash])})
      4 -> Process.exit(command.pid, pick([:kill, :shutdown]))
      5 -> kill_marked("KILL", command.victim, command.mark)
    end
    |> problem()
  end

  defp problem(text) when is_binary(text), do: text
  defp problem(_done), do: nil

  # It ends with the storm also where nothing could be killed any more.
  defp stop(command) do
    case Command.stop(command.pid, :rand.uniform(@grace)) do
      {:error, %Error{reason: reason} = error} when reason not in [:not_running, :port_exited] ->
        "stop: " <> Exception.message(error)

      _ended ->
        nil
    end
  end

  defp check(:ok), do: :ok
  defp check({:ok, _value}), do: :ok
  defp check({:error, %Error{}}), do: :ok

  ## Trees of shells

  defp script(depth) do
    children = if depth > 0, do: for(_ <- 1..:rand.uniform(3), do: child(script(depth - 1))), else: []
    Enum.join([reaction() | children] ++ [ending()], "\n")
  end

  defp reaction do
    pick(["", "", "trap '' TERM HUP INT", "trap 'sleep 0.05; exit 0' TERM", "trap '(sleep 0.1 &)' TERM"])
  end

  defp child(script) do
    quoted = "'" <> String.replace(script, "'", "'\\''") <> "'"

    pick([
      "",
      "sh -c #{quoted} &",
      "setsid sh -c #{quoted} &",
      "(setsid sh -c #{quoted} <&- >&- 2>&- &)",
      "(#{in_cgroup()}exec sh -c #{quoted}) &"
    ])
  end

  # Where the command has a cgroup of its own, in one below it, which is frozen now and then.
  defp in_cgroup do
    freeze = if maybe(3), do: "(sleep 0.05; echo 1 >$d/cgroup.freeze) &", else: ":"

    "d=#{cgroup_mount()}$(sed -n s/^0:://p /proc/self/cgroup)/below; " <>
      "case $d in */#{@cgroup_name}*) mkdir -p $d && sh -c 'echo $PPID' >$d/cgroup.procs; #{freeze};; esac 2>/dev/null; "
  end

  defp ending do
    pick([
      "exit 3",
      "wait",
      "exec sleep 1000",
      "exec cat",
      "sleep 0.05",
      "read line; sleep 0.1",
      "while :; do sleep 0.02; done",
      "kill -STOP $$; sleep 1000",
      "exec yes"
    ])
  end

  ## What is left

  @doc "The processes and cgroups of a storm. `before`: the cgroups that there were."
  @spec left(binary, [binary]) :: [binary]
  def left(mark, before) do
    processes = for pid <- pids(), marked?(pid, mark), do: "#{pid} (#{OsProcess.name(pid)})"
    processes ++ for(path <- cgroups() -- before, not foreign?(path, mark), do: path)
  end

  # Of a process that is not of this storm.
  defp foreign?(path, mark) do
    [_prefix, pid | _rest] = path |> Path.basename() |> String.split("-")
    File.exists?("/proc/#{pid}") and not marked?(pid, mark)
  end

  @doc "The cgroups of commands in the cgroup of this VM."
  @spec cgroups() :: [binary]
  def cgroups do
    with mount when mount != nil <- cgroup_mount(),
         [_line, path] <- Regex.run(~r/^0::(.*)$/m, File.read!("/proc/self/cgroup")) do
      Path.wildcard(mount <> path <> "/" <> @cgroup_name <> "*")
    else
      _none -> []
    end
  end

  defp cgroup_mount do
    case Regex.run(~r/^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m, File.read!("/proc/self/mountinfo")) do
      [_line, mount] -> mount
      nil -> nil
    end
  end

  defp pids, do: for(name <- File.ls!("/proc"), name =~ ~r/^\d+$/, do: name)

  defp marked?(nil, _mark), do: false

  defp marked?(pid, mark) do
    case File.read("/proc/#{pid}/environ") do
      {:ok, environment} -> "#{@mark}=#{mark}" in String.split(environment, <<0>>)
      {:error, _gone} -> false
    end
  end

  defp kill_marked(signal, pid, mark), do: if(marked?(pid, mark), do: kill(signal, pid))
  defp kill(signal, pid), do: System.cmd("kill", ["-" <> signal, pid], stderr_to_stdout: true)

  defp maybe(one_of), do: :rand.uniform(one_of) == 1
  defp pick(list), do: Enum.random(list)
end
