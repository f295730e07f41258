defmodule Lookout.Port.BridgeTest do
  use Lookout.Case, async: true

  alias Lookout.FakeProgram
  alias Lookout.Port.{Bridge, Connection, Protocol}

  defp open!(dir, steps) do
    {:ok, bridge} = dir |> FakeProgram.write!(steps) |> Bridge.open()
    on_exit(fn -> System.cmd("kill", ["-KILL", "#{bridge.os_pid}"], stderr_to_stdout: true) end)
    bridge
  end

  test "a closed port leaves no message behind, and its program ends", %{dir: dir} do
    Process.flag(:trap_exit, true)
    said = for number <- 1..3, do: {:say, number}
    bridge = open!(dir, said ++ [:listen])
    eventually(fn -> match?({:messages, [_, _, _]}, Process.info(self(), :messages)) end)
    assert Bridge.close(bridge) == :ok
    assert Bridge.close(bridge) == :ok
    assert Process.info(self(), :messages) == {:messages, []}
    eventually(fn -> gone?(bridge.os_pid) end)
  end

  test "a program that is killed leaves no message behind either", %{dir: dir} do
    Process.flag(:trap_exit, true)
    bridge = open!(dir, [{:say, :hello}, :deaf])
    assert Bridge.kill(bridge) == :ok
    assert Bridge.kill(bridge) == :ok
    assert Process.info(self(), :messages) == {:messages, []}
    eventually(fn -> gone?(bridge.os_pid) end)
  end

  test "P3: who sends to a program that does not read is not suspended, and all is sent, in order, when it does", %{
    dir: dir
  } do
    out = Path.join(dir, "out")
    wait = {:sh, "while [ ! -e #{dir}/go ]; do sleep 0.01; done"}
    bridge = open!(dir, [wait, {:sh, "exec cat >#{out}"}])
    requests = for number <- 1..64, do: {:request, number, String.duplicate("x", 8_192)}

    bridge =
      Enum.reduce(requests, bridge, fn request, bridge ->
        {_ok_or_busy, bridge} = Bridge.send(bridge, request)
        bridge
      end)

    assert {:busy, bridge} = Bridge.flush(bridge)
    File.write!(Path.join(dir, "go"), "")
    assert %Connection{} = flushed(bridge)

    frames =
      for request <- requests, payload = Protocol.encode(request), do: <<byte_size(payload)::32, payload::binary>>

    sent = IO.iodata_to_binary(frames)
    eventually(fn -> File.read(out) == {:ok, sent} end)
  end

  test "what is sent to a program that has ended is lost, without harm", %{dir: dir} do
    bridge = open!(dir, [{:exit, 0}])
    port = bridge.port
    assert_receive {^port, {:exit_status, 0}}
    assert {:ok, bridge} = Bridge.send(bridge, :anything)
    assert Bridge.shut_down(bridge, 1, 60_000) == :ok
  end

  test "a program that reads again after a pause is shut down by the end of its input, not killed", %{dir: dir} do
    wait = {:sh, "while [ ! -e #{dir}/go ]; do sleep 0.01; done"}
    bridge = open!(dir, [wait, {:sh, "#{Lookout.port_path()}; echo $? >#{dir}/status"}])

    {:busy, bridge} =
      Enum.reduce_while(Stream.iterate(1, &(&1 + 1)), bridge, fn number, bridge ->
        case Bridge.send(bridge, {:ping, number}) do
          {:ok, bridge} -> {:cont, bridge}
          busy -> {:halt, busy}
        end
      end)

    me = self()

    Task.async(fn ->
      eventually(fn -> Process.info(me, :current_function) == {:current_function, {Connection, :await, 3}} end)
      File.write!(Path.join(dir, "go"), "")
    end)

    assert Bridge.shut_down(bridge, 1_000_000, 10_000) == :ok
    eventually(fn -> File.read(Path.join(dir, "status")) == {:ok, "0\n"} end)
  end

  test "P8: a VM that has no more ports is an error that says which limit to raise" do
    # Takes all ports, by a driver that needs no descriptor for them.
    script = """
    Enum.reduce_while(Stream.cycle([:more]), nil, fn _more, _none ->
      try do
        {:cont, Port.open({:spawn_driver, ~c"ram_file_drv"}, [])}
      catch
        :error, :system_limit -> {:halt, nil}
      end
    end)

    {:error, %Lookout.Error{} = error} = Lookout.Port.Bridge.open(Lookout.port_path())
    IO.puts(Exception.message(error))
    """

    ebin = Application.app_dir(:lookout, "ebin")
    {output, 0} = System.cmd("elixir", ["--erl", "+Q 1024", "-pa", ebin, "-e", script])
    assert output =~ "open_port"
    assert output =~ "+Q of erl) (system_limit)"
  end
end
