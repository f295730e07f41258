# smoke.exs ROOT VERSION [RUNNER...]: tries the lookout_port in an empty root directory, by its protocol: it answers, watches,
# synchronizes, reports a rename, knows sizes over 4 GiB and times past 2038, and runs a command. RUNNER, as "/qemu", runs it where it is of another machine.
#
# The only program there is is lookout_port itself, under the name /command.
[root, version | runner] = System.argv()

defmodule Smoke do
  @minute 60_000

  def open(root, runner) do
    chroot = System.find_executable("chroot") || "/usr/sbin/chroot"
    arguments = [root | runner] ++ ["/lookout_port"]
    Port.open({:spawn_executable, chroot}, [:binary, :exit_status, packet: 4, args: arguments])
  end

  def request(port, term), do: Port.command(port, :erlang.term_to_binary(term))

  # The next message; notices are not looked at.
  def next(port) do
    receive do
      {^port, {:data, frame}} ->
        with {:notice, _notice} <- :erlang.binary_to_term(frame), do: next(port)

      {^port, {:exit_status, status}} ->
        raise "lookout_port ended with status #{status}"
    after
      @minute -> raise "no message within a minute"
    end
  end

  def reply(port, id, found \\ []) do
    case next(port) do
      {:reply, ^id, result} -> {result, Enum.reverse(found)}
      {:events, _seq, events} -> reply(port, id, Enum.reverse(events) ++ found)
      other -> raise "expected a reply to request #{id}, got #{inspect(other)}"
    end
  end

  def sync(port, id) do
    request(port, {:sync, id})
    {{:ok, _batch}, events} = reply(port, id)
    events
  end

  def entries(port, id, found \\ []) do
    case next(port) do
      {:entries, ^id, entries} -> entries(port, id, found ++ entries)
      {:reply, ^id, {:ok, _batch}} -> found
      {:events, _seq, _events} -> entries(port, id, found)
      other -> raise "expected entries, got #{inspect(other)}"
    end
  end

  def output(port, bytes) do
    case next(port) do
      {:stdout, more} -> output(port, bytes <> more)
      {:exit, status} -> {bytes, status}
      other -> raise "expected output, got #{inspect(other)}"
    end
  end

  def step(text, true), do: IO.puts("ok: #{text}")
  def step(text, other), do: raise("#{text}: got #{inspect(other)}")
end

File.mkdir_p!(root <> "/in")
port = Smoke.open(root, runner)
{:hello, protocol, said} = Smoke.next(port)
Smoke.step("says hello with its version", said == version or said)

Smoke.request(port, {:watch, 1, ["/in"], [credit: :infinity]})
{:ok, []} = Smoke.reply(port, 1)
File.mkdir!(root <> "/in/a")
Smoke.step("reports a new directory by the next sync", {:created, :directory, "/in/a"} in Smoke.sync(port, 2))
File.rename!(root <> "/in/a", root <> "/in/b")
Smoke.step("reports a rename with both names", {:renamed, :directory, "/in/b", "/in/a"} in Smoke.sync(port, 3))

# A machine of 32 bits, too, has files and times of 64.
large = root <> "/in/large"
{"", 0} = System.cmd("truncate", ["-s", "5G", large])
{"", 0} = System.cmd("touch", ["-d", "2100-01-01 00:00:00 UTC", large])
Smoke.step("reports a file of 5 GiB", {:created, :file, "/in/large"} in Smoke.sync(port, 5))
Smoke.request(port, {:list, 6, [stat: true]})
[{size, mtime}] = for {:file, "/in/large", _inode, size, mtime, _mode} <- Smoke.entries(port, 6), do: {size, mtime}
expected = {5 * 1024 * 1024 * 1024, 4_102_444_800 * 1_000_000_000}
Smoke.step("knows its size and its time in the year 2100", {size, mtime} == expected or {size, mtime})
Port.close(port)

port = Smoke.open(root, runner)
{:hello, ^protocol, _said} = Smoke.next(port)
command = if runner == [], do: ["/command", "--version"], else: runner ++ ["/command", "--version"]
Smoke.request(port, {:spawn, 4, command, [stdout: :pipe, stderr: :stdout, credit: 65_536]})

case Smoke.reply(port, 4) do
  {{:ok, _os_pid}, []} ->
    {output, status} = Smoke.output(port, "")
    expected = "lookout_port #{version} (protocol #{protocol})\n"
    Smoke.step("runs a command to its end", {output, status} == {expected, 0} or {output, status})

  # qemu-user does not have every system call that a command needs.
  {{:error, {reason, operation, _path, detail}}, []} when runner != [] ->
    IO.puts("left out: a command cannot be started by #{hd(runner)}: #{operation}: #{detail} (#{reason})")

  {other, _events} ->
    raise "the command was not started: #{inspect(other)}"
end
