defmodule Lookout.Console.Banner do
  @moduledoc false
  # The lines around a run on a terminal: a header, a footer, and the idle line ("waiting for changes"). Pure.
  # `Lookout.Console.Session` and `Printer` call it.

  alias Lookout.Runner
  alias Lookout.Console.{Lines, Status}

  @type cause :: :start | :key | {:changed, [binary]}
  @typedoc "A line, and its kind, which selects its colour."
  @type line :: {:header | :success | :failure | :idle, binary}

  @doc """
  The header: the cause of a run, the command, and the time of day. `base` is the directory that paths are shown relative to, with a
  slash at its end.
  """
  @spec header(cause, [binary], Time.t(), binary) :: line
  def header(cause, argv, time, base) do
    command = Enum.map_join(argv, " ", &Lines.shell_word/1)
    {:header, "── #{why(cause, base)} · #{command} · #{time |> Time.truncate(:second) |> Time.to_iso8601()}"}
  end

  defp why(:start, _base), do: "start"
  defp why(:key, _base), do: "asked for by a key"
  defp why({:changed, []}, _base), do: "changed"
  defp why({:changed, [path]}, base), do: Lines.path(path, base) <> " changed"
  defp why({:changed, [path, _other]}, base), do: "#{Lines.path(path, base)} and 1 other changed"
  defp why({:changed, [path | others]}, base), do: "#{Lines.path(path, base)} and #{length(others)} others changed"

  @doc "The footer: how the run ended, and after how many milliseconds."
  @spec footer(Runner.status(), non_neg_integer) :: line
  def footer(status, ms) do
    {if(status == 0, do: :success, else: :failure), "── #{Status.short(status)} · #{elapsed(ms)}"}
  end

  defp elapsed(ms) when ms < 60_000, do: :erlang.float_to_binary(ms / 1_000, decimals: 2) <> " s"

  defp elapsed(ms) do
    seconds = div(ms, 1_000)
    "#{div(seconds, 60)} min #{rem(seconds, 60)} s"
  end

  @doc "The idle line: the paths whose changes are awaited, and the keys if they are read."
  @spec idle([binary], boolean) :: line
  def idle(paths, keys) do
    {:idle, "waiting for changes of #{paths_in_words(paths)}#{if keys, do: " · Enter runs it again, q ends"}"}
  end

  @doc """
  How the watching is ended. Where no keys are read, Ctrl-C is a signal: it ends a VM without a break menu, and a VM with one
  ends at the second.
  """
  @spec quits(boolean, boolean) :: binary
  def quits(true = _keys, _ends_at_sigint), do: "Ctrl-C or q ends"
  def quits(false, true), do: "Ctrl-C ends"
  def quits(false, false), do: "Ctrl-C twice ends"

  @doc "The paths as they were given; the current directory as its absolute path."
  @spec paths_in_words([binary]) :: binary
  def paths_in_words(paths), do: Enum.map_join(paths, ", ", &(&1 |> shown() |> Lines.name()))

  defp shown(path) when path in [".", "./"], do: File.cwd!()
  defp shown(path), do: path

  @spec coloured(line) :: iodata
  def coloured({kind, text}), do: [colour(kind), text, IO.ANSI.reset()]

  defp colour(:header), do: IO.ANSI.bright()
  defp colour(:success), do: IO.ANSI.green()
  defp colour(:failure), do: IO.ANSI.red()
  defp colour(:idle), do: IO.ANSI.faint()
end
