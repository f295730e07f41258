defmodule Lookout.InotifywaitTest do
  # Route 3: `lookout_port inotifywait` as the program that file_system starts, with its command line and its parser.
  use Lookout.Case, async: true

  alias Lookout.{FileEvents, FileSystem, FileSystemDouble, OracleTools}

  setup %{dir: dir} do
    watched = Path.join(dir, "watched")
    File.mkdir!(watched)
    {:ok, watched: watched}
  end

  # --quiet gives no sign that the watches are live: an entry is made and removed in turn until that is printed.
  defp start!(executable_file, dir) do
    port = FileSystemDouble.open(executable_file, [dir])
    probe = Path.join(dir, "probe")

    eventually(fn ->
      with {:error, :eexist} <- File.mkdir(probe), do: File.rmdir!(probe)
      List.keymember?(events(port), probe, 0)
    end)

    File.rmdir(probe)
    last = Path.join(dir, "last")
    File.mkdir!(last)
    await(port, {last, [:created, :isdir]})
    File.rmdir!(last)
    await(port, {last, [:deleted, :isdir]})
    port
  end

  # Takes what is printed up to an event.
  defp await(port, {_path, _events} = event) do
    assert_receive {^port, {:data, {:eol, line}}}
    unless FileSystemDouble.parse(line) == event, do: await(port, event)
  end

  defp await(_port, 0), do: []

  defp await(port, count) do
    assert_receive {^port, {:data, {:eol, line}}}
    [FileSystemDouble.parse(line) | await(port, count - 1)]
  end

  defp events(port) do
    receive do
      {^port, {:data, {:eol, line}}} -> [FileSystemDouble.parse(line) | events(port)]
      {^port, {:data, {:noeol, part}}} -> flunk("a part of a line: #{inspect(part)}")
    after
      0 -> []
    end
  end

  # The paths by all that has been printed so far.
  defp known(port) do
    known = Enum.reduce(events(port), Process.get(port, %FileEvents{}), &FileEvents.apply_event(&2, &1))
    Process.put(port, known)
    known.paths
  end

  test "the lines are file_system's events", %{watched: watched} do
    port = start!(FileSystem.inotifywait(), watched)
    path = Path.join(watched, "a b")
    File.write!(path, "")
    assert [{^path, [:created]}, {^path, [:modified]}, {^path, [:modified, :closed]}] = await(port, 3)
    File.mkdir!(Path.join(watched, "d"))
    dir = Path.join(watched, "d")
    assert [{^dir, [:created, :isdir]}] = await(port, 1)
    chmod!(path, "600")
    assert [{^path, [:attribute]}] = await(port, 1)
    File.rm!(path)
    assert [{^path, [:deleted]}] = await(port, 1)
  end

  test "a name with a newline, the separator or a last carriage return is one event with escapes", %{watched: watched} do
    port = start!(FileSystem.inotifywait(), watched)
    File.mkdir!(Path.join(watched, "a\nb" <> <<1>> <> "c,d\r"))
    path = Path.join(watched, "a\\012b\\001c,d\\015")
    assert [{^path, [:created, :isdir]}] = await(port, 1)
  end

  test "it is found in PATH as inotifywait", %{watched: watched} do
    priv = Path.dirname(Lookout.port_path())
    assert Path.join(priv, "inotifywait") == find_in_path("inotifywait", priv <> ":/usr/bin")
    port = start!(Path.join(priv, "inotifywait"), watched)
    dir = Path.join(watched, "d")
    File.mkdir!(dir)
    assert [{^dir, [:created, :isdir]}] = await(port, 1)
  end

  defp find_in_path(name, path), do: to_string(:os.find_executable(to_charlist(name), to_charlist(path)))

  test "it works from a path with spaces and quotes, as in a release there", %{dir: dir, watched: watched} do
    bin = Path.join(dir, "it's a release")
    File.mkdir!(bin)
    File.cp!(Lookout.port_path(), Path.join(bin, "lookout_port"))
    port = start!(FileSystem.inotifywait(Path.join(bin, "lookout_port")), watched)
    made = Path.join(watched, "d")
    File.mkdir!(made)
    assert [{^made, [:created, :isdir]}] = await(port, 1)
  end

  test "it ends with the port", %{watched: watched} do
    port = start!(FileSystem.inotifywait(), watched)
    assert [_os_pid] = running(watched)
    Port.close(port)
    eventually(fn -> running(watched) == [] end)
  end

  # By the arguments, in which the directory of this test is.
  defp running(dir) do
    for path <- Path.wildcard("/proc/[0-9]*/cmdline"),
        {:ok, line} <- [File.read(path)],
        String.starts_with?(Path.basename(hd(String.split(line, <<0>>))), "lookout_port"),
        String.contains?(line, dir),
        do: path
  end

  test "nothing is missed in a gentle churn, compared after each change", %{watched: watched} do
    port = start!(FileSystem.inotifywait(), watched)

    FileEvents.churn(watched, 200, 5, fn ->
      expected = FileEvents.on_disk(watched)
      eventually(fn -> known(port) == expected end)
    end)
  end

  test "nothing is missed in a churn without a pause", %{watched: watched} do
    port = start!(FileSystem.inotifywait(), watched)
    FileEvents.churn(watched, 1_000, 6, fn -> :ok end)
    expected = FileEvents.on_disk(watched)
    eventually(fn -> known(port) == expected end)
  end

  # Races, odd names, paths longer than PATH_MAX.
  @tag timeout: 300_000
  test "nothing is missed in the churn of the mutator, compared whenever it rests", %{dir: dir} do
    root = Path.join(dir, "r0")
    File.mkdir!(root)
    port = start!(FileSystem.inotifywait(), root)
    File.rmdir!(root)
    arguments = ~w(--dir #{dir} --seed 5 --ops 1000 --roots 1 --log #{dir}/log)

    mutator =
      Port.open({:spawn_executable, OracleTools.path!("mutator")}, [:binary, :exit_status, line: 64, args: arguments])

    assert_receive {^mutator, {:data, {:eol, "ready"}}}, 60_000
    Port.command(mutator, "go\n")
    assert rests(mutator, port, root, 0) > 0
  end

  defp rests(mutator, port, root, count) do
    receive do
      {^mutator, {:data, {:eol, "rest"}}} ->
        expected = for {path, _entry} <- OracleTools.walk!([root]), path != root, into: MapSet.new(), do: escaped(path)

        eventually(fn -> known(port) == expected end)
        Port.command(mutator, "go\n")
        rests(mutator, port, root, count + 1)

      {^mutator, {:data, {:eol, "done"}}} ->
        count
    after
      120_000 -> flunk("the mutator did not rest")
    end
  end

  defp escaped(path),
    do: path |> String.replace("\n", "\\012") |> String.replace("\r", "\\015") |> String.replace(<<1>>, "\\001")
end
