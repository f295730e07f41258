defmodule Lookout.Console.Status do
  @moduledoc false
  # Formats the status of a run (`t:Lookout.Runner.status/0`) as text and as an exit status. Pure. `Lookout.Console.Session` and
  # `Banner` call it.

  alias Lookout.{Error, Runner}
  alias Lookout.Support.Signals

  @spec words(Runner.status()) :: binary
  def words({:signal, name}), do: "the command was ended by SIG#{name |> to_string() |> String.upcase()}"
  def words({:error, error}), do: "the command was ended: #{Exception.message(error)}"
  # A restart or the shutdown kills a run whose last output waits for a slow reader.
  def words({:exit, reason}), do: "the run was ended before its output was taken (#{inspect(reason)})"
  def words(code), do: "the command ended with status #{code}"

  @doc "A short form of `words/1`."
  @spec short(Runner.status()) :: binary
  def short(0), do: "done"
  def short({:signal, name}), do: "ended by SIG#{name |> to_string() |> String.upcase()}"
  def short(code) when is_integer(code), do: "status #{code}"
  def short(other), do: words(other)

  @doc "The exit status as a shell reports it: 127 if the program does not exist, 126 if it cannot be started."
  @spec exit_code(Runner.status() | {:failed, Error.t()}) :: 0..255
  def exit_code({:failed, %Error{reason: :enoent}}), do: 127
  def exit_code({:failed, _error}), do: 126
  def exit_code({kind, _reason}) when kind in [:error, :exit], do: 1
  def exit_code(status), do: Signals.exit_code(status)
end
