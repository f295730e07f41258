defmodule Lookout.Command.OptionsTest do
  use ExUnit.Case, async: true

  alias Lookout.Error
  alias Lookout.Command.Options

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

  test "P10: the grace is five seconds for a stop, and half a second for every other end, unless given" do
    for {given, stop, other} <- [{[], 5_000, 500}, {[grace: 70], 70, 70}] do
      assert %{grace: ^stop, short_grace: ^other, request: request} = parse!(["true"], given)
      assert request[:grace] == other
    end
  end

  test "variables are set or taken away, from a map or a list" do
    assert parse!(["true"], env: %{"A" => "1"}).request[:env].() == [{"A", "1"}]
    assert parse!(["true"], env: [{"A", nil}, {~c"B", ~c"x"}]).request[:env].() == [{"A", nil}, {"B", "x"}]
  end

  test "limits are soft and hard" do
    options = parse!(["true"], rlimits: [nofile: 10, core: {0, :infinity}])
    assert options.request[:rlimits] == [{:nofile, 10, 10}, {:core, 0, :infinity}]
  end

  test "limits of a cgroup are bytes, microseconds in each 100 ms, and processes" do
    options = parse!(["true"], cgroup: [memory_max: 1024, cpu_max: 0.5, pids_max: 3])
    assert options.request[:cgroup] == [memory_max: 1024, cpu_max: 50_000, pids_max: 3]
    assert parse!(["true"], cgroup: [cpu_max: 2]).request[:cgroup] == [cpu_max: 200_000]
  end

  test "a start waits for an absolute path or a function, half a minute unless given" do
    assert parse!(["true"], wait_for: "x").wait_for == {:path, Path.join(File.cwd!(), "x")}
    assert parse!(["true"], wait_for: "x").start_timeout == 30_000
    assert {:function, function} = parse!(["true"], wait_for: fn -> 1 end).wait_for
    assert function.() == 1
  end

  test "input asks for standard input" do
    options = parse!(["cat"], input: ["a", ?b])
    assert options.input.() == "ab"
    assert options.request[:stdin] == :pipe
    assert parse!(["cat"], input: 1..3).input.() == 1..3
  end

  test "input that is neither iodata nor an enumerable is refused before anything is started" do
    for input <- [
          :atom,
          1,
          ["a", :b],
          {"a"},
          fn -> :atom end,
          fn _ -> "a" end,
          %Error{reason: :x, operation: :y, detail: "z"}
        ] do
      assert_raise ArgumentError, ~r/:input/, fn -> Options.parse(:run, ["cat"], input: input) end
    end
  end

  test "without an owner there is nobody to hear the output, unless it is logged" do
    assert %{stdout: :null} = request = Map.new(parse!(["true"], owner: nil).request)
    refute is_map_key(request, :stderr)
    request = Map.new(parse!(["true"], owner: nil, log_output: :info).request)
    refute is_map_key(request, :stdout) or is_map_key(request, :stderr)
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
          {[timeout: 4_294_967_296], ~r/:timeout/},
          {[input: :atom], ~r/:input/},
          {[into: :atom], ~r/:into/},
          {[name: :run_takes_none], ~r/:name/},
          {[wait_for: "/run/x"], ~r/:wait_for/},
          {[user: ""], ~r/:user/},
          {[user: :root], ~r/:user/},
          {[user: 4_294_967_295], ~r/:user/},
          {[group: "a\0b"], ~r/:group/},
          {[groups: "audio"], ~r/:groups/},
          {[groups: [-1]], ~r/:groups/},
          {[groups: ["audio" | 1]], ~r/:groups/},
          {[cgroup: []], ~r/:cgroup/},
          {[cgroup: [io_max: 1]], ~r/:cgroup/},
          {[cgroup: [cpu_max: 0]], ~r/:cgroup/},
          {[cgroup: [memory_max: 1.5]], ~r/:cgroup/},
          {[cgroup: [pids_max: 0]], ~r/:cgroup/},
          {[cgroup: [pids_max: 4_194_304]], ~r/:cgroup/},
          {[linger: -1], ~r/:linger/},
          {[linger: :infinity, cgroup: true], ~r/:linger and :cgroup/},
          {[linger: :infinity, cgroup: [pids_max: 1]], ~r/:linger and :cgroup/},
          {[pty: true, stderr: :stdout], ~r/:pty and :stderr/},
          {[pty: true, stdout: :null], ~r/:pty and :stdout/},
          {[input: "x", stdin: :null], ~r/:input and :stdin/},
          {:no_list, ~r/options/}
        ] do
      assert_raise ArgumentError, named, fn -> Options.parse(:run, ["true"], options) end
    end

    for {options, named} <- [
          {[active: -1], ~r/:active/},
          {[log_output: :info], ~r/:log_output is for a command with owner: nil/},
          {[log_output: :loud, owner: nil], ~r/:log_output/},
          {[log_output: {:info, colour: 1}, owner: nil], ~r/:log_output/},
          {[log_output: {:info, transform: 1}, owner: nil], ~r/:log_output/},
          {[owner: "x"], ~r/:owner/},
          {[wait_for: :ready], ~r/:wait_for/},
          {[wait_for: fn _ -> true end], ~r/:wait_for/},
          {[wait_for: "/x", start_timeout: -1], ~r/:start_timeout/},
          {[wait_for: "/x", start_timeout: 4_294_967_296], ~r/:start_timeout/},
          {[start_timeout: 5], ~r/:start_timeout .* :wait_for/},
          {[success: [1], exit_reason: fn _ -> :normal end], ~r/:success and :exit_reason/},
          {[owner: :nobody_here], ~r/nobody_here/}
        ] do
      assert_raise ArgumentError, named, fn -> Options.parse(:start_link, ["true"], options) end
    end
  end
end
