defmodule Lookout.Watcher.OptionsTest do
  use ExUnit.Case, async: true

  alias Lookout.Watcher.Options

  test "a path alone is its own options, as a binary or as characters" do
    assert %Options{dirs: ["/a"], recursive: true, ready: :wait} = Options.parse!("/a")
    assert %Options{dirs: ["/a"]} = Options.parse!(~c"/a")
  end

  test "options may be an Erlang proplist" do
    assert %Options{dirs: ["/a", "/b"], initial: true} = Options.parse!([:initial, {:dirs, [~c"/a", "/b"]}])
    assert %Options{dirs: ["/a"]} = Options.parse!(dirs: ~c"/a")
  end

  test "a directory given twice counts once, in whatever way it is written" do
    assert %Options{dirs: ["/a", "/b"]} = Options.parse!(dirs: ["/a", "/b/", "/a/../a", ~c"/b"])
  end

  test "there may be no directory yet" do
    assert %Options{dirs: []} = Options.parse!(dirs: [])
  end

  test "of an option given twice the first counts" do
    assert %Options{settle: 1} = Options.parse!(dirs: "/", settle: 1, settle: 2)
  end

  bad_values = [
    dirs: nil,
    dirs: :a,
    dirs: [:a],
    dirs: ["a" | "b"],
    dirs: "",
    dirs: "a\0",
    dirs: [0x110000],
    name: "text",
    name: true,
    name: {:via, 1, 2},
    recursive: 1,
    changes: [],
    changes: [:moved],
    changes: [:created | :deleted],
    changes: :created,
    settle: -1,
    settle: 3_600_001,
    settle: 1.0,
    settle: :infinity,
    max_settle: -1,
    max_settle: 86_400_001,
    max_settle: nil,
    missing: :ignore,
    missing: nil,
    gitignore: :yes,
    ignore: "*.o",
    ignore: [:a],
    ignore: ["a\0"],
    ignore: ["a" | "b"],
    only: nil,
    only: [~c"a"],
    initial: nil,
    follow_symlinks: :loops,
    await: :open,
    await: {:close, 0},
    backend: :fsevents,
    poll_interval: 9,
    poll_interval: 3_600_001,
    ready: true,
    max_lag: -1,
    max_lag: :never,
    subscribe: :me,
    subscribe: [:me]
  ]

  for {{key, value}, number} <- Enum.with_index(bad_values) do
    @bad {key, value}
    test "a bad value is named, with what was expected and what came: #{key} #{number}" do
      {key, value} = @bad
      options = Keyword.merge([dirs: "/"], [{key, value}])
      message = Exception.message(assert_raise(ArgumentError, fn -> Options.parse!(options) end))

      assert message =~ "option #{inspect(key)}: expected "
      assert message =~ "got: #{inspect(value)}"
    end
  end

  test "patterns are bounded in number and size" do
    assert %Options{ignore: [<<255>>], only: []} = Options.parse!(dirs: "/", ignore: [<<255>>], only: [])

    for bad <- [
          List.duplicate("a", 4097),
          [String.duplicate("a", 4097)],
          List.duplicate(String.duplicate("a", 4096), 257)
        ] do
      assert_raise ArgumentError, ~r/option :ignore: expected a list of/, fn ->
        Options.parse!(dirs: "/", ignore: bad)
      end
    end
  end

  test "alternatives are expanded in patterns, and a pattern that can match nothing is refused by name" do
    assert %Options{ignore: ["*.o"], only: ["*.ex", "*.exs"]} =
             Options.parse!(dirs: "/a", ignore: ["*.o"], only: ["*.{ex,exs}"])

    for {key, pattern} <- [ignore: "./lib", only: "/a/lib/*.ex"] do
      message =
        Exception.message(assert_raise(ArgumentError, fn -> Options.parse!([{:dirs, "/a"}, {key, [pattern]}]) end))

      assert message =~ "Lookout: option #{inspect(key)}: the pattern #{inspect(pattern)} can match nothing: "
    end
  end

  test "patterns are bounded in number once they are expanded" do
    assert_raise ArgumentError, ~r/option :ignore: expected at most 4096 patterns once/, fn ->
      Options.parse!(dirs: "/", ignore: List.duplicate(String.duplicate("{a,b}", 51), 4096))
    end
  end

  test "the options of add, or its timeout alone" do
    assert Options.parse_add!([]) == {nil, 60_000}
    assert Options.parse_add!(missing: :wait, timeout: :infinity) == {:wait, :infinity}
    assert Options.parse_add!(5) == {nil, 5}

    assert_raise ArgumentError, ~r/option :missing: expected :error or :wait/, fn ->
      Options.parse_add!(missing: true)
    end

    assert_raise ArgumentError, ~r/unknown option :recursive/, fn -> Options.parse_add!(recursive: true) end
    assert_raise ArgumentError, ~r/timeout: expected/, fn -> Options.parse_add!(:soon) end
  end

  test "an unknown option is named, with those that are known" do
    for key <- [:ignored, :recurse, :limits, :latency] do
      message = Exception.message(assert_raise(ArgumentError, fn -> Options.parse!([{:dirs, "/"}, {key, 7}]) end))
      assert message =~ "unknown option #{inspect(key)} (7); expected one of :dirs, :name,"
    end
  end

  test "what are no options at all is shown, with an example" do
    for bad <- [:dir, 7, %{}, {:dirs, "/"}, ["lib", "priv"], [{"dirs", "/"}], [{:dirs, "/"} | 1]] do
      assert_raise ArgumentError, ~r/expected a path or options such as/, fn -> Options.parse!(bad) end
    end
  end

  test "without directories nothing can be watched" do
    assert_raise ArgumentError, ~r/option :dirs is missing/, fn -> Options.parse!([]) end
    assert_raise ArgumentError, ~r/option :dirs is missing/, fn -> Options.parse!(name: :a) end
  end

  test "the options of subscribe say how many batches, and after which one" do
    assert Options.parse_subscribe!([]) == {:all, nil}
    assert Options.parse_subscribe!(active: true) == {:all, nil}
    assert Options.parse_subscribe!(active: :once) == {1, nil}
    assert Options.parse_subscribe!(active: 0, since: 7) == {0, 7}
    assert_raise ArgumentError, ~r/option :since: expected/, fn -> Options.parse_subscribe!(since: -1) end

    for bad <- [false, -1, 1.0, :twice] do
      assert_raise ArgumentError, ~r/option :active: expected/, fn -> Options.parse_subscribe!(active: bad) end
    end

    assert_raise ArgumentError, ~r/unknown option :dirs/, fn -> Options.parse_subscribe!("/") end
  end

  test "the options of list" do
    assert Options.parse_list!([]) == {[], 60_000}
    assert {[stat: true, under: "/a"], 5} = Options.parse_list!(under: "/a/", stat: true, timeout: 5)
    assert_raise ArgumentError, ~r/option :under: expected/, fn -> Options.parse_list!(under: nil) end
  end
end
