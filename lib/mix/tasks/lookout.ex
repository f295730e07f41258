defmodule Mix.Tasks.Lookout do
  @shortdoc "Prints each change below directories until Ctrl-C"

  @moduledoc """
  Prints each change below directories, a line each, until Ctrl-C.

      mix lookout DIR...

  A line is the change and the path, below the directory if there is only one. A directory's name ends in `/`. A name
  that is not plain text stands in quotes, with what is odd in it escaped, so no name can garble a terminal:

      created     lib/new.ex
      renamed     lib/new.ex -> lib/old.ex
      deleted     "two\\nlines"

  Notices (see `Lookout`) are lines, too. Colours are used on a terminal only. Ends with status 1 where a directory
  cannot be watched, having said why.
  """

  use Mix.Task

  alias Lookout.{Error, Event}

  @requirements ["app.config"]

  @impl true
  def run(args) do
    {[], dirs} = OptionParser.parse!(args, strict: [])
    if dirs == [], do: Mix.raise("Which directory? Usage: mix lookout DIR...")

    {:ok, _} = Application.ensure_all_started(:lookout)
    # What matters is printed here; a log would stand between the lines.
    :logger.set_primary_config(:level, :none)
    # The stop is told by a message, and printed from there.
    Process.flag(:trap_exit, true)

    case Lookout.start_link(dirs: dirs, subscribe: [self()]) do
      {:ok, watcher} ->
        IO.puts(:stderr, "Watching #{Enum.map_join(dirs, ", ", &name/1)}. Ctrl-C ends.")
        print(watcher, base(dirs))

      {:error, error} ->
        Mix.raise(Exception.message(error))
    end
  end

  @doc false
  # The directory that paths are told relative to; with several, paths stay absolute.
  @spec base([Path.t()]) :: binary
  def base([dir]), do: String.trim_trailing(Path.expand(dir), "/") <> "/"
  def base(_several), do: ""

  @doc false
  @spec line(Event.t(), binary) :: binary
  def line(%Event{change: :renamed} = event, base) do
    "#{label(:renamed)}#{place(event.from, event.type, base)} -> #{place(event.path, event.type, base)}"
  end

  def line(%Event{} = event, base), do: label(event.change) <> place(event.path, event.type, base)

  @doc false
  @spec notice_line(term) :: binary
  def notice_line({:overflow, dir}), do: label(:notice) <> "the kernel's queue overflowed; looked again at #{name(dir)}"
  def notice_line({:unreadable, dir, reason}), do: label(:notice) <> "cannot read #{name(dir)} (#{reason})"

  def notice_line({:watch_limit, dir, how}),
    do: label(:notice) <> "the limit of watches is reached; #{name(dir)} is covered otherwise (#{how})"

  def notice_line({:polled, dir, system}),
    do:
      label(:notice) <>
        "#{name(dir)} is on a file system that others may change (#{system}); it is looked at every interval"

  def notice_line({:root_deleted, dir}), do: label(:notice) <> "#{name(dir)} is gone"
  def notice_line({:root_created, dir}), do: label(:notice) <> "#{name(dir)} is back"
  def notice_line(:restarted), do: label(:notice) <> "lookout_port was restarted; changes before this may be missing"
  def notice_line(other), do: label(:notice) <> inspect(other)

  defp print(watcher, base) do
    receive do
      {:lookout, ^watcher, {:events, _seq, events}} ->
        write(for event <- events, do: [coloured(event.change, line(event, base)), ?\n])
        print(watcher, base)

      {:lookout, ^watcher, {:notice, notice}} ->
        write([coloured(:notice, notice_line(notice)), ?\n])
        print(watcher, base)

      {:lookout, ^watcher, {:stopped, reason}} ->
        Mix.raise("The watching ended: #{reason(reason)}")

      {:EXIT, ^watcher, reason} ->
        Mix.raise("The watching ended: #{reason(reason)}")
    end
  end

  # A closed standard output means that nobody reads any more.
  defp write(lines) do
    IO.write(lines)
  rescue
    ErlangError -> System.halt(1)
  end

  defp reason(%Error{} = error), do: Exception.message(error)
  defp reason(other), do: inspect(other)

  defp label(change), do: String.pad_trailing(to_string(change), 12)

  defp coloured(change, line) do
    if IO.ANSI.enabled?(), do: [colour(change), line, IO.ANSI.reset()], else: line
  end

  defp colour(:created), do: IO.ANSI.green()
  defp colour(:deleted), do: IO.ANSI.red()
  defp colour(:notice), do: IO.ANSI.magenta()
  defp colour(:renamed), do: IO.ANSI.cyan()
  defp colour(_modified_or_attributes), do: IO.ANSI.yellow()

  defp place(path, type, base) do
    below = if base != "" and String.starts_with?(path, base), do: trim_base(path, base), else: path
    name(if type == :directory, do: below <> "/", else: below)
  end

  defp trim_base(path, base), do: binary_part(path, byte_size(base), byte_size(path) - byte_size(base))

  defp name(path), do: if(plain?(path), do: path, else: IO.iodata_to_binary([?", escaped(path), ?"]))

  defp plain?(path) do
    String.printable?(path) and not (path =~ ~r/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}"\\]|^ | $| -> /u)
  end

  # Control and format characters can move what follows them, on a terminal and on paper.
  defp escaped(""), do: []
  defp escaped("\n" <> rest), do: ["\\n" | escaped(rest)]
  defp escaped("\t" <> rest), do: ["\\t" | escaped(rest)]
  defp escaped(<<char::utf8, rest::binary>>) when char in [?", ?\\], do: [?\\, char | escaped(rest)]

  defp escaped(<<char::utf8, rest::binary>>) do
    text = <<char::utf8>>

    if String.printable?(text) and not (text =~ ~r/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u),
      do: [text | escaped(rest)],
      else: ["\\u{", Integer.to_string(char, 16), "}" | escaped(rest)]
  end

  defp escaped(<<byte, rest::binary>>) do
    ["\\x", byte |> Integer.to_string(16) |> String.pad_leading(2, "0") | escaped(rest)]
  end
end
