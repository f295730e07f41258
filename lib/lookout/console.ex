defmodule Lookout.Console do
  @moduledoc false
  # Lookout for the command line: what `mix lookout` and `bin/watch` do.

  alias Lookout.Console.{Arguments, Session}

  @usage """
  lookout [PATH]... [OPTION]... [-- COMMAND [ARGUMENT]...]

  Prints each change below the PATHs (default: the current directory), or runs COMMAND at once and whenever something changes.

    --ignore PATTERN   leave out what matches, as a line of .gitignore does; may be repeated
    --only PATTERN     tell only of what matches, directories apart; may be repeated
    --gitignore        leave out what git ignores
    --settle MS        so much quiet before changes are told or COMMAND is run (default 0, or 50 with COMMAND or --once)
    --once             end after the first changes, or with the status of the first run that they start
    --stats            figures on standard error, every ten seconds in which something changed and at the end

  printing:
    --json             an object a line
    --print0           paths alone, each followed by a NUL byte

  with COMMAND:
    --restart          a change during a run ends it and starts another (default: one more run follows)
    --postpone         wait for the first change
    --clear            clear the terminal before each run
    --notify-exit      say how each run ended
  """

  @spec usage :: binary
  def usage, do: @usage

  @doc "What `bin/watch` calls. Does not return."
  @spec main :: no_return
  def main, do: System.argv() |> run() |> System.halt()

  @doc "Does what the words say, and returns the exit status."
  @spec run([binary]) :: 0..255
  def run(words) do
    case Arguments.parse(words) do
      {:ok, arguments} -> Session.run(arguments)
      :help -> say(:stdio, @usage, 0)
      {:error, message} -> say(:stderr, "lookout: #{message} (--help tells the options)\n", 2)
    end
  end

  defp say(device, text, status) do
    IO.write(device, text)
    status
  end
end
