defmodule Lookout.WorkingDirectoryTest do
  use Lookout.Case, async: true

  # Evaluates code in a VM whose working directory is gone, and returns its output.
  defp without_directory(dir, code) do
    script = """
    File.rmdir!(File.cwd!())
    #{code}
    """

    ebin = Application.app_dir(:lookout, "ebin")
    cwd = Path.join(dir, "cwd")
    File.mkdir!(cwd)
    System.cmd("elixir", ["-pa", ebin, "-e", script], cd: cwd, stderr_to_stdout: true)
  end

  test "what needs the working directory of the VM returns an error if that is gone", %{dir: dir} do
    {output, status} =
      without_directory(dir, """
      starts = [
        fn -> Lookout.start_link("lib") end,
        fn -> Lookout.start_link(dirs: ["/"], cursor: "cursor") end,
        fn -> Lookout.start_link("/") end,
        fn -> Lookout.Runner.start_link(dirs: "lib", run: fn _ -> :ok end) end,
        fn -> Lookout.Runner.start_link(dirs: "/", command: ["true"]) end,
        fn -> Lookout.FileSystem.start_link(dirs: ["lib"]) end,
        fn -> Lookout.Command.run(["true"]) end,
        fn -> Lookout.Command.run(["true"], cd: "lib") end,
        fn -> Lookout.Command.start_link(["true"], cd: "/", wait_for: "lib") end,
        fn -> Lookout.add(self(), "lib") end,
        fn -> Lookout.remove(self(), "lib") end,
        fn -> Lookout.list(self(), under: "lib") end
      ]

      for start <- starts do
        {:error, %Lookout.Error{} = error} = start.()
        IO.puts(Exception.message(error))
      end
      """)

    assert status == 0, output
    lines = String.split(output, "\n", trim: true)
    assert length(lines) == 12
    for line <- lines, do: assert(line =~ "the working directory of the VM is gone")
    assert hd(lines) =~ "getcwd \"lib\": "
  end

  test "the doctor prints that the working directory is gone", %{dir: dir} do
    {output, status} = without_directory(dir, "IO.inspect(Lookout.Doctor.print())")
    assert status == 0, output
    assert output =~ ~r/^missing  working directory: cannot be found \(enoent\)\n         -> .*File.cd!/m
    assert output =~ ~r/^missing  mounts: of \. cannot be checked/m
    assert output =~ ~r/^:error/m
  end
end
