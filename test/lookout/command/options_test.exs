defmodule Lookout.Command.OptionsTest do
  use ExUnit.Case, async: true

  alias Lookout.Command.Options
  alias Lookout.Error

  defp parse!(command, options \\ []) do
    {:ok, options} = Options.parse(:start_link, command, options)
    options
  end

  defp reason(command, options \\ []) do
    {:error, %Error{reason: reason, detail: detail}} = Options.parse(:run, command, options)
    assert String.printable?(detail)
    reason
  end

  test "the working directory is that of the VM unless given" do
    assert parse!(["true"]).request[:cd] == File.cwd!()
    assert parse!(["true"], cd: "/tmp/../srv/").request[:cd] == "/srv"
  end

  test "variables are set or taken away, from a map or a list" do
    assert parse!(["true"], env: %{"A" => "1"}).request[:env] == [{"A", "1"}]
    assert parse!(["true"], env: [{"A", nil}, {~c"B", ~c"x"}]).request[:env] == [{"A", nil}, {"B", "x"}]
  end

  test "limits are soft and hard" do
    options = parse!(["true"], rlimits: [nofile: 10, core: {0, :infinity}])
    assert options.request[:rlimits] == [{:nofile, 10, 10}, {:core, 0, :infinity}]
  end

  test "input asks for standard input" do
    options = parse!(["cat"], input: ["a", ?b])
    assert options.input == "ab"
    assert options.request[:stdin] == :pipe
    assert parse!(["cat"], input: 1..3).input == 1..3
  end

  test "input that is neither iodata nor an enumerable is refused before anything is started" do
    for input <- [:atom, 1, ["a", :b], {"a"}, fn -> "a" end, %Error{reason: :x, operation: :y, detail: "z"}] do
      assert_raise ArgumentError, ~r/:input/, fn -> Options.parse(:run, ["cat"], input: input) end
    end
  end

  test "without an owner there is nobody to hear the output" do
    assert %{stdout: :null, stderr: :null} = Map.new(parse!(["true"], owner: nil).request)
    assert %{stdout: {:append, "/log"}} = Map.new(parse!(["true"], owner: nil, stdout: {:append, "/log"}).request)
  end

  test "a shell takes a line" do
    assert parse!("a | b", shell: true).argv == ["/bin/sh", "-c", "a | b"]
    assert_raise ArgumentError, ~r/string/, fn -> Options.parse(:run, ["a"], shell: true) end
    assert_raise ArgumentError, ~r/list of strings/, fn -> Options.parse(:run, "a", []) end
  end

  test "what may come from data is an error with a reason of its own" do
    assert reason([]) == :empty_argv
    assert reason(["echo", "a\0b"]) == :nul_byte
    assert reason([""]) == :enoent
    assert reason(["echo", String.duplicate("x", 4_000_000)]) == :e2big
    assert reason(["echo" | List.duplicate("x", 70_000)]) == :e2big
    assert reason(["true"], rlimits: [no_such: 1]) == :bad_limit
    assert reason(["true"], rlimits: [nofile: {2, 1}]) == :bad_limit
    assert reason(["true"], rlimits: [nofile: -1]) == :bad_limit
  end

  test "options that make no sense are named" do
    for {options, named} <- [
          {[colour: 1], ~r/:colour/},
          {[cd: 1], ~r/:cd/},
          {[env: [{"A=B", "c"}]], ~r/:env/},
          {[env: [{"A", "c\0"}]], ~r/:env/},
          {[stdin: :file], ~r/:stdin/},
          {[stdout: :stdout], ~r/:stdout/},
          {[stderr: {:file, ""}], ~r/:stderr/},
          {[pty: {0, 1}], ~r/:pty/},
          {[nice: 20], ~r/:nice/},
          {[timeout: -1], ~r/:timeout/},
          {[input: :atom], ~r/:input/},
          {[into: :atom], ~r/:into/},
          {[name: :run_takes_none], ~r/:name/},
          {:no_list, ~r/options/}
        ] do
      assert_raise ArgumentError, named, fn -> Options.parse(:run, ["true"], options) end
    end

    for {options, named} <- [
          {[active: -1], ~r/:active/},
          {[owner: "x"], ~r/:owner/},
          {[owner: :nobody_here], ~r/nobody_here/}
        ] do
      assert_raise ArgumentError, named, fn -> Options.parse(:start_link, ["true"], options) end
    end
  end
end
