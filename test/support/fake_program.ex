defmodule Lookout.FakeProgram do
  @moduledoc false
  # Programs that stand in for `lookout_port` and do not behave: shell scripts that say what a test wants.

  @doc """
  Writes a program into `dir` and returns its path. Steps:

    * `{:say, term}` - a frame with the term
    * `{:raw, binary}` - bytes as they are
    * `{:sh, command}` - a line of shell
    * `:frame` - reads one frame of its standard input
    * `:listen` - reads until the end of its standard input
    * `:deaf` - neither reads nor ends, for as long as it is not killed
    * `{:exit, status}`
  """
  def write!(dir, steps) do
    path = Path.join(dir, "fake-#{System.unique_integer([:positive])}")
    File.write!(path, ["#!/bin/sh\n" | Enum.map(steps, &[step(&1), "\n"])])
    File.chmod!(path, 0o755)
    path
  end

  @doc "A `lookout_port` that runs without root's right to read everything."
  def unprivileged!(dir) do
    program = Path.join(dir, "lookout_port")
    File.cp!(Lookout.port_path(), program)

    case System.cmd("id", ["-u"]) do
      {"0\n", 0} -> write!(dir, sh: "exec setpriv --reuid 65534 --clear-groups #{program}")
      _other -> program
    end
  end

  @doc "The steps of a program that greets and takes the first request, the watch."
  def well_started, do: [{:say, {:hello, 1, "0.1.0"}}, {:say, {:reply, 1, :ok}}]

  defp step({:say, term}) do
    payload = :erlang.term_to_binary(term)
    step({:raw, <<byte_size(payload)::32, payload::binary>>})
  end

  defp step({:raw, bytes}), do: ["printf '", for(<<byte <- bytes>>, do: octal(byte)), "'"]
  defp step({:sh, command}), do: command
  defp step(:frame), do: "head -c $(dd bs=1 count=4 2>/dev/null | od -An -tu4 --endian=big) >/dev/null"
  defp step(:listen), do: "exec cat >/dev/null"
  defp step(:deaf), do: "exec sleep 1000000"
  defp step({:exit, status}), do: "exit #{status}"

  defp octal(byte), do: ["\\", byte |> Integer.to_string(8) |> String.pad_leading(3, "0")]
end
