defmodule Lookout.NodeCase do
  @moduledoc false
  # A test with `lookout_port --node` and VMs that talk with it. All find it by its port instead of epmd. In the context are `root`, a directory
  # that it allows to watch, and `cookie`, the file with its cookie.

  use ExUnit.CaseTemplate

  import ExUnit.Callbacks
  import Lookout.Case, only: [eventually: 1]

  alias Lookout.NodeClient

  @cookie "a_cookie_of_these_tests"

  using do
    quote do
      use Lookout.Case
      import Lookout.NodeCase
    end
  end

  setup do
    number = System.unique_integer([:positive])
    dir = Path.join(System.tmp_dir!(), "lookout-node-#{System.pid()}-#{number}")
    root = Path.join(dir, "in")
    File.mkdir_p!(root)
    cookie = Path.join(dir, "cookie")
    File.write!(cookie, @cookie <> "\n")
    File.chmod!(cookie, 0o400)
    on_exit(fn -> {_output, 0} = System.cmd("rm", ["-rf", dir]) end)
    {:ok, node_dir: dir, root: root, cookie: cookie}
  end

  def cookie, do: @cookie

  @doc "A TCP port that nothing listens on."
  def free_port! do
    {:ok, socket} = :gen_tcp.listen(0, [])
    {:ok, port} = :inet.port(socket)
    :gen_tcp.close(socket)
    port
  end

  @doc """
  Starts the node and waits until it listens. Options: `address` (as for `--listen`), `host` (of its name), `port`, `allow`, `epmd` (the port of the epmd
  that it registers with), `arguments`.
  """
  def start_node!(%{cookie: cookie, root: root}, options \\ []) do
    address = options[:address] || "127.0.0.1"
    name = "watch@#{options[:host] || "127.0.0.1"}"
    allow = Enum.flat_map(options[:allow] || [root], &["--allow", &1])
    epmd = if options[:epmd], do: [], else: ["--no-epmd"]
    more = ["--cookie-file", cookie] ++ epmd ++ allow ++ (options[:arguments] || [])
    {program, port} = listen!(name, address, options[:port], more, options[:epmd], 5)
    {:os_pid, os_pid} = Port.info(program, :os_pid)

    on_exit(fn ->
      System.cmd("kill", ["-CONT", "#{os_pid}"], stderr_to_stdout: true)
      System.cmd("kill", ["-KILL", "#{os_pid}"], stderr_to_stdout: true)
    end)

    %{program: program, port: port, os_pid: os_pid, name: String.to_atom(name)}
  end

  # Another process may take a free port before the node listens there: then another one is tried.
  defp listen!(name, address, given, arguments, epmd, tries) do
    port = given || free_port!()

    program =
      Port.open({:spawn_executable, Lookout.port_path()}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        line: 1000,
        args: ["--node", name, "--listen", "#{address}:#{port}"] ++ arguments,
        env: [{~c"ERL_EPMD_PORT", to_charlist("#{epmd}")}]
      ])

    assert_receive {^program, {:data, {:eol, line}}}, 20_000

    if given == nil and tries > 1 and line =~ "Address already in use" do
      assert_receive {^program, {:exit_status, _status}}, 20_000
      listen!(name, address, given, arguments, epmd, tries - 1)
    else
      assert line =~ "node #{name} listens on #{address}:#{port}"
      {program, port}
    end
  end

  @doc """
  Starts a VM that finds the node. Options: `name`, `host`, `cookie`, `port` (where it connects, if not to the node's), `epmd` (the port of an epmd that it
  asks instead), `arguments`.
  """
  def start_vm!(node, options \\ []) do
    code_path = for dir <- :code.get_path(), argument <- [~c"-pa", dir], do: argument
    port = Integer.to_charlist(options[:port] || node.port)
    epmd = if options[:epmd], do: [], else: [~c"-erl_epmd_port", port]

    arguments =
      [~c"-start_epmd", ~c"false", ~c"-dist_listen", ~c"false"] ++
        epmd ++ [~c"-setcookie", to_charlist(options[:cookie] || @cookie)] ++ (options[:arguments] || [])

    {:ok, peer, _name} =
      :peer.start(%{
        name: options[:name] || :"app-#{System.pid()}-#{System.unique_integer([:positive])}",
        host: to_charlist(options[:host] || "127.0.0.1"),
        longnames: true,
        connection: :standard_io,
        args: arguments ++ code_path,
        env: if(options[:epmd], do: [{~c"ERL_EPMD_PORT", Integer.to_charlist(options[:epmd])}], else: [])
      })

    on_exit(fn -> stop(peer) end)
    {:ok, _started} = :peer.call(peer, :application, :ensure_all_started, [:elixir])
    peer
  end

  # A VM that was killed is gone already.
  defp stop(peer) do
    :peer.stop(peer)
  catch
    :exit, _gone -> :ok
  end

  def on(peer, function, arguments), do: :peer.call(peer, NodeClient, function, arguments, 40_000)

  def open!(peer, node, open \\ :open) do
    client = on(peer, :open, [node.name, open])
    assert {:data, {:hello, 1, version}} = on(peer, :next, [client])
    assert version == Mix.Project.config()[:version]
    client
  end

  def reply(peer, client, request) do
    id = elem(request, 1)
    on(peer, :request, [client, request])
    messages = on(peer, :until, [client, :reply])
    assert {:data, {:reply, ^id, result}} = List.last(messages)
    {result, Enum.drop(messages, -1)}
  end

  def watch!(peer, client, root, options \\ [credit: :infinity]) do
    assert {:ok, _before} = reply(peer, client, {:watch, 1, [root], options})
  end

  def events(messages), do: for({:data, {:events, _seq, events}} <- messages, event <- events, do: event)
  def seqs(messages), do: for({:data, {:events, seq, _events}} <- messages, do: seq)

  @doc "The status of the node, as its map."
  def status(peer, node) do
    {:ok, status} = on(peer, :genserver_call, [:lookout, node.name, :status])
    status
  end

  @doc "Waits until the node has so many sessions."
  def await_sessions(peer, node, number), do: eventually(fn -> status(peer, node).sessions == number end)
end
