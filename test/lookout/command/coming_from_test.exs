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
    end
  end

  test "the page has rows for each library" do
    assert length(@rows) > 40
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
