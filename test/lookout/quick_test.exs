defmodule Lookout.QuickTest do
  # bin/test quick, with a cmake that only notes what it should build.
  use Lookout.Case, async: true

  test "each source of the native part has tests", %{dir: dir} do
    sources = for folder <- ~w(c_src test/native), file <- Path.wildcard(folder <> "/**/*.{h,cpp}"), do: file
    sources = sources -- Path.wildcard("test/native/fuzz/*")
    {output, _status} = quick(dir, sources)
    refute output =~ "it knows no tests of"
    targets = dir |> Path.join("targets") |> File.read!() |> String.split()
    assert "bridge_tests" in targets
    assert targets -- defined() == []
  end

  test "a fuzz target is not built as a test", %{dir: dir} do
    for file <- Path.wildcard("test/native/fuzz/*.cpp") do
      assert quick(dir, [file]) == {"bin/test quick: run bin/fuzz for #{file}\n", 2}
    end

    refute File.exists?(Path.join(dir, "targets"))
  end

  defp quick(dir, files) do
    cmake = "#!/bin/sh\nwhile [ \"$1\" != --target ]; do shift; done\nshift\necho \"$@\" >#{dir}/targets\nexit 1\n"
    File.write!(Path.join(dir, "cmake"), cmake)
    File.chmod!(Path.join(dir, "cmake"), 0o755)
    path = dir <> ":" <> System.get_env("PATH")
    System.cmd(Path.expand("test/quick"), ["1" | files], env: [{"PATH", path}], stderr_to_stdout: true)
  end

  # The programs of tests that the lists of CMake have.
  defp defined do
    text = "test/native/**/CMakeLists.txt" |> Path.wildcard() |> Enum.map_join(&File.read!/1)
    [_all, folders] = Regex.run(~r/foreach\(folder ([^)]*)\)/, text)
    named = for [_all, name] <- Regex.scan(~r/add_executable\((\w+_tests)/, text), do: name
    named ++ for(folder <- String.split(folders), do: folder <> "_tests")
  end
end
