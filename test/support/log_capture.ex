defmodule Lookout.LogCapture do
  @moduledoc false
  # What is written to the log meanwhile, by whatever process, as one text. A handler of :logger: Elixir's own Logger does not run here.

  def logged(fun) do
    id = :"lookout_log_#{System.unique_integer([:positive])}"
    :ok = :logger.add_handler(id, __MODULE__, %{config: %{pid: self(), id: id}})

    try do
      fun.()
    after
      :logger.remove_handler(id)
    end

    taken(id)
  end

  def log(%{msg: {:string, text}}, %{config: %{pid: pid, id: id}}), do: send(pid, {id, IO.chardata_to_string(text)})
  def log(%{msg: {:report, _report}}, _handler), do: :ok

  def log(%{msg: {format, arguments}}, %{config: %{pid: pid, id: id}}) do
    send(pid, {id, format |> :io_lib.format(arguments) |> IO.chardata_to_string()})
  end

  defp taken(id) do
    receive do
      {^id, text} -> text <> "\n" <> taken(id)
    after
      0 -> ""
    end
  end
end
