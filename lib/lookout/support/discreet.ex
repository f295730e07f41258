defmodule Lookout.Support.Discreet do
  @moduledoc false
  # What logs and `:sys.get_status/1` show of a server: a summary of its state, without frames and queued bytes. Environment
  # and input do not depend on this: servers store them only as sealed values (`Lookout.Support.Sealed`). The state is that of the
  # server, whose module uses this one; `words/1` and `raised/1` are for the function `summary/1`.
  #
  # `use Lookout.Support.Discreet, state: module` defines `format_status/1`, which OTP 25 and later call, and `format_status/2`
  # for OTP 24, which cannot hide the last message. The module has the function `summary/1`.

  @most_words 10
  @most_bytes 200

  @doc "What logs show of a state: a few lines, and no secret."
  @callback summary(struct) :: map

  defmacro __using__(state: module) do
    quote do
      @doc false
      def format_status(status), do: Lookout.Support.Discreet.status(status, unquote(module))

      @doc false
      def format_status(_reason, [_dictionary, state]), do: Lookout.Support.Discreet.state(state, unquote(module))
    end
  end

  @spec status(map, module) :: map
  def status(status, module), do: Map.new(status, &item(&1, module))

  defp item({:state, state}, module), do: {:state, state(state, module)}
  defp item({:message, message}, _module), do: {:message, message(message)}
  defp item({:reason, reason}, _module), do: {:reason, reason(reason)}
  defp item({:log, _events}, _module), do: {:log, []}
  defp item(other, _module), do: other

  # If this raised, all of the state would be shown.
  @spec state(term, module) :: term
  def state(state, module) do
    module.summary(state)
  rescue
    _broken -> :hidden
  end

  @doc "The first of these words or paths, for a summary."
  @spec words([binary]) :: [binary]
  def words(words) do
    case length(words) - @most_words do
      more when more > 0 -> Enum.map(Enum.take(words, @most_words), &word/1) ++ ["and #{more} more"]
      _all -> Enum.map(words, &word/1)
    end
  end

  defp word(word) when byte_size(word) <= @most_bytes, do: word
  defp word(word), do: binary_part(word, 0, @most_bytes) <> "..."

  @doc "How the enumeration of an input failed, without the exception: it may be, or contain, an element of the input."
  @spec raised(term) :: term
  def raised({:raised, {kind, _reason, _stacktrace}}), do: {:raised, kind}

  def raised({kind, _reason, stacktrace}) when kind in [:error, :exit, :throw] and is_list(stacktrace),
    do: {:raised, kind}

  def raised(other), do: other

  @doc "Replaces the bytes of a frame or a write in a message by their size."
  @spec message(term) :: term
  def message({port, {:data, frame}}) when is_port(port) and is_binary(frame),
    do: {port, {:data, {:bytes, byte_size(frame)}}}

  def message({session, {:data, _term}}) when is_reference(session), do: {session, {:data, :hidden}}
  def message({:until, deadline, request}), do: {:until, deadline, message(request)}
  def message({:write, bytes}) when is_binary(bytes), do: {:write, {:bytes, byte_size(bytes)}}
  def message({:EXIT, pid, reason}), do: {:EXIT, pid, raised(reason)}
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
