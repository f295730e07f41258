defmodule Lookout.Support.Discreet do
  @moduledoc false
  # Removes frames and queued bytes from what logs and `:sys.get_status/1` show of a server. Environment and input do
  # not depend on this: servers store them only as sealed values (`Lookout.Support.Sealed`).
  #
  # `use Lookout.Support.Discreet` defines `format_status/1`, which OTP 25 and later call, and `format_status/2` for OTP 24,
  # which cannot hide the last message.

  alias Lookout.Command.{Journal, OutputQueue, StdinQueue}
  alias Lookout.Port.{Connection, Requests}

  defmacro __using__(_options) do
    quote do
      @doc false
      def format_status(status), do: Lookout.Support.Discreet.status(status)

      @doc false
      def format_status(_reason, [_dictionary, state]), do: Lookout.Support.Discreet.state(state)
    end
  end

  @spec status(map) :: map
  def status(status), do: Map.new(status, &item/1)

  defp item({:state, state}), do: {:state, state(state)}
  defp item({:message, message}), do: {:message, message(message)}
  defp item({:reason, reason}), do: {:reason, reason(reason)}
  defp item({:log, _events}), do: {:log, []}
  defp item(other), do: other

  @doc "Replaces frames and bytes in a state by their counts."
  @spec state(term) :: term
  def state(%Connection{} = bridge), do: %{bridge | outbox: {:frames, :queue.len(bridge.outbox)}}
  def state(%Requests{} = requests), do: %{requests | open: for({kind, _term} <- Requests.all(requests), do: kind)}
  def state(%StdinQueue{} = input), do: %{input | queue: {:writes, StdinQueue.count(input)}, numbers: :hidden}
  def state(%OutputQueue{} = flow), do: %{flow | queue: {:items, :queue.len(flow.queue)}}
  def state(%Journal{} = journal), do: %{journal | tail: {:bytes, byte_size(journal.tail)}, rests: :hidden}
  def state(%_{} = struct), do: struct |> Map.to_list() |> Enum.reduce(struct, &shown/2)
  # The exception may be, or contain, an element of the input.
  def state({:raised, {kind, _reason, _stacktrace}}), do: {:raised, kind}

  def state({kind, _reason, stacktrace}) when kind in [:error, :exit, :throw] and is_list(stacktrace),
    do: {:raised, kind}

  def state(other), do: other

  defp shown({:__struct__, _module}, struct), do: struct
  defp shown({key, value}, struct), do: Map.replace!(struct, key, state(value))

  @doc "Replaces the bytes of a frame or a write in a message by their size."
  @spec message(term) :: term
  def message({port, {:data, frame}}) when is_port(port) and is_binary(frame),
    do: {port, {:data, {:bytes, byte_size(frame)}}}

  def message({session, {:data, _term}}) when is_reference(session), do: {session, {:data, :hidden}}
  def message({:until, deadline, request}), do: {:until, deadline, message(request)}
  def message({:write, bytes}) when is_binary(bytes), do: {:write, {:bytes, byte_size(bytes)}}
  def message({:EXIT, pid, reason}), do: {:EXIT, pid, state(reason)}
  def message({:"$gen_call", from, message}), do: {:"$gen_call", from, message(message)}
  def message(other), do: other

  # The stacktrace of a function clause error contains the arguments.
  defp reason({reason, stacktrace}) when is_list(stacktrace), do: {reason, Enum.map(stacktrace, &frame/1)}
  defp reason(reason), do: reason

  defp frame({module, function, arguments, location}) when is_list(arguments),
    do: {module, function, length(arguments), location}

  defp frame(other), do: other

  @doc """
  Removes all messages from the mailbox of a terminating server: a crash report would quote them, including frames and writes.
  """
  @spec forget_messages() :: :ok
  def forget_messages do
    receive do
      _message -> forget_messages()
    after
      0 -> :ok
    end
  end
end
