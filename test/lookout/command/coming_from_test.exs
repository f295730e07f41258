defmodule Lookout.Command.ComingFromTest do
  # guides/coming-from-system-cmd.md says what a call of another library is called here: each such call works.
  use Lookout.Case

  alias Lookout.Command

  @page Path.expand("../../../guides/coming-from-system-cmd.md", __DIR__)
  @external_resource @page

  rows =
    for line <- File.stream!(@page),
        [_, _theirs, ours, _] <- [String.split(line, ~r/(?<!\\)\|/)],
        [_, code] <- [Regex.run(~r/^ `(.*?)`/, ours)],
        do: String.replace(code, "\\|", "|")

  @rows Enum.uniq(rows)

  # What a row gives, where that is more than its status.
  @results %{
    ~S|Lookout.Command.run!(["echo", "hello"])| => {"hello\n", 0},
    ~S|Lookout.Command.run!("echo $HOME", shell: true)| => {System.get_env("HOME", "") <> "\n", 0},
    ~S|Lookout.Command.run(["echo", "hello"], into: [])| => {:ok, ["hello\n"], 0},
    ~S|Lookout.Command.run(["pwd"], cd: "/tmp")| => {:ok, "/tmp\n", 0},
    ~S|Lookout.Command.run(["sleep", "60"], timeout: 100)| => {:ok, "", :timeout},
    ~S|Lookout.Command.run!(["sleep", "60"], timeout: 100)| => {"", :timeout},
    ~S|Lookout.Command.run(["ls", "/"], stdout: :null, stderr: :separate)| => {:ok, %{stdout: "", stderr: ""}, 0},
    ~S|Lookout.Command.run("echo hello", shell: true)| => {:ok, "hello\n", 0},
    ~S|Lookout.Command.run(["echo", "hello"], stdout: {:append, "out"})| => {:ok, "", 0},
    ~S|Lookout.Command.run(["/usr/bin/env"], clear_env: true, env: %{"A" => "1"})| => {:ok, "A=1\n", 0},
    ~S|Lookout.Command.run(["stty", "size"], pty: {24, 80})| => {:ok, "24 80\r\n", 0},
    ~S|Lookout.Command.await(pid)| => {:ok, 0}
  }

  setup %{dir: dir} do
    before = File.cwd!()
    File.cd!(dir)
    on_exit(fn -> File.cd!(before) end)
  end

  for code <- @rows do
    test code do
      code = unquote(code)
      {result, _binding} = code |> String.replace("redis-server", "true") |> Code.eval_string(pid: command(code))
      check(result, code)
      if Map.has_key?(@results, code), do: assert(result == @results[code])
    end
  end

  test "the page has rows for each library" do
    assert length(@rows) > 40
    assert Map.keys(@results) -- @rows == []
  end

  # What the row takes as a command that was started before.
  defp command(code) do
    options = if code =~ "resize", do: [pty: true], else: [stdin: :pipe, active: not (code =~ "ask")]
    {:ok, pid} = Command.start_link(["cat"], options)
    if code =~ "await", do: :ok = Command.close_stdin(pid)
    pid
  end

  defp check(%{start: _} = spec, _code), do: assert({:ok, _pid} = start_supervised(Map.put(spec, :restart, :temporary)))

  # These want root, or a cgroup that may be written.
  defp check({:error, %Lookout.Error{reason: reason}}, code) when reason in [:eperm, :enotsup],
    do: assert(code =~ "user:" or code =~ "memory_max:")

  defp check({:ok, pid}, _code) when is_pid(pid), do: :ok
  defp check({:ok, _output, status}, _code), do: assert(status in [0, :timeout])
  defp check({:ok, result}, _code), do: assert(is_integer(result) or is_map(result))
  defp check({_output, status}, _code), do: assert(status in [0, :timeout])
  defp check(list, _code) when is_list(list), do: assert(list != [])
  defp check(result, _code), do: assert(result == :ok or is_reference(result))
end
