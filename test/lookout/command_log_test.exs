defmodule Lookout.CommandLogTest do
  # Not async: each test reads every log event of the VM.
  use Lookout.Case, async: false

  alias Lookout.Command

  setup do
    %{level: level} = :logger.get_primary_config()
    :ok = :logger.set_primary_config(:level, :all)
    :ok = :logger.add_handler(__MODULE__, __MODULE__, %{level: :all, config: %{test: self()}})

    on_exit(fn ->
      :logger.remove_handler(__MODULE__)
      :logger.set_primary_config(:level, level)
    end)
  end

  def log(%{level: level, msg: {format, arguments}, meta: meta}, %{config: %{test: test}})
      when is_list(format) or is_binary(format) do
    send(test, {:logged, level, format |> :io_lib.format(arguments) |> IO.chardata_to_string(), meta})
  end

  def log(_report, _config), do: :ok

  # The process of a command without an owner logs in it, before it ends.
  defp run(script, options) do
    {:ok, parent} = Agent.start(fn -> nil end)
    options = [owner: nil, stdin: :pipe] ++ options
    {:ok, pid} = Agent.get(parent, fn nil -> Command.start_link(["sh", "-c", "read line; " <> script], options) end)
    ref = Process.monitor(pid)
    Command.close_stdin(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
    logged()
  end

  defp logged do
    receive do
      {:logged, level, text, meta} -> [{level, text, meta} | logged()]
    after
      0 -> []
    end
  end

  test "output is logged by lines, with the name of the program" do
    logged = run("echo one; echo two >&2; printf 'no end'", log_output: :info)
    assert Enum.sort(for {:info, text, _meta} <- logged, do: text) == ["sh: no end", "sh: one", "sh: two"]
  end

  test "prefix, metadata and transform are those of the options" do
    transform = fn line -> if line != "drop", do: String.upcase(line) end
    options = [prefix: "db ", metadata: [domain: [:db], shard: 3], transform: transform]
    logged = run("echo keep; echo drop; echo last", log_output: {:warning, options})
    assert [{:warning, "db KEEP", meta}, {:warning, "db LAST", _meta}] = logged
    assert %{domain: [:db], shard: 3} = meta
  end

  test "P3: much output is logged no faster than it is taken, and all of it" do
    logged = run("seq 1 100000", log_output: {:debug, prefix: ""})
    assert length(logged) == 100_000
    assert {:debug, "100000", _meta} = List.last(logged)
  end

  test "without it the end of standard error is in the log of a failure" do
    assert [{:error, text, _meta}] = run("echo out; head -c 100000 /dev/zero >&2; echo reason >&2; exit 3", [])
    assert text =~ ~r/\ALookout\.Command .*sh.* ended with 3; its standard error ended with:\n/
    assert String.ends_with?(text, "reason")
    refute text =~ "out\n"
    assert byte_size(text) < 4_096 + 200
  end

  test "a success, or standard error that is not read, leaves no line" do
    assert run("echo words >&2", []) == []
    assert run("echo words >&2; exit 1", success: [0, 1]) == []
    assert run("echo words >&2; exit 1", stderr: :null) == []
  end
end
