defmodule Lookout.Console.WatchScriptTest do
  # bin/watch before anything is installed or built: a copy of it, whose bin/setup says that it was called.
  use Lookout.Case, async: true

  setup %{dir: dir} do
    for folder <- ["bin", "lib/lookout/console"], do: File.mkdir_p!(Path.join(dir, folder))
    for file <- ["bin/watch", "lib/lookout/console/usage.txt", "VERSION"], do: File.cp!(file, Path.join(dir, file))
    File.write!(Path.join(dir, "bin/setup"), "#!/bin/sh\necho installing\nexit 9\n")
    File.chmod!(Path.join(dir, "bin/setup"), 0o755)
    :ok
  end

  defp watch(context, words),
    do: System.cmd("sh", [Path.join(context.dir, "bin/watch") | words], stderr_to_stdout: true)

  test "--help and --version install and build nothing", context do
    usage = File.read!("lib/lookout/console/usage.txt")
    version = "lookout #{String.trim(File.read!("VERSION"))}\n"
    assert Lookout.Console.usage() == usage

    for words <- [["--help"], ["-h"], ["lib", "--restart", "--help", "--", "make"]],
        do: assert(watch(context, words) == {usage, 0})

    assert watch(context, ["--version"]) == {version, 0}
  end

  test "without words it goes on to watch, as `mix lookout` does", context do
    assert {"installing\n", 9} = watch(context, [])
  end

  test "a checkout that cannot be written is an error that says what to do", context do
    File.write!(Path.join(context.dir, "bin/setup"), "#!/bin/sh\n")
    File.write!(Path.join(context.dir, "_build"), "no directory")
    assert {output, 1} = watch(context, [])
    assert output =~ ~r/\Abin\/watch: .*_build cannot be written, .* make it writable, or use a copy of .*\n\z/
  end

  test "the words of a command and the values of options are no option of bin/watch", context do
    for words <- [["lib", "--", "ls", "--help"], ["lib", "--ignore", "--help"], ["--only", "--version"]],
        do: assert({"installing\n" <> _, status} = watch(context, words)) && assert(status != 0)
  end
end
