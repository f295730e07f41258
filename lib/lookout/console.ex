defmodule Lookout.Console do
  @moduledoc false
  # The command-line interface: the implementation of `mix lookout` and `bin/watch`. `mix lookout` calls
  # `text?/1` and `run/1`, `bin/watch` calls `main/0`. It has no state.

  alias Lookout.Console.{Arguments, Session}

  # The usage is in a file, so that bin/watch can print it before anything is compiled.
  @external_resource usage = Path.join(__DIR__, "console/usage.txt")
  @usage File.read!(usage)

  # Read from the file VERSION, since Mix is not available when rebar3 compiles this.
  @external_resource version = Path.expand("../../VERSION", __DIR__)
  @version version |> File.read!() |> String.trim()

  @spec usage :: binary
  def usage, do: @usage

  @doc "Whether the arguments ask only for the usage or the version: then nothing has to be loaded."
  @spec text?([binary]) :: boolean
  def text?(words), do: Arguments.parse(words) in [:help, :version]

  @doc "The entry point of `bin/watch`, whose VM ends at a SIGINT (`+Bd`). Does not return."
  @spec main :: no_return
  def main, do: System.argv() |> run(ends_at_sigint: true) |> System.halt()

  @doc "Executes the arguments, and returns the exit status. A VM with a break menu ends at the second SIGINT."
  @spec run([binary], ends_at_sigint: boolean) :: 0..255
  def run(words, options \\ []) do
    case Arguments.parse(words) do
      {:ok, arguments} -> Session.run(arguments, options)
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
