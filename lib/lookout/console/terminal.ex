defmodule Lookout.Console.Terminal do
  @moduledoc false
  # The terminal of `mix lookout`. This GenServer owns its settings, its keys and its size;
  # `Lookout.Console.Session` starts it, calls it and holds its pid (`terminal`). It sends to the session
  #
  #     {:terminal, pid, {:keys, bytes}}         typed bytes, without Ctrl-C
  #     {:terminal, pid, :interrupt}             Ctrl-C; a second one halts the VM
  #     {:terminal, pid, {:size, {rows, columns}}}
  #     {:terminal, pid, :continued}             the VM runs again after `suspend/1`
  #
  # While the VM is in the foreground, a process reads keys from the standard input of the VM, and the terminal is in
  # raw mode: no line editing, no echo, no signals. With `output: :raw` output processing is off too, since the pty of
  # the command has already made the line ends. A small shell script sets the mode and restores the settings, also after
  # the VM was killed, since its standard input then ends. Like every port program it has a session of its own, so a
  # Ctrl-Z that stops the VM does not stop the script.
  #
  # OTP 25 reports neither SIGWINCH nor SIGCONT, so size and foreground are polled four times a second.

  use GenServer

  alias Lookout.Console.Output

  # Milliseconds.
  @tick 250
  @answer 2_000

  @interrupted 130

  # $1: the process id of the VM, $2: its process group, $3: an additional setting of stty. The script replies to each
  # request with its name once it is done, and ends if stty fails.
  @script ~S"""
  exec 3<>"/proc/$1/fd/0" || exit 1
  trap '' HUP INT TERM
  saved=$(stty -g <&3) || exit 1
  taken=
  give() { [ -z "$taken" ] || stty "$saved" <&3; taken=; }
  # The second field is the name of the VM's program, which has no blanks.
  state() { read -r _ _ state _ <"/proc/$1/stat" || state=; }
  while read -r request; do
    case $request in
      take)
        taken=yes
        stty -icanon -isig -iexten -icrnl -ixon -echo "$3" min 1 time 0 <&3 || break
        ;;
      forget) taken= ;;
      end) break ;;
      suspend)
        give
        kill -s TSTP -- "-$2"
        # The VM reads the answer when it runs again. A busy machine may take a while to stop it. In an orphaned process group the kernel
        # ignores the signal: after five seconds without a stop, the script answers, and keys are read again.
        state "$1"
        tries=100
        until [ "$state" = T ] || [ "$tries" -eq 0 ]; do
          sleep 0.05
          tries=$((tries - 1))
          state "$1"
        done
        while [ "$state" = T ]; do
          sleep 0.1
          state "$1"
        done
        ;;
    esac
    echo "$request"
  done
  give
  """

  # settings: the port of the script, nil without keys or after it has failed. taken: whether the terminal is in raw
  # mode. suspended: true from `suspend/1` until the VM runs again. interrupted: whether Ctrl-C was typed.
  @enforce_keys [:session, :size]
  defstruct [:session, :size, settings: nil, reader: nil, taken: false, suspended: false, interrupted: false]

  @doc "Starts the server, linked to the session. Returns when keys are read; without `keys: true` it only reports the size."
  @spec start_link(keys: boolean, output: :raw | :lines) :: {:ok, pid}
  def start_link(options), do: GenServer.start_link(__MODULE__, {self(), options[:keys], options[:output]})

  @doc "Whether keys can be read: standard input is a terminal, and the VM was not started with `-noinput`."
  @spec keys?(Output.t()) :: boolean
  def keys?(output), do: Output.terminal?(output, :stdin) and :init.get_argument(:noinput) == :error

  @doc "Restores the settings of the terminal, and stops the process group of the VM with TSTP, as Ctrl-Z does."
  @spec suspend(pid) :: :ok
  def suspend(terminal), do: GenServer.cast(terminal, :suspend)

  @doc "Restores the settings of the terminal, and stops the server."
  @spec stop(pid) :: :ok
  def stop(terminal) do
    GenServer.stop(terminal, :normal, 2 * @answer)
  catch
    :exit, _reason -> :ok
  end

  @impl true
  def init({session, keys, output}) do
    Process.flag(:trap_exit, true)
    Process.send_after(self(), :tick, @tick)
    state = %__MODULE__{session: session, size: Output.size()}
    {:ok, if(keys, do: follow_foreground(open(state, output)), else: state)}
  end

  defp open(state, output) do
    more = if output == :raw, do: "-opost", else: "opost"
    arguments = ["-c", @script, "lookout-terminal", System.pid(), Integer.to_string(job().group), more]
    options = [:binary, :hide, line: 80, args: arguments]
    %{state | settings: Port.open({:spawn_executable, "/bin/sh"}, options)}
  end

  @impl true
  def handle_cast(:suspend, %{settings: nil} = state), do: {:noreply, continued(state)}
  def handle_cast(:suspend, %{suspended: true} = state), do: {:noreply, state}

  def handle_cast(:suspend, state) do
    command(state.settings, "suspend")
    {:noreply, %{state | suspended: true, taken: false}}
  end

  @impl true
  def handle_info(:tick, state) do
    Process.send_after(self(), :tick, @tick)
    {:noreply, state |> follow_size() |> follow_foreground()}
  end

  def handle_info({:typed, reader, bytes}, %{reader: reader} = state), do: {:noreply, typed(bytes, state)}
  def handle_info({port, {:data, {:eol, "suspend"}}}, %{settings: port} = state), do: {:noreply, continued(state)}

  # The script has failed: the terminal keeps its own mode, which delivers input by lines, and Ctrl-C as a signal. The
  # reason is :normal at the end of the script's output, and :epipe if a request met no reader before that.
  def handle_info({:EXIT, port, _reason}, %{settings: port} = state) when is_port(port),
    do: {:noreply, continued(%{state | settings: nil, taken: false})}

  def handle_info({:EXIT, session, reason}, %{session: session} = state), do: {:stop, reason, state}
  def handle_info(_other, state), do: {:noreply, state}

  defp continued(%{suspended: false, settings: port} = state) when port != nil, do: state
  defp continued(state), do: tell(follow_foreground(%{state | suspended: false}), :continued)

  ## Keys

  defp typed(bytes, state) do
    if state.interrupted and String.contains?(bytes, <<3>>), do: :erlang.halt(@interrupted, flush: false)

    case :binary.split(bytes, <<3>>) do
      [_all] -> tell(state, {:keys, bytes})
      [before, _after] -> %{state | interrupted: true} |> tell({:keys, before}) |> tell(:interrupt)
    end
  end

  # A blocked read cannot be cancelled. If the VM is in the background and the user types for the shell, the read makes
  # the kernel stop the job (SIGTTIN), as with every program that reads its terminal.
  defp read(terminal) do
    case :io.get_chars(:user, ~c"", 1) do
      bytes when is_binary(bytes) -> typed_then_read(terminal, bytes)
      chars when is_list(chars) -> typed_then_read(terminal, List.to_string(chars))
      _eof_or_error -> :ok
    end
  end

  defp typed_then_read(terminal, bytes) do
    send(terminal, {:typed, self(), bytes})
    read(terminal)
  end

  ## Foreground and size

  defp follow_foreground(%{settings: nil} = state), do: state
  defp follow_foreground(%{suspended: true} = state), do: state

  defp follow_foreground(state) do
    case {foreground?(), state.taken} do
      {true, false} -> take(start_reader(state))
      # The VM is in the background: the shell has already restored its own settings.
      {false, true} -> %{state | taken: not request(state, "forget")}
      _as_before -> state
    end
  end

  defp take(state), do: %{state | taken: request(state, "take")}

  defp start_reader(%{reader: nil} = state) do
    terminal = self()
    %{state | reader: spawn_link(fn -> read(terminal) end)}
  end

  defp start_reader(state), do: state

  defp request(%{settings: port}, name) do
    command(port, name)

    receive do
      {^port, {:data, {:eol, ^name}}} ->
        true

      {:EXIT, ^port, _reason} = ended ->
        send(self(), ended)
        false
    after
      @answer -> false
    end
  end

  # Unlike Port.command/2, this does not raise if the port is closed: its exit message is then in the mailbox.
  defp command(port, name), do: send(port, {self(), {:command, [name, ?\n]}})

  defp follow_size(%{size: old} = state) do
    case Output.size() do
      ^old -> state
      size -> tell(%{state | size: size}, {:size, size})
    end
  end

  defp foreground?, do: match?(%{group: group, foreground: group}, job())

  # proc(5): the fields 5 and 8 are the process group and the foreground process group of the terminal. The name (field
  # 2, in parentheses) may contain any character, so the fields are counted from the last parenthesis.
  defp job do
    fields = File.read!("/proc/self/stat") |> String.split(")") |> List.last() |> String.split()
    [group, _session, _terminal, foreground] = fields |> Enum.slice(2, 4) |> Enum.map(&String.to_integer/1)
    %{group: group, foreground: foreground}
  end

  defp tell(state, {:keys, ""}), do: state

  defp tell(state, message) do
    send(state.session, {:terminal, self(), message})
    state
  end

  @impl true
  def terminate(_reason, %{settings: port}) when port != nil do
    command(port, "end")

    receive do
      {:EXIT, ^port, _reason} -> :ok
    after
      @answer -> :ok
    end
  end

  def terminate(_reason, _state), do: :ok
end
