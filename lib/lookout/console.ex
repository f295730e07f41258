defmodule Lookout.Console do
  @moduledoc false
  # Lookout for the command line: what `mix lookout` and `bin/watch` do.

  alias Lookout.Console.{Arguments, Session}

  # A file, so that bin/watch can print it before anything is built.
  @external_resource usage = Path.join(__DIR__, "console/usage.txt")
  @usage File.read!(usage)

  # Read from its file, since Mix is absent where rebar3 compiles this.
  @external_resource version = Path.expand("../../VERSION", __DIR__)
  @version version |> File.read!() |> String.trim()

  @spec usage :: binary
  def usage, do: @usage

  @doc "Whether the words ask for no more than a text: then nothing need be loaded."
  @spec text?([binary]) :: boolean
  def text?(words), do: Arguments.parse(words) in [:help, :version]

  @doc "What `bin/watch` calls. Does not return."
  @spec main :: no_return
  def main, do: System.argv() |> run() |> System.halt()

  @doc "Does what the words say, and returns the exit status."
  @spec run([binary]) :: 0..255
  def run(words) do
    case Arguments.parse(words) do
      {:ok, arguments} -> Session.run(arguments)
      :help -> say(:stdio, @usage, 0)
      :version -> say(:stdio, "lookout #{@version}\n", 0)
      {:error, message} -> say(:stderr, "lookout: #{message} (--help tells the options)\n", 2)
    end
  end

  defp say(device, text, status) do
    IO.write(device, text)
    status
  end
end
