defmodule Lookout.Runner.InvocationTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Runner.{Changes, Invocation}

  defp changes(paths),
    do: Changes.add(Changes.new(), for(path <- paths, do: %Event{change: :modified, type: :file, path: path}))

  defp build(how, paths, argv \\ ["wc", "{paths}", "-l"]) do
    Invocation.build({argv, []}, how, changes(paths))
  end

  defp omitted({:plain, {_argv, options}}), do: options[:env]["LOOKOUT_PATHS_OMITTED"]

  test "paths on standard input end in NUL, whatever is in them" do
    assert {:with_list, {["wc"], options}} = build(:stdin, ["/a\nb", <<"/", 0xFF>>], ["wc"])
    assert IO.iodata_to_binary(options[:input]) == <<"/a\nb", 0, "/", 0xFF, 0>>
  end

  test "paths are words where the placeholder stands, and nowhere else" do
    assert {:with_list, {["wc", "/a b", "/c", "-l"], _options}} = build(:args, ["/a b", "/c"])
    assert {:with_list, {["wc", "-l"], _options}} = build(:args, [])
    assert {:with_list, {["echo", "{paths}"], _options}} = build(:stdin, ["/a"], ["echo", "{paths}"])
  end

  test "paths are lines of a variable" do
    assert {:with_list, {_argv, options}} = build({:env, "CHANGED"}, ["/a", "/b"])
    assert options[:env] == %{"CHANGED" => "/a\n/b", "LOOKOUT_PATHS_OMITTED" => nil}
  end

  test "a path with a line break is not made two lines" do
    assert {:plain, {_argv, options}} = build = build({:env, "CHANGED"}, ["/a\nb", "/c"])
    assert options[:env]["CHANGED"] == ""
    assert omitted(build) == "2"
  end

  test "a variable that is too long for the system is left out, and the longest one is not" do
    room = 131_072 - 1 - byte_size("CHANGED=")
    longest = "/" <> String.duplicate("x", room - 1)
    assert {:with_list, _command} = build({:env, "CHANGED"}, [longest])
    assert omitted(build({:env, "CHANGED"}, [longest <> "x"])) == "1"
  end

  test "what is unknown is left out, and that is said" do
    for how <- [:stdin, :args, {:env, "CHANGED"}] do
      build = Invocation.build({["wc", "{paths}"], []}, how, Changes.unknown(Changes.new()))
      assert omitted(build) == "unknown"
    end
  end

  test "the variables of the user are kept, in whatever shape" do
    for env <- [%{"A" => "1"}, [{"A", "1"}]] do
      {_kind, {_argv, options}} = Invocation.build({["wc"], [env: env]}, {:env, "P"}, changes(["/a"]))
      assert %{"A" => "1", "P" => "/a"} = options[:env]
    end
  end
end
