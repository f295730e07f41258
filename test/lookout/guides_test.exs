defmodule Lookout.GuidesTest do
  # The examples of the guides: that of "Getting started" is run, of the others each call is one that exists, with
  # options that are accepted. Those of the two "Coming from" guides are run by tests of their own.
  use Lookout.Case, async: false

  import Lookout.Document

  @pages Path.wildcard("guides/*.{md,cheatmd,livemd}") --
           ~w(guides/coming-from-file-system.md guides/coming-from-system-cmd.md)
  @blocks Map.new(@pages, &{&1, blocks(&1)})

  for page <- @pages do
    @external_resource page

    test "#{page}: each block of Elixir calls functions that exist" do
      for {"elixir", code} <- @blocks[unquote(page)], do: code |> Code.string_to_quoted!() |> Macro.prewalk(&call/1)
    end

    test "#{page}: the options of each child and each start are accepted" do
      for {"elixir", code} <- @blocks[unquote(page)], do: code |> Code.string_to_quoted!() |> Macro.prewalk(&options/1)
    end

    test "#{page}: each command line of Lookout is understood" do
      for {"sh", lines} <- @blocks[unquote(page)], "mix lookout " <> words <- String.split(lines, "\n") do
        assert {:ok, _parsed} = words |> OptionParser.split() |> Lookout.Console.Arguments.parse()
      end
    end
  end

  defp call({{:., _, [{:__aliases__, _, [:Lookout | _] = alias}, function]}, _, arguments} = ast) do
    module = Module.concat(alias)
    Code.ensure_loaded!(module)
    # In a pipe the first argument stands before the call.
    arities = [length(arguments), length(arguments) + 1]
    assert Enum.any?(arities, &function_exported?(module, function, &1)), Macro.to_string(ast)
    ast
  end

  defp call(ast), do: ast

  # {Lookout, dirs: [...]}, {Lookout.Command, {words, options}} and {Lookout.Command, :watch, [words, options]}.
  defp options({{:__aliases__, _, [:Lookout]}, options} = ast) when is_list(options),
    do: accepted(Lookout, options, ast)

  defp options({{:__aliases__, _, [:Lookout, :Runner]}, options} = ast) when is_list(options),
    do: accepted(Lookout.Runner, options, ast)

  defp options({{:__aliases__, _, [:Lookout, :Command]}, {_words, options}} = ast),
    do: accepted(Lookout.Command, options, ast)

  defp options(ast), do: ast

  defp accepted(module, options, ast) do
    known =
      for {:type, {name, type, []}} <- module |> Code.Typespec.fetch_types() |> elem(1),
          name in [:option, :common_option, :start_option],
          key <- keys(type),
          do: key

    known =
      if module == Lookout.Runner,
        do: known ++ [:dirs, :ignore, :only, :missing, :await, :cursor, :pty, :cd],
        else: known

    assert Keyword.keys(options) -- known == [], Macro.to_string(ast)
    ast
  end

  defp keys({:type, _, :union, types}), do: Enum.flat_map(types, &keys/1)
  defp keys({:type, _, :tuple, [{:atom, _, key}, _value]}), do: [key]
  defp keys(_other), do: []

  test "Getting started, from its first look to its test", %{dir: dir} do
    cd!(dir)
    blocks = @blocks["guides/getting-started.md"]
    File.mkdir!("inbox")

    printed =
      ExUnit.CaptureIO.capture_io(fn ->
        Code.eval_string("import IEx.Helpers\n" <> block!(blocks, "elixir", "flush()"))
      end)

    assert printed =~ "change: :created"

    compile!(block!(blocks, "elixir", "defmodule MyApp.Inbox"))
    {{:ok, supervisor}, _binding} = Code.eval_string(block!(blocks, "elixir", "missing: :wait"))
    Code.eval_string(block!(blocks, "elixir", "true = path in"))

    # A directory that is renamed takes its entries along, and one that is moved away takes them out.
    File.mkdir_p!("inbox/c/d")
    File.rename!("inbox/c", "inbox/e")
    File.mkdir!("other")
    File.rename!("inbox/a.txt", "other/a.txt")
    :ok = Lookout.sync(MyApp.Watcher)
    assert apply(MyApp.Inbox, :paths, []) == Enum.map(~w(b.txt e e/d), &Path.join([dir, "inbox", &1]))
    Supervisor.stop(supervisor)
  end

  test "the tour's cells work one after another, and show what their text says" do
    [{"elixir", "# The path of a checkout" <> _install} | cells] = @blocks["guides/tour.livemd"]

    {results, _binding} =
      Enum.map_reduce(cells, [], fn {"elixir", code}, binding -> Code.eval_string(code, binding) end)

    assert [:ok, {0, ["docs", "docs/old.md"]}, changes, entries, merged, "note.txt\npages\n", output, :ok] = results
    # The watcher may see the new file before the rename or after it.
    assert Enum.any?(changes, &match?({_seq, :created, path} when path in ["docs/new.md", "pages/new.md"], &1))
    assert Enum.any?(changes, &match?({_seq, :renamed, "pages"}, &1))
    assert Enum.any?(changes, &match?({_seq, :deleted, "pages/old.md"}, &1))
    assert {:file, "pages/new.md", 3} in entries
    assert merged in 1..100
    assert Enum.sort(output) == [{:exit, 3}, {:stderr, "two\n"}, {:stdout, "one\n"}]
  end

  test "the cheatsheet's commands and calls work as they are printed", %{dir: dir} do
    cd!(dir)
    Enum.each(~w(lib test), &File.mkdir!/1)
    start_supervised!({Lookout, dirs: ["lib"], name: MyApp.Watcher})

    for {"elixir", code} <- @blocks["guides/cheatsheet.cheatmd"],
        # These two wait for a change.
        not (code =~ "{:notice, notice}" or code =~ "Stream.filter") do
      Code.eval_string(code)
    end
  end
end
