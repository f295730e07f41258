defmodule Lookout.Bench.Forwarder do
  @moduledoc false
  # The least that a GenServer can do for a watcher: it owns a port, decodes each message of it and sends that on to one
  # subscriber as `{tag, term}`. `:term` decodes a frame, `:line` takes a line as it is (the seed design).

  use GenServer

  def start!(program, arguments, decoding, tag) do
    {:ok, pid} = GenServer.start_link(__MODULE__, {program, arguments, decoding, tag, self()})
    pid
  end

  @doc "Ends it and its program, which may not look at its standard input."
  def stop(pid) do
    os_pid = os_pid(pid)
    GenServer.stop(pid)
    Lookout.Bench.Machine.kill(os_pid, "KILL")
  end

  def os_pid(pid), do: GenServer.call(pid, :os_pid)
  def command(pid, term), do: GenServer.call(pid, {:command, term})

  @doc "The options of the port."
  def options(:term, arguments), do: [:binary, {:packet, 4}, :exit_status, args: arguments]
  def options(:line, arguments), do: [:binary, {:line, 65_536}, :exit_status, args: arguments]

  @impl true
  def init({program, arguments, decoding, tag, subscriber}) do
    port = Port.open({:spawn_executable, program}, options(decoding, arguments))
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    {:ok, %{port: port, os_pid: os_pid, decoding: decoding, tag: tag, subscriber: subscriber}}
  end

  @impl true
  def handle_call(:os_pid, _from, state), do: {:reply, state.os_pid, state}

  def handle_call({:command, term}, _from, state) do
    {:reply, Port.command(state.port, :erlang.term_to_binary(term)), state}
  end

  @impl true
  def handle_info({port, {:data, data}}, %{port: port} = state) do
    send(state.subscriber, {state.tag, decode(state.decoding, data)})
    {:noreply, state}
  end

  def handle_info({port, {:exit_status, status}}, %{port: port} = state), do: {:stop, {:exit_status, status}, state}

  defp decode(:term, data), do: :erlang.binary_to_term(data)
  defp decode(:line, {_end, line}), do: line
end
