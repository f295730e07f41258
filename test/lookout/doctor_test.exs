defmodule Lookout.DoctorTest do
  # Not async: a test replaces the operating system for the whole VM.
  use Lookout.Case, async: false

  import ExUnit.CaptureIO

  alias Lookout.{Doctor, Error, FakeProgram}
  alias Lookout.Doctor.{Check, Inotify, Mounts}

  @user 1000

  defmodule Refusals do
    @moduledoc false
    # A machine on which nothing but lookout_port itself works.

    def hello(_path), do: {:ok, 1, Lookout.DoctorTest.version()}
    def fanotify(_dir), do: error("use another backend")
    def command, do: error("there is no /bin/sh")
    def limits, do: error("delegate the controllers")

    defp error(detail), do: {:error, %Error{reason: :eperm, operation: :test, detail: detail}}
  end

  defmodule Half do
    @moduledoc false
    # A machine on which commands work, without a cgroup of their own.

    def hello(_path), do: {:ok, 1, Lookout.DoctorTest.version()}
    def fanotify(_dir), do: {:ok, :inotify}
    def command, do: {:ok, {:signal, :term}, :proc}
    def limits, do: Refusals.limits()
  end

  def version, do: "VERSION" |> File.read!() |> String.trim()

  # A directory that is read as /proc is.
  setup %{dir: dir} do
    proc = Path.join(dir, "proc")
    write!(proc, "sys/fs/inotify/max_user_watches", "65536\n")
    write!(proc, "sys/fs/inotify/max_user_instances", "128\n")
    write!(proc, "sys/kernel/osrelease", "6.1.0-13-amd64\n")
    write!(proc, "self/status", status(@user))
    write!(proc, "self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    {:ok, proc: proc}
  end

  defp write!(proc, path, text) do
    path = Path.join(proc, path)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, text)
  end

  defp status(user), do: "Name:\tx\nUid:\t0\t#{user}\t0\t0\nGid:\t0\t0\t0\t0\n"

  # A process with an instance of inotify for each count of watches, and a file.
  defp process!(proc, pid, name, counts, user \\ @user) do
    write!(proc, "#{pid}/status", status(user))
    write!(proc, "#{pid}/comm", name <> "\n")
    write!(proc, "#{pid}/fdinfo/0", "pos:\t0\ninotify wd:1 of a file that is none\n")
    File.mkdir_p!(Path.join(proc, "#{pid}/fd"))
    File.ln_s!("/dev/null", Path.join(proc, "#{pid}/fd/0"))

    for {count, fd} <- Enum.with_index(counts, 1) do
      File.ln_s!("anon_inode:inotify", Path.join(proc, "#{pid}/fd/#{fd}"))
      lines = for wd <- 1..count//1, do: "inotify wd:#{wd} ino:1 sdev:1 mask:fc6 ignored_mask:0\n"
      write!(proc, "#{pid}/fdinfo/#{fd}", ["pos:\t0\nflags:\t02004000\n" | lines])
    end
  end

  defp check(context, name, options \\ []) do
    options = Keyword.merge([proc: context.proc, trials: Half], options)
    assert [check] = for(%Check{name: ^name} = check <- Doctor.checks([context.dir], options), do: check)
    check
  end

  describe "inotify" do
    test "counts the instances and watches of this user's processes, those with the most first", %{proc: proc} do
      process!(proc, 10, "few", [3])
      process!(proc, 11, "many", [400, 0, 5])
      process!(proc, 12, "none", [])
      process!(proc, 13, "other", [1_000], @user + 1)

      assert %{max_watches: 65_536, max_instances: 128, hidden: 0, holders: holders} = Inotify.read(proc)

      assert holders == [
               %{pid: 11, name: "many", instances: 3, watches: 405},
               %{pid: 10, name: "few", instances: 1, watches: 3}
             ]
    end

    test "counts what may not be looked into, and no process that has ended meanwhile", %{proc: proc} = context do
      write!(proc, "10/status", status(@user))
      write!(proc, "11/status", status(@user))
      # Not a directory: an error other than :enoent, also for root.
      write!(proc, "11/fd", "")
      assert %{hidden: 1, holders: []} = Inotify.read(proc)
      assert check(context, "inotify watches").text =~ "not counted, since they may not be looked into: 1"
    end

    test "finds the watcher of this machine that it counts", %{dir: dir} do
      watcher = start_watcher!(dirs: dir)
      os_pid = os_pid(watcher)
      assert [holder] = for(%{pid: ^os_pid} = holder <- Inotify.read("/proc").holders, do: holder)
      assert %{name: "lookout_port", instances: 1, watches: watches} = holder
      assert watches >= 1
    end

    test "that has room is ok, and who uses the most is named", context do
      process!(context.proc, 10, "small", [20])
      process!(context.proc, 11, "node", [30, 1])
      check = check(context, "inotify watches")
      assert check.status == :ok
      assert check.text =~ "65485 of 65536 left for this user (51 in use)"
      assert check.text =~ "the most: 31 by node (process 11), 20 by small (process 10)"
      check = check(context, "inotify instances")
      assert check.status == :ok
      assert check.text =~ "125 of 128 left for this user (3 in use); the most: 2 by node (process 11)"
    end

    test "that is used up is missing, that is nearly so a note, each with the setting to raise", context do
      process!(context.proc, 10, "node", [100])
      write!(context.proc, "sys/fs/inotify/max_user_watches", "100\n")
      write!(context.proc, "sys/fs/inotify/max_user_instances", "2\n")
      assert %{status: :missing, text: "0 of 100 left" <> _used, advice: advice} = check(context, "inotify watches")
      assert advice =~ "sysctl fs.inotify.max_user_watches=1048576"
      assert %{status: :note, text: "1 of 2 left" <> _used, advice: advice} = check(context, "inotify instances")
      assert advice =~ "sysctl fs.inotify.max_user_instances=1024"
    end

    test "that this kernel does not have is missing", context do
      File.rm_rf!(Path.join(context.proc, "sys/fs/inotify"))
      assert %{status: :missing, advice: <<_text, _more::binary>>} = check(context, "inotify watches")
      assert %{status: :missing} = check(context, "inotify instances")
    end
  end

  describe "mounts" do
    test "are read with spaces in their names and optional fields" do
      text = ~S"""
      22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      40 22 0:40 / /srv/my\040files rw shared:9 master:2 - nfs4 host:/export rw
      no line of mountinfo
      """

      assert Mounts.parse(text) == [%{path: "/", type: "ext4"}, %{path: "/srv/my files", type: "nfs4"}]
    end

    test "that matter to a directory are its own and those below it; of two at one path the upper one" do
      mounts =
        for {path, type} <- [{"/", "ext4"}, {"/srv", "xfs"}, {"/srv/a", "ext4"}, {"/srv/a", "nfs"}, {"/srvx", "9p"}],
            do: %{path: path, type: type}

      assert {%{path: "/srv", type: "xfs"}, [%{path: "/srv/a", type: "nfs"}]} = Mounts.seen_from(mounts, "/srv")
      assert {%{path: "/srv/a", type: "nfs"}, []} = Mounts.seen_from(mounts, "/srv/a/below")
      assert {%{path: "/"}, [%{path: "/srv"}, %{path: "/srv/a"}, %{path: "/srvx"}]} = Mounts.seen_from(mounts, "/")
    end

    test "below a pseudo file system, which is not entered, do not matter" do
      mounts =
        for {path, type} <- [{"/", "ext4"}, {"/sys", "sysfs"}, {"/sys/fuse", "fuse"}], do: %{path: path, type: type}

      assert {_root, [%{path: "/sys"}]} = Mounts.seen_from(mounts, "/")
    end

    test "are polled or left out where lookout_port does so" do
      source = File.read!("c_src/watch/disk/file_system.cpp")

      for {table, kind} <- [{"kRemote", :polled}, {"kPseudo", :unwatched}] do
        [_all, rows] = Regex.run(~r/#{table}\{\{\n(.*?)\}\};/s, source)
        rows = Regex.scan(~r/\{0x[0-9a-f]+, (?:"(\w+)"|kAutofs)\}/, rows)
        names = Enum.map(rows, &Enum.at(&1, 1, "autofs"))
        assert length(names) >= 14
        for name <- names, do: assert({name, Mounts.kind(%{path: "/x", type: name})} == {name, kind})
      end

      for type <- ["fuse.sshfs", "fuseblk", "virtiofs"], do: assert(Mounts.kind(%{path: "/x", type: type}) == :polled)
      for type <- ~w(ext4 tmpfs overlay btrfs), do: assert(Mounts.kind(%{path: "/x", type: type}) == :watched)
    end

    test "that will be polled are a note with what to do", %{dir: dir, proc: proc} = context do
      assert %{status: :ok} = check(context, "mounts")
      mountinfo = "1 0 8:1 / / rw - ext4 x rw\n2 1 0:2 / #{dir}/n rw - nfs4 x rw\n3 1 0:3 / #{dir}/p rw - proc x rw\n"
      write!(proc, "self/mountinfo", mountinfo)
      assert %{status: :note, text: text, advice: advice} = check(context, "mounts")
      assert text =~ "polled by :auto: #{dir}/n (nfs4); not watched: #{dir}/p (proc)"
      assert advice =~ ":poll_interval"
    end

    test "are found below the directory that a symbolic link leads to", %{dir: dir, proc: proc} do
      real = Path.join(dir, "real")
      File.mkdir!(real)
      File.ln_s!(real, Path.join(dir, "link"))
      write!(proc, "self/mountinfo", "1 0 8:1 / / rw - ext4 x rw\n2 1 0:2 / #{real} rw - 9p x rw\n")
      checks = Doctor.checks([Path.join(dir, "link")], proc: proc, trials: Half)
      assert %{status: :note, text: text} = List.last(checks)
      assert text =~ "#{real} (9p)"
    end

    test "of a directory that does not exist are missing", %{dir: dir, proc: proc} do
      checks = Doctor.checks([Path.join(dir, "none"), "\0"], proc: proc, trials: Half)
      assert [%{status: :missing, text: first}, %{status: :missing, text: second}] = Enum.take(checks, -2)
      assert first =~ "cannot be entered (enoent)"
      assert second =~ "is no path"
    end
  end

  describe "the kernel" do
    test "that has all is ok, an older one lacks what is named", context do
      assert %{status: :ok, text: "Linux 6.1.0-13-amd64" <> _features} = check(context, "kernel")
      write!(context.proc, "sys/kernel/osrelease", "5.15.0\n")
      assert %{status: :note, text: text} = check(context, "kernel")
      assert text =~ "fanotify"
      refute text =~ "cgroup.kill"
      write!(context.proc, "sys/kernel/osrelease", "4.19.0\n")
      assert %{status: :missing, text: text} = check(context, "kernel")
      assert text =~ "pidfd"
    end
  end

  describe "lookout_port" do
    defp port(context, path), do: Doctor.checks([], proc: context.proc, port_path: path)

    test "that is not built is missing, and nothing is tried with it", context do
      checks = port(context, Path.join(context.dir, "none"))
      assert %{status: :missing, advice: advice} = Enum.find(checks, &(&1.name == "lookout_port"))
      assert advice =~ "mix compile"
      refute Enum.any?(checks, &(&1.name in ["fanotify", "commands"]))
    end

    test "that ends at once is missing, with its exit status", context do
      checks = port(context, FakeProgram.write!(context.dir, exit: 127))

      assert %{status: :missing, advice: "it ended with exit status 127"} =
               Enum.find(checks, &(&1.name == "lookout_port"))
    end

    test "of another version is missing, with how to build it again", context do
      for hello <- [{:hello, 1, "0.0.1"}, {:hello, 99, version()}] do
        checks = port(context, FakeProgram.write!(context.dir, [{:say, hello}, :listen]))
        assert %{status: :missing, advice: "build it again" <> _how} = Enum.find(checks, &(&1.name == "lookout_port"))
      end
    end

    test "that answers something else is missing", context do
      checks = port(context, FakeProgram.write!(context.dir, [{:say, {:reply, 1, :ok}}, :listen]))
      assert %{status: :missing} = Enum.find(checks, &(&1.name == "lookout_port"))
    end
  end

  describe "what is tried" do
    test "works on this machine, and leaves no process and no message behind", context do
      checks = Doctor.checks([context.dir])
      assert %{status: :ok} = Enum.find(checks, &(&1.name == "lookout_port"))
      assert %{status: :ok} = Enum.find(checks, &(&1.name == "commands"))
      assert Enum.find(checks, &(&1.name == "fanotify"))
      assert Enum.find(checks, &(&1.name == "limits of a command"))
      refute_received _message
      # A command replies before it ends.
      assert eventually(fn -> Process.info(self(), :links) == {:links, []} end)
    end

    test "is a note where Lookout works with less", context do
      assert %{status: :note, advice: <<_text, _more::binary>>} = check(context, "fanotify")
      assert %{status: :ok} = check(context, "commands")
      assert %{status: :note, advice: "run the VM in a cgroup" <> _more} = check(context, "cgroup of a command")
      assert %{status: :note, advice: "delegate the controllers"} = check(context, "limits of a command")
    end

    test "is missing where no command can be run; the error says what to do", context do
      assert %{status: :missing, advice: "there is no /bin/sh"} = check(context, "commands", trials: Refusals)
    end

    test "is nothing to act on where :auto does without fanotify", context do
      assert %{status: :note, advice: advice} = check(context, "fanotify", trials: Refusals)
      assert advice =~ "nothing is to be done with backend: :auto"
    end
  end

  describe "the report" do
    test "has advice on each line that is not ok", context do
      for trials <- [Half, Refusals], check <- Doctor.checks([context.dir], proc: context.proc, trials: trials) do
        assert {check.name, check.status == :ok} == {check.name, check.advice == nil}
      end
    end

    test "is documented line by line", context do
      {:docs_v1, _, _, _, %{"en" => text}, _, _} = Code.fetch_docs(Doctor)
      for check <- Doctor.checks([context.dir], proc: context.proc, trials: Half), do: assert(text =~ "`#{check.name}`")
      assert text =~ "`system`"
    end

    test "cannot garble a terminal by the name of a process", context do
      process!(context.proc, 10, "\e[2J", [1])
      text = context |> check("inotify watches") |> Check.lines() |> IO.iodata_to_binary()
      assert text =~ ~S"\e[2J"
      refute text =~ "\e"
    end

    test "of mix lookout.doctor ends with status 0 without and 1 with something missing", %{dir: dir} do
      assert capture_io(fn -> Mix.Tasks.Lookout.Doctor.run([dir]) end) =~ ~r/^ok       commands: /m
      missing = Path.join(dir, "none")
      run = fn -> assert catch_exit(Mix.Tasks.Lookout.Doctor.run([missing])) == {:shutdown, 1} end
      assert capture_io(run) =~ ~r/^missing  mounts: .* cannot be entered.*\n         -> give a directory/m
    end

    test "is not made for an option that does not exist" do
      run = fn -> assert catch_exit(Mix.Tasks.Lookout.Doctor.run(["--all"])) == {:shutdown, 2} end
      assert capture_io(:stderr, run) =~ "unknown option --all"
    end

    test "on another operating system says that Lookout does not work there" do
      Application.put_env(:lookout, :os_type, {:unix, :darwin})
      on_exit(fn -> Application.delete_env(:lookout, :os_type) end)
      assert capture_io(fn -> assert Doctor.print() == :error end) =~ "missing  system: this is macOS"
    end
  end
end
