defmodule Lookout.MemoryTest do
  # Not async: what the whole VM takes is measured.
  use Lookout.Case, async: false

  alias Lookout.Mirror

  @moduletag timeout: 600_000
  @mebibyte 1_048_576

  # LOOKOUT_FULL=1 makes ten times as many changes, and prints what was measured.
  @full System.get_env("LOOKOUT_FULL") != nil
  @names if @full, do: 200_000, else: 20_000
  @rounds 5

  # By another process of the system, so that it is not the VM that grows.
  @writer """
  my ($dir, $names, $rounds) = @ARGV;
  mkdir "$dir/$_" for 0..99;
  for my $round (1..$rounds) {
    for my $i (0..$names-1) {
      open my $file, '>>', "$dir/" . ($i % 100) . "/$i" or die $!;
      print $file $round;
      close $file;
    }
  }
  """

  test "P3: a subscriber that sleeps through a storm costs neither the VM nor the program much memory", %{dir: dir} do
    watcher = start_watcher!(dirs: dir)
    sleeper = Task.async(fn -> sleep_and_replay(watcher, dir) end)
    assert_receive :subscribed
    :erlang.garbage_collect()
    before = :erlang.memory(:total)

    storm = Task.async(fn -> System.cmd("perl", ["-e", @writer, dir, "#{@names}", "#{@rounds}"]) end)
    vm_growth = peak_memory(storm, before) - before
    program_peak = peak_of_program(watcher)
    send(sleeper.pid, :wake)
    :ok = Lookout.sync(watcher, 300_000)
    send(sleeper.pid, :synced)
    mirror = Task.await(sleeper, 300_000)
    assert Mirror.types(mirror) == Mirror.disk(dir)

    fresh = start_watcher!(dirs: dir)
    {:ok, %{memory: tree}} = Lookout.info(fresh)
    program_growth = program_peak - tree

    if @full do
      IO.puts(
        "\n#{@names * @rounds} changes of #{@names} files while the subscriber slept: VM +#{mebibytes(vm_growth)} MiB, " <>
          "program at most #{mebibytes(program_peak)} MiB; one that only knows the tree #{mebibytes(tree)} MiB"
      )
    end

    assert vm_growth < 32 * @mebibyte
    assert program_growth < 32 * @mebibyte
  end

  # Of these directories, removed from the deepest up, the path of each of the first ones has 1.2 MB.
  @deep """
  my ($dir, $name) = ($ARGV[0], "d" x 250);
  chdir $dir or die $!;
  for (1..5_000) { mkdir $name or die $!; chdir $name or die $!; }
  """

  test "P3: long paths that wait for a subscriber take no more memory than others do", %{dir: dir} do
    {_output, 0} = System.cmd("perl", ["-e", @deep, dir])
    watcher = start_watcher!(dirs: dir)
    {:ok, ^watcher} = Lookout.subscribe(watcher, active: 0)
    {_output, 0} = System.cmd("rm", ["-rf", Path.join(dir, String.duplicate("d", 250))])
    eventually(fn -> match?({:ok, %{credit: 0, held: held}} when held > 0, Lookout.info(watcher)) end)
    batches = for {:events, _seq, events} <- :queue.to_list(:sys.get_state(watcher).delivery.flow.queue), do: events
    bytes = for events <- batches, do: Enum.sum(for(event <- events, do: byte_size(event.path)))
    assert hd(bytes) > @mebibyte
    assert Enum.sum(bytes) < 32 * @mebibyte / 2 + hd(bytes)
  end

  # Rule files that are too large to be read, with paths of 3 kB.
  @bad_rules """
  my $dir = $ARGV[0];
  for (1..15) { $dir .= "/" . "d" x 200; mkdir $dir or die $!; }
  for (1..600) { mkdir "$dir/$_" or die $!; open my $file, '>', "$dir/$_/.gitignore"; truncate $file, 100_000 or die $!; }
  """

  test "P3: notices with long paths that wait take no more memory than others do, and none is left out in silence", %{
    dir: dir
  } do
    {_output, 0} = System.cmd("perl", ["-e", @bad_rules, dir])
    watcher = start_watcher!(dirs: dir, gitignore: true, initial: true)
    {:ok, ^watcher} = Lookout.subscribe(watcher)
    :ok = Lookout.sync(watcher, 60_000)
    notices = for {:notice, notice} <- taken(watcher), do: notice
    whole = for {:unreadable, path, :efbig} <- notices, do: byte_size(path)
    assert Enum.sum(whole) in div(@mebibyte, 2)..(@mebibyte + 10_000)
    assert [{:omitted, below, count}] = notices -- for({:unreadable, _path, :efbig} = notice <- notices, do: notice)
    assert length(whole) + count == 600
    assert String.starts_with?(below, Path.join(dir, "d"))
  end

  defp sleep_and_replay(watcher, dir) do
    [parent | _callers] = Process.get(:"$callers")
    {:ok, _pid} = Lookout.subscribe(watcher)
    send(parent, :subscribed)

    receive do
      :wake -> replay(Mirror.new([dir], []), watcher)
    end
  end

  # A batch that was sent before the sync's answer is in the mailbox before it.
  defp replay(mirror, watcher) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} -> mirror |> Mirror.replay(events) |> replay(watcher)
      {:lookout, ^watcher, {:notice, {:overflow, _dir}}} -> replay(mirror, watcher)
      :synced -> mirror
    end
  end

  defp peak_memory(task, peak) do
    case Task.yield(task, 20) do
      {:ok, {_output, 0}} -> max(peak, :erlang.memory(:total))
      nil -> peak_memory(task, max(peak, :erlang.memory(:total)))
    end
  end

  # VmHWM of proc(5), in bytes.
  defp peak_of_program(watcher) do
    [_all, kibibytes] = Regex.run(~r/^VmHWM:\s+(\d+) kB$/m, File.read!("/proc/#{os_pid(watcher)}/status"))
    String.to_integer(kibibytes) * 1024
  end

  defp mebibytes(bytes), do: Float.round(bytes / @mebibyte, 1)
end
