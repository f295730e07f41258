defmodule Lookout.ComingFromFileSystemTest do
  # Each example of guides/coming-from-file-system.md, as it is printed there.
  use Lookout.Case, async: true

  alias Lookout.{FileSystemBackend, FileSystemDouble}
  alias Lookout.FileSystemDouble.Worker

  @document "guides/coming-from-file-system.md"
  @external_resource @document
  @blocks ~r/^```(elixir|sh)\n(.*?)^```/ms
          |> Regex.scan(File.read!(@document), capture: :all_but_first)
          |> Enum.map(&List.to_tuple/1)

  # The only block with a text.
  defp block(language, text) do
    assert [block] = for({^language, block} <- @blocks, block =~ text, do: block)
    block
  end

  defp config(block), do: Config.Reader.eval!("config.exs", "import Config\n" <> block, [])

  test "every block is run by a test of this module" do
    assert length(@blocks) == 7
  end

  test "route 1", %{dir: dir} do
    block = block("elixir", "Lookout.FileSystem.start_link(")
    assert block =~ ~s(["lib", "test"])
    code = String.replace(block, ~s(["lib", "test"]), inspect([dir, dir <> "/missing"]))
    path = Path.join(dir, "new.ex")

    task = Task.async(fn -> code |> Code.eval_string() |> elem(0) end)
    {:ok, result} = eventually(fn -> Task.yield(task, 10) || create_again(path) end)

    assert {^path, [event | _more]} = result
    assert event in [:created, :modified, :deleted]
  end

  # Without File.touch!/1: it also sets the times, which may be the first change that is seen.
  defp create_again(path) do
    File.rm(path)
    File.write!(path, "")
    nil
  end

  # As phoenix_live_reload starts it.
  test "route 2", %{dir: dir} do
    settings = config(block("elixir", "backend_opts:"))[:phoenix_live_reload]
    assert settings[:backend] == FileSystemBackend

    options = [backend: settings[:backend], name: :lookout_route_2, dirs: [dir]] ++ settings[:backend_opts]
    start_supervised!(%{id: :worker, start: {Worker, :start_link, [options]}})
    :ok = Worker.subscribe(:lookout_route_2)
    File.write!(Path.join(dir, "a.swp"), "")
    File.mkdir!(Path.join(dir, "web"))
    path = Path.join(dir, "web")
    assert_receive {:file_event, _pid, {^path, [:created, :isdir]}}
    refute_received {:file_event, _pid, _event}
  end

  test "the setting for Linux only" do
    assert [phoenix_live_reload: [backend: FileSystemBackend]] = config(block("elixir", ":os.type()"))
  end

  test "route 3, the setting in config.exs", %{dir: dir} do
    assert prints?(config(block("elixir", "Mix.Project.build_path"))[:file_system][:fs_inotify][:executable_file], dir)
  end

  test "route 3, the setting in runtime.exs", %{dir: dir} do
    assert prints?(
             config(block("elixir", "FileSystem.inotifywait()"))[:file_system][:fs_inotify][:executable_file],
             dir
           )
  end

  test "route 3, the environment variable", %{dir: dir} do
    block = block("sh", "FILESYSTEM_FSINOTIFY_EXECUTABLE_FILE")
    assert prints?(exported(block, "FILESYSTEM_FSINOTIFY_EXECUTABLE_FILE", dir), dir)
  end

  test "route 3, the entry of PATH", %{dir: dir} do
    path = exported(block("sh", "export PATH"), "PATH", dir)
    assert prints?(to_string(:os.find_executable('inotifywait', to_charlist(path))), dir)
  end

  # The value that a variable has after a block, run in a project that has this build.
  defp exported(block, variable, dir) do
    project = Path.join(dir, "project")
    File.mkdir_p!(Path.join(project, "_build"))
    File.ln_s!(Mix.Project.build_path(), Path.join(project, "_build/dev"))
    {value, 0} = System.cmd("/bin/sh", ["-c", block <> ~s(printf %s "$#{variable}")], cd: project)
    value
  end

  defp prints?(executable_file, dir) do
    watched = Path.join(dir, "watched")
    File.mkdir!(watched)
    port = FileSystemDouble.open(executable_file, [watched])

    eventually(fn ->
      create_again(Path.join(watched, "a"))

      receive do
        {^port, {:data, {:eol, line}}} -> match?({_path, [_event]}, FileSystemDouble.parse(line))
        {^port, {:exit_status, status}} -> flunk("it ended with #{status}")
      after
        10 -> false
      end
    end)
  end
end
