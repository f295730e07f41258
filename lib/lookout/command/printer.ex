defmodule Lookout.Command.Printer do
  @moduledoc false
  # Prints the output of a command line by line until its end: the loop of `Lookout.Command.watch/2`, in the process
  # that called it, which is the owner of the command.

  alias Lookout.Command.Lines

  @devices [stdout: :stdio, stderr: :standard_error]

  @doc "Prints until the final message of the command, and returns that message."
  @spec follow(pid) :: {:exit, Lookout.Command.status()} | {:error, Lookout.Error.t()}
  def follow(pid), do: follow(pid, %{stdout: "", stderr: ""})

  defp follow(pid, rests) do
    receive do
      {:lookout_command, ^pid, {stream, bytes}} when stream in [:stdout, :stderr] ->
        {lines, rest} = Lines.split(Map.fetch!(rests, stream), bytes)
        print(stream, lines)
        follow(pid, %{rests | stream => rest})

      {:lookout_command, ^pid, last} ->
        for {stream, rest} <- rests, do: print(stream, Lines.last(rest))
        last
    end
  end

  defp print(stream, lines), do: for(line <- lines, do: IO.puts(@devices[stream], line))
end
