defmodule Mix.Tasks.Lookout do
  @shortdoc "Prints each change below directories, or runs a command on change"

  @moduledoc """
  Prints each change below directories, or runs a command when something changes, until Ctrl-C.

      mix lookout [PATH]... [OPTION]... [-- COMMAND [ARGUMENT]...]
      mix lookout lib test -- mix test
      mix lookout --json --gitignore | jq .path
      mix lookout inbox --once --print0 | xargs -0 process

  The default PATH is the current directory. `bin/watch` in Lookout's own folder takes the same words.

  ## Options

    * `--ignore PATTERN`, `--only PATTERN` - as the options `:ignore` and `:only` of `Lookout.start_link/1`; may be repeated
    * `--gitignore` - leave out what git ignores
    * `--settle MS` - so many milliseconds of quiet before changes are told or the command is run; default 0, and 50 with a command or `--once`
    * `--once` - end after the first batch of changes, or with the first run that a change starts, and then with its status
    * `--stats` - figures on standard error: at the end, and every ten seconds in which something has changed

  ## Changes

  A line is the change and the path, below the directory if there is only one. A directory's name ends in `/`. A name
  that is not plain text stands in quotes, with what is odd in it escaped, so no name can garble a terminal:

      created     lib/new.ex
      renamed     lib/new.ex -> lib/old.ex
      deleted     "two\\nlines"

  Notices (see `Lookout`) are lines, too. Colours are used on a terminal only, and not with the variable `NO_COLOR`. For programs:

    * `--json` - an object a line, `{"change":"renamed","type":"file","path":"/srv/b","from":"/srv/a","seq":7}`, where `seq` is the
      number of the batch, or `{"notice":"unreadable","path":"/srv/c","reason":"eacces"}`. A name that is not UTF-8 stands in base64 under
      `path_base64` or `from_base64` instead
    * `--print0` - the paths alone, absolute, as they are on disk, each followed by a NUL byte; of a rename the old and the new one. Notices
      go to standard error

  ## A command

  It is run at once, and again whenever something has changed; a change during a run makes one more follow. Its standard output and
  standard error go to those of Mix, byte for byte. Where both are a terminal, it has a terminal of its own, of the size that yours has at the
  start, so that it shows colours. Its standard input is empty. See `Lookout.Runner`.

    * `--restart` - a change during a run ends it and starts another: TERM to the command, after 5 seconds KILL to all that it has started
    * `--postpone` - wait for the first change before the first run; `--once` implies it
    * `--clear` - clear the terminal before each run
    * `--notify-exit` - say how each run ended

  What a command writes below the PATHs makes it run again: name the directories of the sources, or use `--ignore` or `--gitignore`.

  ## The end

  Ctrl-C, a TERM signal and a closed standard output end the command and all that it has started, too. A TERM signal and a closed output give the command TERM,
  and after 5 seconds KILL; Ctrl-C gives it KILL at once. In `mix`, Ctrl-C first shows Erlang's menu; a second one
  ends, and with `ELIXIR_ERL_OPTIONS=+Bd` the first one does, as in `bin/watch`. The exit status is 0 at the end of `--once` without a command; 128 and the number of a signal that
  ended it; 1 where a directory cannot be watched or standard output cannot be written; 2 where an option makes no sense.

  A project that depends on Lookout is not compiled for this, so that a broken one can be watched as well.
  """

  use Mix.Task

  @requirements ["loadpaths"]

  @impl true
  def run(arguments) do
    case Lookout.Console.run(arguments) do
      0 -> :ok
      status -> exit({:shutdown, status})
    end
  end
end
