defmodule Lookout.NodeProgram do
  @moduledoc false
  # A `lookout_port --node` that the VM of the test finds by the epmd of the machine. `Lookout.NodeDouble.distribute/0` comes first.

  import ExUnit.Callbacks, only: [on_exit: 1]

  @doc "Starts the node, which allows `dir`. Options: `name`, `arguments`."
  def start!(dir, options \\ []) do
    name = Keyword.get_lazy(options, :name, &Lookout.NodeDouble.name/0)
    cookie = Path.join(dir, "cookie")

    unless File.exists?(cookie) do
      File.write!(cookie, Atom.to_string(:erlang.get_cookie()))
      File.chmod!(cookie, 0o600)
    end

    arguments = ["--node", "#{name}", "--cookie-file", cookie, "--allow", dir] ++ Keyword.get(options, :arguments, [])

    program =
      Port.open({:spawn_executable, Lookout.port_path()}, [
        :binary,
        :exit_status,
        :stderr_to_stdout,
        line: 1_000,
        args: arguments
      ])

    {:os_pid, os_pid} = Port.info(program, :os_pid)

    on_exit(fn ->
      for signal <- ["-CONT", "-KILL"], do: System.cmd("kill", [signal, "#{os_pid}"], stderr_to_stdout: true)
    end)

    receive do
      {^program, {:data, {:eol, line}}} -> true = line =~ "listens on"
    after
      20_000 -> raise "lookout_port --node does not say that it listens"
    end

    # It listens before epmd knows it.
    [short, host] = String.split("#{name}", "@")

    Lookout.Case.eventually(fn -> match?({:port, _port, _version}, :erl_epmd.port_please(~c"#{short}", ~c"#{host}")) end)

    %{node: name, program: program, os_pid: os_pid}
  end

  @doc "How many sessions the node has."
  def sessions(%{node: node}) do
    {:ok, %{sessions: sessions}} = GenServer.call({:lookout, node}, :status, 20_000)
    sessions
  end

  @doc "Ends the node by SIGTERM, and waits until it is gone."
  def stop(%{program: program, os_pid: os_pid}) do
    Lookout.Case.signal(os_pid, "TERM")

    receive do
      {^program, {:exit_status, status}} -> status
    after
      20_000 -> raise "lookout_port --node does not end"
    end
  end
end
