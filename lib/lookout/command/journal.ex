defmodule Lookout.Command.Journal do
  @moduledoc false
  # Handles the output of a command without an owner: logs it line by line (`:log_output`), or else keeps the end of
  # standard error, which is logged if the command fails. `Lookout.Command.State` holds it (`journal`), and
  # `Lookout.Command.Output` calls it.

  alias Lookout.Command.{Lines, Tail}

  @type options :: %{level: :logger.level(), prefix: binary, metadata: map, transform: nil | (binary -> nil | binary)}
  @type t :: %__MODULE__{log: nil | options, rests: %{stdout: Lines.t(), stderr: Lines.t()}, tail: binary}

  defstruct log: nil, rests: %{stdout: "", stderr: ""}, tail: ""

  @spec new(nil | options) :: t
  def new(log), do: %__MODULE__{log: log}

  @spec add(t, :stdout | :stderr, binary) :: t
  def add(%__MODULE__{log: nil} = journal, :stderr, bytes), do: %{journal | tail: Tail.add(journal.tail, bytes)}
  def add(%__MODULE__{log: nil} = journal, :stdout, _bytes), do: journal

  def add(%__MODULE__{rests: rests} = journal, stream, bytes) do
    {lines, rest} = Lines.split(Map.fetch!(rests, stream), bytes)
    log(journal.log, lines)
    %{journal | rests: %{rests | stream => rest}}
  end

  @doc "The output has ended: logs what is left of an unfinished line."
  @spec close(t) :: t
  def close(%__MODULE__{log: nil} = journal), do: journal

  def close(%__MODULE__{} = journal) do
    for {_stream, rest} <- journal.rests, do: log(journal.log, Lines.last(rest))
    %{journal | rests: %{stdout: "", stderr: ""}}
  end

  defp log(log, lines) do
    for line <- lines,
        line = transformed(log.transform, line),
        do: :logger.log(log.level, "~ts~ts", [log.prefix, line], log.metadata)
  end

  defp transformed(nil, line), do: line
  defp transformed(transform, line), do: transform.(line)
end
