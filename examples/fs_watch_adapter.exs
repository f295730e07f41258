# The port program without the library around it: a GenServer that opens the port itself.
#
#     mix run examples/fs_watch_adapter.exs [DIR]
defmodule FsWatchAdapter do
  use GenServer

  def start_link(dir), do: GenServer.start_link(__MODULE__, dir)

  @impl true
  def init(dir), do: {:ok, %{dir: Path.expand(dir), port: nil}, {:continue, :open}}

  @impl true
  def handle_continue(:open, state) do
    port = Port.open({:spawn_executable, Lookout.port_path()}, [:binary, :exit_status, packet: 4])
    request = {:watch, 1, [state.dir], [credit: :infinity]}
    Port.command(port, :erlang.term_to_binary(request))
    {:noreply, %{state | port: port}}
  end

  @impl true
  def handle_info({port, {:data, frame}}, %{port: port} = state) do
    frame |> :erlang.binary_to_term() |> heard(state)
  end

  def handle_info({port, {:exit_status, status}}, %{port: port} = state) do
    {:stop, {:shutdown, "lookout_port ended with status #{status}"}, state}
  end

  defp heard({:hello, 1, _version}, state), do: {:noreply, state}
  defp heard({:reply, 1, :ok}, state), do: say(["watching " <> printable(state.dir)], state)
  defp heard({:events, _seq, events}, state), do: say(Enum.map(events, &describe/1), state)
  defp heard({:notice, notice}, state), do: say([inspect(notice)], state)

  defp heard({:reply, 1, {:error, {_reason, _operation, path, detail}}}, state) do
    {:stop, {:shutdown, "#{printable(path)}: #{detail}"}, state}
  end

  defp say(lines, state) do
    Enum.each(lines, &IO.puts/1)
    {:noreply, state}
  end

  defp describe({:renamed, type, path, from}), do: "renamed #{type} #{printable(from)} -> #{printable(path)}"
  defp describe({change, type, path}), do: "#{change} #{type} #{printable(path)}"

  # Names are bytes: escaped, they cannot garble the terminal.
  defp printable(path), do: inspect(path, binaries: :as_strings)
end

Process.flag(:trap_exit, true)
{:ok, pid} = FsWatchAdapter.start_link(List.first(System.argv()) || "~/Desktop")

receive do
  {:EXIT, ^pid, {:shutdown, why}} ->
    IO.puts(:stderr, why)
    exit({:shutdown, 1})
end
