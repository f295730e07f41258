defmodule Lookout.Command.Item do
  @moduledoc false
  # Converts the messages of a command (output, exit, error) from their internal form to the documented one. Pure.
  # `Lookout.Command` and the modules `Output`, `Pull`, `Report` and `Shutdown` of a command call it.

  alias Lookout.Error
  alias Lookout.Command.State

  @doc "An item in the documented form of the message to the owner."
  @spec shown(tuple) :: tuple
  def shown({:exit, status}), do: {:exit, status(status)}
  def shown({:exit, status, details}), do: {:exit, status(status), details}

  def shown({:raised, {kind, reason, stacktrace}}) do
    {:error, input_failed(Exception.format(kind, reason, Enum.map(stacktrace, &without_arguments/1)))}
  end

  def shown(item), do: item

  @doc "An exit status in its documented form: a signal without its number."
  @spec status(0..255 | {:signal, atom, pos_integer}) :: Lookout.Command.status()
  def status({:signal, name, _number}), do: {:signal, name}
  def status(code), do: code

  @doc "The error of a command whose `:input` raised."
  @spec input_failed(binary) :: Error.t()
  def input_failed(why), do: State.error(:input_failed, :write, "enumerating :input failed: " <> why)

  defp without_arguments({module, function, arguments, location}) when is_list(arguments),
    do: {module, function, length(arguments), location}

  defp without_arguments(entry), do: entry
end
