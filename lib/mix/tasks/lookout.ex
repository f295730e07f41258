defmodule Mix.Tasks.Lookout do
  @shortdoc "Prints each change below directories, or runs a command on change"

  @moduledoc """
  Prints each change below directories, or runs a command when something changes, until Ctrl-C.

      mix lookout [PATH]... [OPTION]... [-- COMMAND [ARGUMENT]...]
      mix lookout lib test -- mix test
      mix lookout --json | jq .path
      mix lookout inbox --once --print0 | xargs -0 process
      mix lookout inbox --since /var/lib/job/cursor --print0 | xargs -0 process

  The default PATH is the current directory. `bin/watch` in the directory of Lookout takes the same arguments, with the same defaults.

  ## Options

    * `--ignore PATTERN`, `--only PATTERN` - as the options `:ignore` and `:only` of `Lookout.start_link/1`; may be repeated
    * `--gitignore`, `--no-gitignore` - leave out what git ignores, or do not; the default is to leave it out if a PATH is in a git repository
    * `--settle MS` - milliseconds of quiet before changes are reported or the command is run; default 0, and 50 with a command or `--once`
    * `--max-settle MS` - the longest wait for that quiet if changes never cease; default 20 times `--settle`, and 10 times with a command
    * `--wait` - a PATH that does not exist is no error: a notice reports it, and its entries are reported when it appears
    * `--once` - end after the first batch of changes, or after the first run that a change starts, with the status of that run
    * `--stats` - print statistics on standard error: at the end, and every ten seconds if something has changed
    * `--help`, `-h`, and `--version` - print that and do nothing else: nothing is installed or built for it

  ## Changes

  A line is the change and the path. On a terminal a path is relative to the working directory, so that the terminal can open it, or absolute
  if it is not below that; in a file or a pipe it is relative to PATH if there is only one, else absolute. The name of a directory ends with
  `/`. A name that is not plain text is quoted and escaped, so no name can garble a terminal:

      created     lib/new.ex
      renamed     lib/new.ex -> lib/old.ex
      deleted     "two\\nlines"

  Notices (see `Lookout`) are lines, too; on a narrow terminal they are wrapped with a hanging indent. Colours are used on a terminal only,
  and not if the variable `NO_COLOR` is set. For programs:

    * `--json` - one object per line, `{"change":"renamed","type":"file","path":"/srv/b","from":"/srv/a","seq":7}`, where `seq` is the number
      of the batch, or `{"notice":"unreadable","path":"/srv/c","reason":"eacces"}`. A name that is not UTF-8 is encoded in base64, under
      `path_base64` or `from_base64` instead
    * `--print0` - only the paths, absolute, as on disk, each followed by a NUL byte; for a rename the old and the new path. Notices go to
      standard error

  ## Since the last time

    * `--since CURSOR` - print what has changed since the last run with this CURSOR, and end, with status 0. For cron and scripts; it may be
      combined with `--json`, `--print0`, `--ignore`, `--only`, `--gitignore`, `--wait` and `--stats`
    * `--on-bad-cursor error` or `--on-bad-cursor restart` - what to do where CURSOR is damaged or written by a later version: end with
      status 1 (the default), or print the notice `cursor_lost` and everything that exists as `created`, and go on from there

  CURSOR is a directory outside the PATHs, which holds a snapshot of what was printed (see `:cursor` of `Lookout.start_link/1`). The first
  run creates it, prints no changes, and says so on standard error. Of several changes to a path the result is printed.

  A run writes CURSOR anew after standard output has taken everything. One that fails, is killed, or loses its reader before that prints
  the same changes again the next time: each change is printed at least once. What a reader does with them is not known here, so where that
  may fail, write to a file first:

      mix lookout inbox --since cursor --print0 >>todo && xargs -0 process <todo && rm todo

  One run at a time may use a CURSOR; another one ends with status 1 (`:locked`). A CURSOR belongs to its PATHs and options: after a change
  of them, what is no longer visible is printed as `deleted`, and what is newly visible as `created`.

  ## A command

  The command is run at once, and again whenever something has changed; after a change during a run one more run follows. Its standard output
  and standard error go to those of Mix, byte for byte. If both are a terminal, the command gets its own terminal, with the size of yours,
  also when that size changes, so that it uses colours. Its standard input is empty, unless it gets the keys (see below). See
  `Lookout.Runner`.

    * `--restart`, `-r` - a change during a run ends it and starts another: TERM to the command, and after 5 seconds KILL to all processes that
      it has started
    * `--postpone`, `-p` - wait for the first change before the first run; `--once` implies it
    * `--clear`, `-c` - clear the terminal before each run; its scrollback is kept
    * `--notify-exit` - report how each run ended, also if standard error is no terminal
    * `--interactive`, `--no-interactive` - typed keys go to the command while it runs, or do not; by default they do, except with `--restart`

  Files that a command writes below the PATHs start it again, unless git ignores them: name the directories of the sources, or use
  `--ignore`. If runs start each other that way, a notice names the paths, and the next runs are delayed more and more, from a second to a
  minute; any other change starts a run as usual.

  ## At a terminal

  If standard error is a terminal, each run has a header with its cause and the time, a footer with its result and its duration, and then an
  idle line:

      ── lib/demo.ex changed · mix test · 18:04:12
      ...
      ── done · 2.31 s
      waiting for changes of lib, test · Enter runs it again, q ends

  The header quotes the words of the command where a shell needs that: `sh -c 'make && ./run'`.

  If standard input is a terminal, too, and `mix` runs in its foreground, these keys have an effect:

    * Enter or space runs the command (with `--restart` also restarts a running one); `q` ends with status 0
    * Ctrl-C ends. A second Ctrl-C does not wait for the command, which still has its grace
    * Ctrl-Z stops `mix` and the process group of the command; `fg` continues both

  While a command is running, all keys except Ctrl-C and Ctrl-Z go to its terminal, so that `mix lookout -- iex -S mix` works, and `sudo` and
  `ssh` can ask for a password. With `--restart` the keys stay with Lookout, since a server that a change may end at any time seldom reads
  them, and the input of the command is empty. `--interactive` and `--no-interactive` override this. (`entr` does the same: a utility of
  `entr -r` does not get the terminal, any other one has it until it ends.) Keys that are typed during a run and not read by the command are
  lost.

  Meanwhile the terminal is in raw mode (`stty -icanon -isig -echo`, with a command also `-opost`). Its settings are restored at the end, at
  Ctrl-Z, and when `mix` is killed. A new size is detected within a quarter of a second. While `mix` is in the background, it changes no
  settings and reads nothing, until something is typed there: then the kernel stops `mix` (SIGTTIN), as any program that reads a terminal.

  ## Shutdown

  Ctrl-C, a TERM signal and a closed standard output also end the command and all processes that it has started: each of them gets TERM, and
  KILL after 5 seconds. So does a HUP signal, which a closed terminal sends: `mix` ends at once, and the command has its grace. At a terminal
  the prompt returns when that is done and the last statistics of `--stats` are printed. If the keys of a terminal are not read, as in `mix
  lookout | less`, Ctrl-C is a signal to the whole pipeline: `bin/watch` ends at once, and the command still has its grace when the prompt
  returns; `mix` shows the break menu of Erlang, and a second Ctrl-C ends it (with `ELIXIR_ERL_OPTIONS=+Bd` the first one does). The exit status
  is 0 after `q` and at the end of `--once` without a command; 130 after Ctrl-C; 128 plus the number of a signal that ended it; 1 if a directory
  cannot be watched, a cursor not be used or standard output not be written; 2 for an invalid option.

  A project that depends on Lookout is not compiled for this task, so that a broken project can be watched as well.
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
