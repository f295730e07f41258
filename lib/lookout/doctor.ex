defmodule Lookout.Doctor do
  @moduledoc """
  Checks what Lookout can do on this machine, and prints an advice if something is missing: `mix lookout.doctor`, also for a release.

      $ bin/my_app eval ":ok = Lookout.Doctor.print()"

  Run it as the same user, and in the same container or service, as the application: limits and privileges belong to a process. It changes
  nothing: it reads `/proc`, starts `lookout_port` a few times, and runs `/bin/sh` with it.

  A line begins with `ok`; with `note` if Lookout works with restrictions (`:auto` polls, or uses inotify); or with `missing` if a part of
  Lookout does not work.

    * `system`, `versions`, `kernel` - Lookout needs Linux: 5.3 to run commands (pidfd), 5.14 for a cgroup of each command (`cgroup.kill`), 5.17
      for fanotify
    * `lookout_port` - whether it exists, starts, and has this version
    * `inotify watches`, `inotify instances` - the limits of the current user, how many are left, and the processes that use the most. Other
      users have their own limits. Watches in a container count towards the limits of the host, whose processes are not visible from inside:
      run this on the host as well. Processes that the user may not inspect are not counted, and an instance that several processes share
      counts for each of them
    * `working directory` - only if it is gone: then no program can be started
    * `fanotify` - whether a watcher with `backend: :fanotify` can use it
    * `commands` - whether a command can be started and ended
    * `cgroup of a command`, `limits of a command` - whether a command gets its own cgroup, and can have the limits of the option `:cgroup`
    * `mounts` - for each directory: which mounts below it are polled, because others may change them unseen by this kernel, and which are not
      watched. They are read from `/proc/self/mountinfo`, without a system call on any of them
  """

  alias Lookout.Doctor.{Check, Inotify, Mounts, Trials}
  alias Lookout.Error
  alias Lookout.Port.{Bridge, Protocol}
  alias Lookout.Support.{Paths, Platform}

  # Read from the file VERSION, since the application need not be loaded.
  @external_resource version = Path.expand("../../VERSION", __DIR__)
  @version version |> File.read!() |> String.trim()

  # If fewer watches or instances are left, the check is a note.
  @few_watches 1_000
  @few_instances 5

  # The most processes that a check names.
  @most_named 3

  @doc """
  Prints a line for each check to the group leader. Returns `:ok`, or `:error` if something is missing.

  `dirs` are the directories whose mounts are checked.

      :ok = Lookout.Doctor.print(["/srv/app", "/data"])
  """
  @spec print([Lookout.path()]) :: :ok | :error
  def print(dirs \\ ["."]) do
    checks = checks(dirs)
    IO.write(Enum.map(checks, &Check.lines/1))
    if Enum.any?(checks, &(&1.status == :missing)), do: :error, else: :ok
  end

  @doc false
  # Tests pass their own context.
  @spec checks([Lookout.path()], keyword) :: [Check.t()]
  def checks(dirs, context \\ []) do
    context = Keyword.validate!(context, proc: "/proc", port_path: Bridge.default_path(), trials: Trials)
    if Platform.supported?(), do: linux(dirs, Map.new(context)), else: [unsupported(), versions()]
  end

  defp linux(dirs, context) do
    port = port(context)
    inotify = Inotify.read(context.proc)
    first = [versions(), kernel(context.proc)] ++ directory() ++ [port, watches(inotify), instances(inotify)]
    first ++ trials(port, context) ++ Enum.map(dirs, &mounts(&1, context.proc))
  end

  defp unsupported do
    {:error, error} = Platform.check(:watch)
    Check.missing("system", "this is #{Platform.name()}, where Lookout does not work", error.detail)
  end

  defp versions do
    Check.ok("versions", "Lookout #{@version}, Elixir #{System.version()}, Erlang/OTP #{System.otp_release()}")
  end

  ## The kernel

  @features [
    {[5, 3], "pidfd (5.3), without which no command can be run"},
    {[5, 14], "cgroup.kill (5.14), without which a command has no cgroup of its own"},
    {[5, 17], "fanotify with the names of renamed entries (5.17), without which `backend: :fanotify` is an error"}
  ]

  defp kernel(proc) do
    release =
      case File.read(Path.join(proc, "sys/kernel/osrelease")) do
        {:ok, text} -> String.trim(text)
        {:error, reason} -> "unknown (#{reason})"
      end

    numbers = for number <- Regex.scan(~r/\d+/, release), do: number |> hd() |> String.to_integer()
    kernel(release, for({since, feature} <- @features, Enum.take(numbers, 2) < since, do: {since, feature}))
  end

  defp kernel(release, []), do: Check.ok("kernel", "Linux #{release}: has pidfd, cgroup.kill and fanotify")

  defp kernel(release, [{since, _feature} | _more] = lacking) do
    text = "Linux #{release} lacks " <> Enum.map_join(lacking, "; ", &elem(&1, 1))
    advice = "use a newer kernel where you need that"
    if since == [5, 3], do: Check.missing("kernel", text, advice), else: Check.note("kernel", text, advice)
  end

  ## The working directory

  defp directory do
    case File.cwd() do
      {:ok, _directory} -> []
      {:error, reason} -> [Check.missing("working directory", "cannot be found (#{reason})", Paths.gone(reason))]
    end
  end

  ## lookout_port

  defp port(%{port_path: path, trials: trials}) do
    case trials.hello(path) do
      {:ok, protocol, version} -> port(path, protocol, version)
      {:error, detail} -> Check.missing("lookout_port", "#{path} does not answer", detail)
    end
  end

  defp port(path, protocol, version) do
    if {protocol, version} == {Protocol.version(), @version} do
      Check.ok("lookout_port", "#{path} answers, version #{version}")
    else
      text =
        "#{path} is of version #{version} (protocol #{protocol}), and Lookout of #{@version} (#{Protocol.version()})"

      Check.missing(
        "lookout_port",
        text,
        "build it again: `mix deps.compile lookout --force`, or `mix compile` in Lookout itself"
      )
    end
  end

  ## inotify

  defp watches(%{max_watches: nil}), do: no_inotify("inotify watches")

  defp watches(%{max_watches: limit, holders: holders} = inotify) do
    used = holders |> Enum.map(& &1.watches) |> Enum.sum()
    text = usage(limit, used, inotify.hidden) <> most(holders, & &1.watches)

    advice =
      "a directory takes one watch: " <> raise_limit("max_user_watches", limit, 1_048_576) <> ", or end what uses them"

    limited("inotify watches", text, limit - used, @few_watches, advice)
  end

  defp instances(%{max_instances: nil}), do: no_inotify("inotify instances")

  defp instances(%{max_instances: limit, holders: holders} = inotify) do
    used = holders |> Enum.map(& &1.instances) |> Enum.sum()
    by_instances = Enum.sort_by(holders, & &1.instances, :desc)
    text = usage(limit, used, inotify.hidden) <> most(by_instances, & &1.instances)

    advice =
      "a watcher takes one instance: " <> raise_limit("max_user_instances", limit, 1_024) <> ", or end what uses them"

    limited("inotify instances", text, limit - used, @few_instances, advice)
  end

  defp no_inotify(name) do
    Check.missing(
      name,
      "this kernel shows no limit in /proc/sys/fs/inotify",
      "use a kernel with inotify and a mounted /proc"
    )
  end

  defp limited(name, text, left, _few, advice) when left <= 0, do: Check.missing(name, text, advice)
  defp limited(name, text, left, few, advice) when left < few, do: Check.note(name, text, advice)
  defp limited(name, text, _left, _few, _advice), do: Check.ok(name, text)

  defp usage(limit, used, hidden) do
    unseen = if hidden > 0, do: "; not counted, since they may not be looked into: #{hidden}", else: ""
    "#{max(limit - used, 0)} of #{limit} left for this user (#{used} in use#{unseen})"
  end

  defp most(holders, count) do
    case holders |> Enum.filter(&(count.(&1) > 0)) |> Enum.take(@most_named) do
      [] -> ""
      most -> "; the most: " <> Enum.map_join(most, ", ", &"#{count.(&1)} by #{&1.name} (process #{&1.pid})")
    end
  end

  defp raise_limit(name, limit, wanted) do
    wanted = max(wanted, 2 * limit)

    "as root `sysctl fs.inotify.#{name}=#{wanted}` allows more " <>
      "(for a container, on its host; a file in /etc/sysctl.d keeps it)"
  end

  ## Checks that start lookout_port

  defp trials(%Check{status: :missing}, _context), do: []
  defp trials(_port, %{trials: trials}), do: [fanotify(trials) | commands(trials.command(), trials)]

  defp fanotify(trials) do
    case trials.fanotify(".") do
      {:ok, :fanotify} ->
        Check.ok("fanotify", "can be used: backend: :fanotify, and :auto when the watches are used up")

      {:ok, other} ->
        advice = "use backend: :auto here; ext4, XFS, btrfs and tmpfs can be marked"

        Check.note(
          "fanotify",
          "the file system of the working directory cannot be marked, so #{other} is used for it",
          advice
        )

      {:error, error} ->
        Check.note(
          "fanotify",
          "cannot be used (#{error.reason}); :auto uses inotify, and polls when its watches are used up",
          fanotify_advice(error)
        )
    end
  end

  # error.detail is for users who set backend: :fanotify; here it is only advice.
  defp fanotify_advice(%{reason: reason}) when reason in [:eperm, :enosys, :einval],
    do: "nothing is to be done with backend: :auto; fanotify needs the capability CAP_SYS_ADMIN and Linux 5.17"

  defp fanotify_advice(error), do: error.detail

  defp commands({:ok, {:signal, :term}, from}, trials) do
    [Check.ok("commands", "can be started, and ended by signals"), cgroup(from), limits(trials.limits())]
  end

  defp commands({:ok, status, from}, trials) do
    text = "the end of a command was #{inspect(status)}, where {:signal, :term} was expected"

    advice =
      "see whether a seccomp profile or a security module keeps this user from pidfd_open(2) and pidfd_send_signal(2)"

    [Check.missing("commands", text, advice), cgroup(from), limits(trials.limits())]
  end

  defp commands({:error, error}, _trials) do
    [Check.missing("commands", "cannot be run (#{error.reason})", error.detail)]
  end

  defp cgroup(:cgroup), do: Check.ok("cgroup of a command", "each has its own, so that its end is atomic")

  defp cgroup(:proc) do
    text = "none; the processes of a command are found in /proc, and its end is not atomic"

    advice =
      "run the VM in a cgroup of version 2 that its user may write: with systemd `Delegate=yes`; " <>
        "in a container a writable /sys/fs/cgroup"

    Check.note("cgroup of a command", text, advice)
  end

  defp limits(:ok),
    do: Check.ok("limits of a command", "memory_max, cpu_max and pids_max of the option :cgroup can be set")

  defp limits({:error, error}) do
    Check.note("limits of a command", "the option :cgroup with limits is an error (#{error.reason})", error.detail)
  end

  ## Mounts

  defp mounts(dir, proc) do
    advice = "give a directory that exists and may be entered"

    with {:ok, path} <- Paths.expand(dir),
         {:ok, path} <- physical(path) do
      mounts_from(path, proc |> Mounts.read() |> Mounts.seen_from(path))
    else
      :error -> Check.missing("mounts", "#{inspect(dir)} is no path", advice)
      {:error, reason} -> Check.missing("mounts", "#{dir} cannot be entered (#{reason})", advice)
    end
  rescue
    error in Error -> Check.missing("mounts", "of #{dir} cannot be checked (#{error.reason})", error.detail)
  end

  # The path without symbolic links, as in /proc/self/mountinfo. On a mount that hangs, the first call blocks this process
  # only, and not the file server of the VM.
  defp physical(dir) do
    Paths.cwd!()
    with {:ok, _stat} <- :file.read_file_info(dir, [:raw]), do: {:ok, File.cd!(dir, &File.cwd!/0)}
  rescue
    error in File.Error -> {:error, error.reason}
  end

  defp mounts_from(dir, {own, below}) do
    {unwatched, others} = Enum.split_with(below, &(Mounts.kind(&1) == :unwatched))
    polled = Enum.filter(others, &(Mounts.kind(&1) == :polled))
    mounted(dir, if(own && Mounts.kind(own) != :watched, do: [own | polled], else: polled), unwatched)
  end

  defp mounted(dir, [], []), do: Check.ok("mounts", "from #{dir} down nothing has to be polled")

  defp mounted(dir, [], unwatched) do
    advice = "watch one as a directory of its own, or with backend: :poll, where that is wanted"
    Check.note("mounts", "from #{dir} down, not watched: #{named(unwatched)}", advice)
  end

  defp mounted(dir, polled, unwatched) do
    others = if unwatched == [], do: "", else: "; not watched: #{named(unwatched)}"

    advice =
      "set :poll_interval, leave them out with :ignore, or run the watcher on the machine that changes them; " <>
        "backend: :inotify reports only what this machine changes"

    Check.note("mounts", "from #{dir} down, polled by :auto: #{named(polled)}#{others}", advice)
  end

  defp named(mounts), do: Enum.map_join(mounts, ", ", &"#{&1.path} (#{&1.type})")
end
