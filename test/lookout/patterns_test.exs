defmodule Lookout.PatternsTest do
  use Lookout.Case, async: true

  alias Lookout.Patterns

  @dirs ["/srv/app", "/srv/app/lib", "/work"]

  expansions = [
    # without alternatives a pattern stays as it is
    {["*.ex", "!b", "/lib/**", "**.ex", "a ", "\\#a", "[{,}]", <<255>>],
     ["*.ex", "!b", "/lib/**", "**.ex", "a ", "\\#a", "[{,}]", <<255>>]},
    {["**/*.{ex,exs}"], ["**/*.ex", "**/*.exs"]},
    {["{lib,test}/*.{ex,exs}", "x"], ["lib/*.ex", "lib/*.exs", "test/*.ex", "test/*.exs", "x"]},
    {["!{a,b}/"], ["!a/", "!b/"]},
    {["{a,b{c,d{e,f}}}"], ["a", "bc", "bde", "bdf"]},
    {["lib{,_test}"], ["lib", "lib_test"]},
    {["{a,a}"], ["a", "a"]},
    # what is no alternative
    {["{}", "{a}", "x{y}z", "{1..3}"], ["{}", "{a}", "x{y}z", "{1..3}"]},
    {["{a{b,c}}"], ["{ab}", "{ac}"]},
    {["{a,b", "a,b}", "}{"], ["{a,b", "a,b}", "}{"]},
    {["{a,{b,c}"], ["{a,b", "{a,c"]},
    # what is escaped, and what is in a set
    {["\\{a,b}", "{a\\,b}", "{a,b\\}"], ["\\{a,b}", "{a\\,b}", "{a,b\\}"]},
    {["{a\\,b,c\\}}"], ["a\\,b", "c\\}"]},
    {["{[,],[!}]}"], ["[,]", "[!}]"]},
    {["{[]},],a}"], ["[]},]", "a"]},
    {["{[[:alpha:],],a}"], ["[[:alpha:],]", "a"]},
    # what a name can match all the same
    {["...", ".*", "..?", "[.]x", "[!.]", "a\\ ", "a\\\n", "[\n]", "/work", "/srv", "/srv/app*/x", "srv/app/x", "x\r"],
     ["...", ".*", "..?", "[.]x", "[!.]", "a\\ ", "a\\\n", "[\n]", "/work", "/srv", "/srv/app*/x", "srv/app/x", "x\r"]}
  ]

  for {{patterns, lines}, number} <- Enum.with_index(expansions) do
    @patterns patterns
    @lines lines
    test "alternatives are expanded in their place, and the rest stays as it is: #{number}" do
      assert Patterns.expand(:ignore, @patterns, @dirs) == {:ok, @lines}
    end
  end

  impossible = [
    {"./lib/*.ex", "/lib/*.ex"},
    {"!./lib/", "!/lib/"},
    {"./x", "/x"},
    {"\\./x", "/x"},
    {"[.]/x", "/x"},
    {"a/./b", "a/b"},
    {".", nil},
    {"./", nil},
    {"../test/*.exs", "/test/*.exs"},
    {"lib/../x", "/x"},
    {"a/b/../c", "a/c"},
    {"**/..", nil},
    {"..", nil},
    {"/srv/app/*.ex", "/*.ex"},
    {"/srv/app/lib/*.ex", "/*.ex"},
    {"/srv/app/libs/./*.ex", "/libs/*.ex"},
    {"/srv/ap\\p/x", "/x"},
    {"/srv/app/lib/x/y", "/x/y"},
    {"/work/a\\/b", "/a/b"},
    {"!/work/a/b", "!/a/b"},
    {"/srv/app", nil},
    {"/srv/app/", nil},
    {"", nil},
    {"  ", nil},
    {"\r", nil},
    {"#a", "\\#a"},
    {"!", nil},
    {"! ", nil},
    {"/", nil},
    {"!/", nil},
    {"//", nil},
    {"a//b", "a/b"},
    {"//a", "/a"},
    {"a//", "a/"},
    {"a/**//b", "a/**/b"},
    {"a\\", "a\\\\"},
    {"a\\/", "a/"},
    {"[ab", "\\[ab"},
    {"./[ab", "/\\[ab"},
    {"a[b\\", "a\\[b\\\\"},
    {"[[:word:]]", nil},
    {"a[/]b", nil},
    {"*.ex\n", "*.ex"}
  ]

  for {{pattern, instead}, number} <- Enum.with_index(impossible) do
    @pattern pattern
    @instead instead
    test "a pattern that can match nothing is refused, with the pattern to write instead: #{number}" do
      assert {:error, message} = Patterns.expand(:ignore, ["*.ex", @pattern], @dirs)
      assert message =~ "the pattern #{inspect(@pattern)} can match nothing: "
      assert String.ends_with?(message, if(@instead, do: "; write #{inspect(@instead)}", else: "; leave it out"))
      if @instead, do: assert({:ok, [@instead]} == Patterns.expand(:ignore, [@instead], @dirs))
    end
  end

  test "a text of several lines is refused, with the lines as patterns" do
    assert {:error, message} = Patterns.expand(:ignore, ["*.ex\r\n*.exs\n"], [])
    assert message =~ ~S(write "*.ex", "*.exs")
  end

  test "an expanded alternative that is refused is shown, too" do
    assert {:error, message} = Patterns.expand(:only, ["{a,./b}/c"], [])
    assert message =~ ~S|the pattern "{a,./b}/c" (expanded to "./b/c") can match nothing|
  end

  test "a directory at the top may have an entry of its own name, and / has all of them" do
    assert Patterns.expand(:only, ["/work/", "/srv/app/x"], ["/work", "/"]) == {:ok, ["/work/", "/srv/app/x"]}
  end

  test "exceptions alone are refused for :only, which they leave with nothing" do
    assert {:error, message} = Patterns.expand(:only, ["!{a,b}"], [])
    assert message =~ ":ignore"
    assert Patterns.expand(:ignore, ["!{a,b}"], []) == {:ok, ["!a", "!b"]}
    assert Patterns.expand(:only, ["*", "!a"], []) == {:ok, ["*", "!a"]}
  end

  test "as many lines as lookout_port takes are made, and one more is an error" do
    assert {:ok, lines} = Patterns.expand(:only, [String.duplicate("{a,b}", 12)], [])
    assert length(Enum.uniq(lines)) == 4096
    assert {:error, message} = Patterns.expand(:only, [String.duplicate("{a,b}", 12), "c"], [])
    assert message =~ "at most 4096 patterns"

    assert {:error, message} =
             Patterns.expand(:only, [String.duplicate("{a,b}", 11) <> String.duplicate("c", 4000)], [])

    assert message =~ "at most 1048576 bytes"
  end

  test "what would expand without bound is counted, not built" do
    pattern = String.duplicate("{a,b}", 51)
    {:reductions, before} = Process.info(self(), :reductions)
    assert {:error, _message} = Patterns.expand(:only, List.duplicate(pattern, 4096), [])
    {:reductions, later} = Process.info(self(), :reductions)
    # 2^51 lines each: a reduction for one line of a million would be more.
    assert later - before < 20_000 * 4096
  end

  @tag skip: if(System.find_executable("git"), do: false, else: "git is not installed")
  test "no pattern that git finds a path for is refused", %{dir: dir} do
    names = [
      "a",
      "b",
      ".a",
      "..a",
      "a.",
      "...",
      "-",
      "#",
      "!",
      "\\",
      "[",
      "]",
      "[a",
      "a]",
      " ",
      "^",
      ":",
      "a b",
      "aa",
      "*",
      "?"
    ]

    for one <- names, two <- names, do: File.mkdir_p!(Path.join([dir, one, two]))
    paths = Enum.flat_map(names, fn one -> [one | Enum.map(names, &"#{one}/#{&1}")] end)
    File.write!(dir <> "/.paths", Enum.map(paths, &["../", &1, 0]))
    {_output, 0} = System.cmd("git", ["init", "-q"], cd: dir)
    :rand.seed(:exsss, {1, 2, 3})
    letters = String.graphemes("aab..//**?[]!\\-# ^:")
    patterns = for _ <- 1..250, do: Enum.map_join(1..:rand.uniform(6), fn _ -> Enum.random(letters) end)
    {refused, taken} = Enum.split_with(patterns, &match?({:error, _why}, Patterns.expand(:ignore, [&1], [])))

    assert length(refused) > 50
    assert Enum.any?(taken, &matched?(dir, &1))
    assert Enum.filter(refused, &matched?(dir, &1)) == []
  end

  defp matched?(dir, pattern) do
    File.write!(dir <> "/.gitignore", pattern <> "\n")
    line = "git -c core.excludesFile=/dev/null check-ignore --no-index -v -z --stdin <../.paths"
    {output, status} = System.cmd("sh", ["-c", line], cd: dir <> "/a")
    assert status in [0, 1]
    output != ""
  end
end
