defmodule Mix.Tasks.Lookout do
  @shortdoc "Prints each change below directories, or runs a command on change"

  @moduledoc """
  Prints each change below directories, or runs a command when something changes, until Ctrl-C.

      mix lookout [PATH]... [OPTION]... [-- COMMAND [ARGUMENT]...]
      mix lookout lib test -- mix test
      mix lookout --json | jq .path
      mix lookout inbox --once --print0 | xargs -0 process

  The default PATH is the current directory. `bin/watch` in Lookout's own folder takes the same words.

  ## Options

    * `--ignore PATTERN`, `--only PATTERN` - as the options `:ignore` and `:only` of `Lookout.start_link/1`; may be repeated
    * `--gitignore`, `--no-gitignore` - leave out what git ignores, or do not; the default is to do so where a PATH is within a git repository
    * `--settle MS` - so many milliseconds of quiet before changes are told or the command is run; default 0, and 50 with a command or `--once`
    * `--max-settle MS` - wait for that quiet so long at most, where changes never cease; default 20 times `--settle`, and 10 times with a command
    * `--wait` - a PATH that does not exist is no error: a notice reports that, and what it contains is reported when it appears
    * `--once` - end after the first batch of changes, or with the first run that a change starts, and then with its status
    * `--stats` - figures on standard error: at the end, and every ten seconds in which something has changed
    * `--help`, `-h`, and `--version` - print that and do nothing else: nothing is installed or built for it

  ## Changes

  A line is the change and the path. On a terminal a path is relative to the working directory, so that the terminal can open it, or absolute where it is
  elsewhere; in a file or a pipe it is relative to PATH if there is only one, else absolute. A directory's name ends in `/`. A name that is not plain text stands in quotes, with what is odd in it escaped, so no name can garble a terminal:

      created     lib/new.ex
      renamed     lib/new.ex -> lib/old.ex
      deleted     "two\\nlines"

  Notices (see `Lookout`) are lines, too; on a narrow terminal their words are broken with a hanging indent. Colours are used on a terminal only, and not with
  the variable `NO_COLOR`. For programs:

    * `--json` - an object a line, `{"change":"renamed","type":"file","path":"/srv/b","from":"/srv/a","seq":7}`, where `seq` is the
      number of the batch, or `{"notice":"unreadable","path":"/srv/c","reason":"eacces"}`. A name that is not UTF-8 stands in base64 under
      `path_base64` or `from_base64` instead
    * `--print0` - the paths alone, absolute, as they are on disk, each followed by a NUL byte; of a rename the old and the new one. Notices
      go to standard error

  ## A command

  It is run at once, and again whenever something has changed; a change during a run makes one more follow. Its standard output and
  standard error go to those of Mix, byte for byte. Where both are a terminal, it has a terminal of its own, of the size that yours has, also when that
  changes, so that it shows colours. Its standard input is empty, unless it has the keys (see below). See `Lookout.Runner`.

    * `--restart`, `-r` - a change during a run ends it and starts another: TERM to the command, after 5 seconds KILL to all that it has started
    * `--postpone`, `-p` - wait for the first change before the first run; `--once` implies it
    * `--clear`, `-c` - clear the terminal before each run; its scrollback stays
    * `--notify-exit` - say how each run ended, also where standard error is no terminal
    * `--interactive`, `--no-interactive` - what is typed goes to the command while it runs, or does not; the default is that it does without `--restart`

  What a command writes below the PATHs makes it run again, unless git ignores it: name the directories of the sources, or use `--ignore`. Where runs start each
  other that way, a notice names the paths, and the next runs wait longer and longer, from a second to a minute; any other change starts a run as usual.

  ## At a terminal

  Where standard error is a terminal, each run has a header with its cause and the time, a footer with its result and how long it took, and then a line that says what is
  waited for:

      ── lib/demo.ex changed · mix test · 18:04:12
      ...
      ── done · 2.31 s
      waiting for changes of lib, test · Enter runs it again, q ends

  Where standard input is a terminal, too, and `mix` runs in its foreground, these keys count:

    * Enter or space runs the command (with `--restart` also one that is running: it is restarted); `q` ends with status 0
    * Ctrl-C ends. A second Ctrl-C does not wait for the command, which still has its grace
    * Ctrl-Z stops `mix` and the process group of the command; `fg` continues both

  While a command runs, everything but Ctrl-C and Ctrl-Z is typed into its terminal, so that `mix lookout -- iex -S mix` works, and `sudo` and `ssh` can ask for
  a password. Not so with `--restart`: there the keys stay with Lookout, as a server that a change may end at any time seldom reads them, and the input of the command is empty. `--interactive`
  and `--no-interactive` choose otherwise. (`entr` does the same: a utility of `entr -r` does not get the terminal, any other one has it until it ends.) What is typed during a run
  and not read by the command is lost.

  Meanwhile the terminal passes on each byte (`stty -icanon -isig -echo`, with a command also `-opost`). Its settings are restored at the end, at Ctrl-Z, and when `mix` is killed. A new
  size is noticed within a quarter of a second. In the background nothing is set and nothing read, until something is typed there: then the kernel
  stops `mix` (SIGTTIN), as it does any program that reads a terminal.

  ## The end

  Ctrl-C, a TERM signal and a closed standard output end the command and all that it has started, too: each process of it gets TERM, and after 5 seconds KILL.
  At a terminal the prompt is back when that is done and the last figures of `--stats` are printed. Where the keys of a terminal are not read, as in
  `mix lookout | less`, Ctrl-C is a signal to all of the pipeline: `bin/watch` ends at once, and the command has its seconds when the prompt is back; `mix` shows Erlang's menu, and a second
  Ctrl-C ends it (with `ELIXIR_ERL_OPTIONS=+Bd` the first one does). The exit status is 0 after `q` and at the end of `--once` without a command; 130 after Ctrl-C; 128 and the number of a signal that
  ended it; 1 where a directory cannot be watched or standard output cannot be written; 2 where an option makes no sense.

  A project that depends on Lookout is not compiled for this, so that a broken one can be watched as well.
  """

  use Mix.Task

  @impl true
  def run(arguments) do
    unless Lookout.Console.text?(arguments), do: Mix.Task.run("loadpaths")

    case Lookout.Console.run(arguments) do
      0 -> :ok
      status -> exit({:shutdown, status})
    end
  end
end
