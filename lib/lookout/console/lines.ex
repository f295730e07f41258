defmodule Lookout.Console.Lines do
  @moduledoc false
  # Formats changes and notices as lines for people. Names are escaped so that only plain text reaches a terminal. Pure.
  # `Lookout.Console.Report`, `Banner`, `Printer` and `Session` call it.

  alias Lookout.Event

  @doc "The directory that paths are shown relative to in a file or pipe. With several directories, paths stay absolute."
  @spec base([Path.t()]) :: binary
  def base([dir]), do: String.trim_trailing(Lookout.Watcher.Options.path!(dir), "/") <> "/"
  def base(_several), do: ""

  @doc "The directory that paths are shown relative to on a terminal, which opens paths relative to the working directory."
  @spec working_directory() :: binary
  def working_directory, do: base(["."])

  @doc "A path, relative to `base` if it is below `base`."
  @spec path(binary, binary) :: binary
  def path(path, base), do: place(path, nil, base)

  @doc "Wraps the text at `columns`; continuation lines are indented by `indent` spaces. A longer word, such as a path, is not broken."
  @spec wrap(binary, pos_integer, non_neg_integer) :: binary
  def wrap(text, columns, indent) do
    [first | words] = String.split(text, " ")

    {lines, last} =
      Enum.reduce(words, {[], first}, fn word, {lines, line} ->
        if String.length(line) + 1 + String.length(word) <= columns,
          do: {lines, line <> " " <> word},
          else: {[lines, line, "\n"], String.duplicate(" ", indent) <> word}
      end)

    IO.iodata_to_binary([lines, last])
  end

  @spec line(Event.t(), binary) :: binary
  def line(%Event{change: :renamed} = event, base) do
    "#{label(:renamed)}#{place(event.from, event.type, base)} -> #{place(event.path, event.type, base)}"
  end

  def line(%Event{} = event, base), do: label(event.change) <> place(event.path, event.type, base)

  @spec notice_line(term) :: binary
  def notice_line({:overflow, dir}), do: label(:notice) <> "the kernel's queue overflowed; looked again at #{name(dir)}"
  def notice_line({:unreadable, dir, reason}), do: label(:notice) <> "cannot read #{name(dir)} (#{reason})"

  def notice_line({:watch_limit, dir, how}),
    do: label(:notice) <> "the limit of watches is reached; #{name(dir)} is covered otherwise (#{how})"

  def notice_line({:polled, dir, system}),
    do:
      label(:notice) <>
        "#{name(dir)} is on a file system that others may change (#{system}); it is looked at every interval"

  def notice_line({:unwatched, dir, system}),
    do: label(:notice) <> "#{name(dir)} is a pseudo file system (#{system}); it is not watched"

  def notice_line({:omitted, dir, count}),
    do: label(:notice) <> "#{count} more notices of entries at or below #{name(dir)} were left out"

  def notice_line({:root_deleted, dir}), do: label(:notice) <> "#{name(dir)} is missing"
  def notice_line({:root_created, dir}), do: label(:notice) <> "#{name(dir)} has appeared"
  def notice_line(:restarted), do: label(:notice) <> "lookout_port was restarted; changes before this may be missing"

  def notice_line({:cursor_lost, reason}),
    do: label(:notice) <> "the cursor cannot be used (#{reason}); what exists follows as created"

  def notice_line({:self_triggered, paths}),
    do:
      label(:notice) <>
        "each of the last runs was started by what the run before it changed: #{Enum.map_join(paths, ", ", &name/1)}; " <>
        "the next runs wait longer and longer (--ignore leaves paths out)"

  def notice_line(other), do: label(:notice) <> inspect(other)

  @doc "Colours the text by its change, or as a notice."
  @spec coloured(atom, binary) :: iodata
  def coloured(change, line), do: [colour(change), line, IO.ANSI.reset()]

  defp colour(:created), do: IO.ANSI.green()
  defp colour(:deleted), do: IO.ANSI.red()
  defp colour(:notice), do: IO.ANSI.magenta()
  defp colour(:renamed), do: IO.ANSI.cyan()
  defp colour(_modified_or_attributes), do: IO.ANSI.yellow()

  defp label(change), do: String.pad_trailing(to_string(change), 12)

  defp place(path, type, base) do
    below = if base != "" and String.starts_with?(path, base), do: trim_base(path, base), else: path
    name(if type == :directory, do: below <> "/", else: below)
  end

  defp trim_base(path, base), do: binary_part(path, byte_size(base), byte_size(path) - byte_size(base))

  @doc "A name as plain text. A name with control characters, invalid UTF-8 or ambiguous characters is quoted and escaped."
  @spec name(binary) :: binary
  def name(path), do: if(plain?(path), do: path, else: IO.iodata_to_binary([?", escaped(path), ?"]))

  defp plain?(path), do: visible?(path) and not (path =~ ~r/["\\]|^ | $| -> /u)

  # Control and format characters can change how the text after them is displayed.
  defp visible?(text), do: String.printable?(text) and not (text =~ ~r/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u)

  defp escaped(""), do: []
  defp escaped("\n" <> rest), do: ["\\n" | escaped(rest)]
  defp escaped("\t" <> rest), do: ["\\t" | escaped(rest)]
  defp escaped(<<char::utf8, rest::binary>>) when char in [?", ?\\], do: [?\\, char | escaped(rest)]

  defp escaped(<<char::utf8, rest::binary>>) do
    text = <<char::utf8>>

    if visible?(text),
      do: [text | escaped(rest)],
      else: ["\\u{", Integer.to_string(char, 16), "}" | escaped(rest)]
  end

  defp escaped(<<byte, rest::binary>>) do
    ["\\x", byte |> Integer.to_string(16) |> String.pad_leading(2, "0") | escaped(rest)]
  end

  @doc """
  A word of a command line as plain text that a shell takes as that word: in quotes where it is empty or has characters that a shell
  interprets, and as `$'...'` (bash, zsh, ksh) where it has control characters or invalid UTF-8. An argument, that is: a first word such
  as `if` or `A=1` means something else to a shell.
  """
  @spec shell_word(binary) :: binary
  def shell_word(word) do
    cond do
      not visible?(word) -> "$'" <> (word |> shell_escaped() |> IO.iodata_to_binary()) <> "'"
      word =~ ~r|\A[\p{L}\p{N}_@%+=:,./-]+\z|u -> word
      true -> "'" <> String.replace(word, "'", "'\\''") <> "'"
    end
  end

  defp shell_escaped(""), do: []
  defp shell_escaped("\n" <> rest), do: ["\\n" | shell_escaped(rest)]
  defp shell_escaped("\t" <> rest), do: ["\\t" | shell_escaped(rest)]
  defp shell_escaped(<<char::utf8, rest::binary>>) when char in [?', ?\\], do: [?\\, char | shell_escaped(rest)]

  defp shell_escaped(<<char::utf8, rest::binary>>) do
    text = <<char::utf8>>
    [if(visible?(text), do: text, else: for(<<byte <- text>>, do: octal(byte))) | shell_escaped(rest)]
  end

  defp shell_escaped(<<byte, rest::binary>>), do: [octal(byte) | shell_escaped(rest)]

  # Always three digits: a digit that follows is not part of it.
  defp octal(byte), do: ["\\", byte |> Integer.to_string(8) |> String.pad_leading(3, "0")]
end
