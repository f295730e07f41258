defmodule Lookout.Console.Banner do
  @moduledoc false
  # The lines around a run on a terminal: a header, a footer, and what is waited for. Pure.

  alias Lookout.Console.{Lines, Status}
  alias Lookout.Runner

  @type cause :: :start | :key | {:changed, [binary]}
  @typedoc "How it may be coloured."
  @type line :: {:header | :success | :failure | :idle, binary}

  @doc "Why a run starts, what is run, and the time of day. `base` is the directory that paths are relative to, with a slash at its end."
  @spec header(cause, [binary], Time.t(), binary) :: line
  def header(cause, argv, time, base) do
    command = Enum.map_join(argv, " ", &Lines.name/1)
    {:header, "── #{why(cause, base)} · #{command} · #{time |> Time.truncate(:second) |> Time.to_iso8601()}"}
  end

  defp why(:start, _base), do: "start"
  defp why(:key, _base), do: "asked for by a key"
  defp why({:changed, []}, _base), do: "changed"
  defp why({:changed, [path]}, base), do: Lines.path(path, base) <> " changed"
  defp why({:changed, [path, _other]}, base), do: "#{Lines.path(path, base)} and 1 other changed"
  defp why({:changed, [path | others]}, base), do: "#{Lines.path(path, base)} and #{length(others)} others changed"

  @doc "How the run ended, and after how many milliseconds."
  @spec footer(Runner.status(), non_neg_integer) :: line
  def footer(status, ms) do
    {if(status == 0, do: :success, else: :failure), "── #{Status.short(status)} · #{elapsed(ms)}"}
  end

  defp elapsed(ms) when ms < 60_000, do: :erlang.float_to_binary(ms / 1_000, decimals: 2) <> " s"

  defp elapsed(ms) do
    seconds = div(ms, 1_000)
    "#{div(seconds, 60)} min #{rem(seconds, 60)} s"
  end

  @doc "What is waited for: changes below the paths, and keys where they are read."
  @spec idle([binary], boolean) :: line
  def idle(paths, keys) do
    {:idle, "waiting for changes of #{paths_in_words(paths)}#{if keys, do: " · Enter runs it again, q ends"}"}
  end

  @doc "The paths as they were given, and the current directory by its name."
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
