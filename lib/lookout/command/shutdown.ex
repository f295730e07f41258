defmodule Lookout.Command.Shutdown do
  @moduledoc false
  # The end of a command: its final message, the replies to the processes that wait for it, and the shutdown that leaves
  # no process of the tree behind. The state is `Lookout.Command.State`; the server calls it.

  import Lookout.Command.Item, only: [shown: 1, status: 1]
  import Lookout.Command.State, only: [label: 1, request: 3]
  alias Lookout.Error
  alias Lookout.Command.{Item, Lines, Output, Readiness, Report, State, Stdin}
  alias Lookout.Port.{Bridge, Program, Protocol}

  # Milliseconds after the grace of a command within which `lookout_port` must report that KILL has ended the tree, or, three seconds after
  # KILL, which process is left.
  @stop_timeout 3_500

  @doc """
  Sends the stop signal to the tree, and KILL after `grace` milliseconds. Drops output that the owner has no room for: the owner may be
  the process that waits for the end, and takes no output meanwhile.
  """
  @spec stop(State.t(), non_neg_integer) :: State.t()
  def stop(state, grace), do: state |> ask_to_stop(grace) |> Output.drop()

  defp ask_to_stop(state, grace) do
    request(%{state | grace: min(state.grace || grace, grace)}, :stop, &{:stop, &1, grace})
  end

  @doc """
  Some process of the tree cannot be ended: replies the error to the callers of `stop/2`. The exit is reported when that process has
  ended.
  """
  @spec stop_failed(State.t(), Error.t()) :: State.t()
  def stop_failed(%{raised: nil} = state, error) do
    {stops, awaiting} = Enum.split_with(state.awaiting, &match?({:stop, _from}, &1))
    for {:stop, from} <- stops, do: GenServer.reply(from, {:error, error})
    %{state | awaiting: awaiting}
  end

  def stop_failed(state, error), do: over(state, {:error, error})

  @doc "The enumeration of the input has failed: ends the command, since it cannot get all of its input."
  @spec input_failed(State.t(), State.raised()) :: State.t()
  def input_failed(%{last: nil} = state, raised) do
    stop(%{state | feeder: nil, raised: raised}, state.options.short_grace)
  end

  def input_failed(state, _raised), do: %{state | feeder: nil}

  @doc "Handles the final message of a command. Queues it behind the output that the owner has not taken yet."
  @spec over(State.t(), State.last() | {:exit, term, [killed: true]}) :: State.t()
  def over(state, {:exit, status, [killed: true]}) do
    unless state.options.exit_details or (state.grace || state.options.short_grace) == 0, do: warn_of_kill(state)
    over(%{state | killed: true}, {:exit, status})
  end

  def over(state, last) do
    last = if state.raised, do: {:raised, state.raised}, else: last
    state = %{state | last: last, program: Program.close(state.program)}
    state |> Stdin.stop() |> Output.push(last) |> Report.ended(last)
  end

  @doc "Handles the exit of a command that was not ready yet: replies to the callers that await it, and sends the owner no message."
  @spec over_before_ready(State.t(), tuple) :: State.t()
  def over_before_ready(state, last) do
    state = Stdin.stop(%{state | last: exit_of(last), program: Program.close(state.program)})
    answer_all(Report.ended(state, state.last))
  end

  @doc "The error of a start whose command has ended before it was ready."
  @spec early_end(State.t(), tuple) :: Error.t()
  def early_end(%{raised: nil} = state, last) do
    {:exit, status} = last |> exit_of() |> shown()

    error =
      Readiness.error(
        :exit_status,
        state.options.wait_for,
        "the command ended with #{inspect(status)} before it was ready"
      )

    %{error | status: status, stderr: if(state.journal.tail != "", do: state.journal.tail)}
  end

  def early_end(state, _last) do
    {:error, error} = shown({:raised, state.raised})
    error
  end

  defp exit_of({:exit, status, _killed}), do: {:exit, status}
  defp exit_of({:exit, status}), do: {:exit, status}

  defp warn_of_kill(state) do
    :logger.warning("#{label(state)} had processes that did not end by themselves; they were killed")
  end

  @doc "Stops the GenServer of the command once its final message was delivered and start_link has got its reply."
  @spec finish_if_delivered(State.t()) :: {:noreply, State.t()} | {:stop, term, State.t()}
  def finish_if_delivered(%{final_delivered: true, start: %{caller: :answered}} = state) do
    reason = stop_reason(state)
    if failure?(reason), do: log_failure(state, how(state.last, reason))
    {:stop, reason, answer_all(state)}
  end

  def finish_if_delivered(state), do: {:noreply, state}

  defp failure?(reason) when reason in [:normal, :shutdown], do: false
  defp failure?({:shutdown, _why}), do: false
  defp failure?(_reason), do: true

  # The log does not quote the final message: an exception of the enumerable may contain an element of the input.
  defp how({:exit, status}, _reason), do: inspect(status(status))
  defp how(_last, error), do: Exception.message(error)

  defp log_failure(%{journal: %{tail: ""}}, _how), do: :ok

  defp log_failure(%{journal: %{tail: tail}} = state, how) do
    :logger.error("~ts ended with ~ts; its standard error ended with:~n~ts", [label(state), how, lines(tail)])
  end

  defp lines(tail) do
    {lines, rest} = Lines.split("", tail)
    Enum.intersperse(lines ++ Lines.last(rest), ?\n)
  end

  defp answer_all(state) do
    Enum.each(state.awaiting, &answer(&1, shown(state.last)))
    %{state | awaiting: []}
  end

  # Where lookout_port has ended, the guardian ends the tree, which may take as long as the grace.
  defp answer({:stop, from}, {:error, error}), do: GenServer.reply(from, {:error, error})
  defp answer({:stop, from}, _last), do: GenServer.reply(from, :ok)
  defp answer(from, {:exit, status}), do: GenServer.reply(from, {:ok, status})
  defp answer(from, {:error, error}), do: GenServer.reply(from, {:error, error})

  # If the parent is the owner, it has got the exit as a message. A supervisor gets no message, so the exit reason
  # carries the status.
  defp stop_reason(%{start: %{parent: parent}, options: %{owner: parent}}), do: :normal
  defp stop_reason(%{start: %{parent: nil}}), do: :normal
  defp stop_reason(%{last: {:exit, status}, options: options}), do: exit_reason(options, status(status))
  # The supervisor logs the reason, so it holds only the name of the exception: its text may contain an element of the
  # input.
  defp stop_reason(%{last: {:raised, {:error, %module{}, _stacktrace}}}),
    do: Item.input_failed("** (#{inspect(module)})")

  defp stop_reason(%{last: {:raised, {kind, _reason, _stacktrace}}}), do: Item.input_failed("** (#{kind})")
  defp stop_reason(%{last: {:error, error}}), do: error

  defp exit_reason(%{exit_reason: nil, success: success}, status) do
    if status in success, do: :normal, else: {:exit, status}
  end

  defp exit_reason(%{exit_reason: function}, status), do: function.(status)

  @doc """
  Cleans up when the GenServer of the command terminates. On a shutdown by a supervisor it waits until the command has ended, and an
  owner that is still alive gets the exit message. Otherwise it shuts `lookout_port` down, after which the command still has its grace.
  """
  @spec shut_down(State.t(), term) :: :ok
  def shut_down(state, reason) do
    Readiness.stop(state.readiness)
    state = Stdin.stop(state)
    state = if gentle?(reason, state), do: finish(state), else: state
    Program.shut_down(state.program)
    Report.ended(state, nil)
    :ok
  end

  defp gentle?(_reason, %{options: %{owner: owner}, start: %{parent: owner}}), do: false
  defp gentle?(:shutdown, _state), do: true
  defp gentle?({:shutdown, _why}, _state), do: true
  defp gentle?(_reason, _state), do: false

  defp finish(%{last: nil, program: %{bridge: nil}} = state), do: state

  defp finish(%{last: nil, options: %{grace: grace}} = state) do
    state |> stop(grace) |> last_words(deadline(grace)) |> answer_all()
  end

  # The command has exited, but the owner has not taken all of its output.
  defp finish(state), do: state |> Output.drop() |> answer_all()

  defp last_words(%{program: %{bridge: %{port: port} = bridge} = program} = state, deadline) do
    receive do
      {^port, _word} = message -> handle_message(state, message, deadline)
      {:EXIT, ^port, _reason} = message -> handle_message(state, message, deadline)
      {:DOWN, ^port, :process, _lookout, _reason} = message -> handle_message(state, message, deadline)
    after
      Bridge.receive_timeout(bridge, deadline) ->
        if now() < deadline do
          {_sent, bridge} = Bridge.flush(bridge)
          last_words(%{state | program: %{program | bridge: bridge}}, deadline)
        else
          over(state, {:error, Program.kill(program, :port_hung, "did not end the command in time")})
        end
    end
  end

  defp handle_message(state, {_port, {:data, data}}, deadline) do
    case Protocol.decode(data) do
      last when elem(last, 0) == :exit ->
        over(state, last)

      {kind, _} = piece when kind in [:stdout, :stderr] ->
        state |> Output.push(piece) |> last_words(deadline)

      other ->
        case failure(state, other) do
          nil -> last_words(state, deadline)
          {:spawn, error} -> over(state, {:error, error})
          {:stop, error} -> state |> warn_of_survivors(error.detail) |> over({:error, error})
        end
    end
  end

  defp handle_message(state, message, _deadline), do: over(state, {:error, Program.ended(state.program, message)})

  @doc """
  Ends the command and waits for its end. Receives its remaining output and drops it. Nobody gets an error, so a process that cannot be
  ended is a warning in the log.
  """
  @spec halt(State.t(), non_neg_integer) :: :ok
  def halt(state, grace) do
    state = ask_to_stop(state, grace)
    program = Enum.reduce([:stdout, :stderr], state.program, &Program.tell(&2, {:read, &1, :infinity}))

    case Bridge.await(program.bridge, deadline(grace), &(elem(&1, 0) == :exit or failure(state, &1))) do
      {:stop, error} -> warn_of_survivors(state, error.detail)
      false -> warn_of_survivors(state, "lookout_port has not reported its end in time")
      _ended -> state
    end

    :ok
  end

  defp warn_of_survivors(state, why) do
    :logger.warning("~ts was not ended, and may still run: ~ts", [label(state), why])
    state
  end

  # The error of the launch (then there is no process of the command) or of a stop (then one is left); nil: another message.
  defp failure(state, {:reply, id, {:error, error}}) do
    case Program.answered(state.program, id) do
      {:ok, :spawn, _program} -> {:spawn, error}
      {:ok, :stop, _program} when error.reason != :not_running -> {:stop, error}
      _other -> nil
    end
  end

  defp failure(_state, _message), do: nil

  defp deadline(grace), do: now() + grace + @stop_timeout
  defp now, do: System.monotonic_time(:millisecond)
end
