defmodule Lookout.Error do
  @moduledoc """
  An error, with a reason for programs and a detail for people.

    * `:reason` - an atom to match on, see "Reasons"
    * `:operation` - the operation that failed
    * `:path` - the path that the error is about, or `nil`
    * `:detail` - a sentence that explains the error and what to do about it
    * `:status` - the status of a command, if that status is the error, else `nil`
    * `:stderr` - the last 4 KiB that the command wrote to standard error, if Lookout has read them, else `nil`

  Functions return it as `{:error, error}`; `Lookout.stream/1` raises it. Its message has all of this:

      iex> {:error, error} = Lookout.start_link("no such directory")
      iex> {error.reason, error.operation, Path.basename(error.path)}
      {:enoent, :open, "no such directory"}
      iex> Exception.message(error) =~ "No such file or directory"
      true

  ## Reasons

  Most are an errno in lower case (errno(3)) of a system call that failed: `:enoent`, `:eacces`, `:enotdir`, `:emfile`, ... The others are

  of any call:

  | reason | meaning |
  |---|---|
  | `:unsupported_system` | this system is not Linux |
  | `:timeout` | no reply in time, or no end of a command in time |
  | `:noproc` | there is no such watcher, runner or command |
  | `:nodedown` | its node cannot be reached |
  | `:stopped` | it stopped before it replied |
  | `:calling_self` | it was called from within itself |
  | `:bad_request` | it, or `lookout_port`, does not know the request, or a value of it |
  | `:already_started` | the name is taken |
  | `:bad_directory` | the working directory of the VM is gone, or that of a command cannot be entered |

  of a watcher:

  | reason | meaning |
  |---|---|
  | `:not_watched` | the path is none of the watched directories |
  | `:already_watched` | `lookout_port` watches the path already (`Lookout.add/3` succeeds then) |
  | `:not_found` | there is no such directory in the tree |
  | `:not_subscribed` | the caller is no subscriber |
  | `:active` | the caller gets batches, or output, without asking |
  | `:lagging` | a subscriber is too slow |
  | `:restarted` | a stream may have missed changes, because `lookout_port` was restarted |
  | `:remote` | the call is not for a process of another node |
  | `:untrusted` | a `.git` belongs to another user, or a rule file is in a pseudo file system (only in the notice `:unreadable`) |

  of a command or a runner:

  | reason | meaning |
  |---|---|
  | `:empty_argv`, `:nul_byte` | the list of words is empty, or a word has a NUL byte |
  | `:bad_user`, `:bad_group` | there is no such user or group |
  | `:bad_limit` | there is no such limit, or not this value of it |
  | `:enotsup` | the limits of a cgroup are not available |
  | `:not_running` | the command has ended, or the runner runs none |
  | `:already_running` | `lookout_port` runs a command already |
  | `:closed` | the input of the command is closed, or was not asked for |
  | `:input_failed` | the enumerable of `:input` raised, exited or threw |
  | `:overrun` | more was written to the command than `lookout_port` takes at once |
  | `:no_terminal` | it has no terminal |
  | `:exit_status` | its status is a failure, see `:status`, or it ended before it was ready |
  | `:wait_failed` | the function of `:wait_for` raised, exited or threw |
  | `:guardian_killed` | the process that guards the command was killed, and the command with it |

  of a watcher with `:cursor`:

  | reason | meaning |
  |---|---|
  | `:bad_snapshot` | the snapshot is damaged, or no snapshot |
  | `:newer_snapshot` | a later version of Lookout has written it |
  | `:unknown_cursor` | there is no snapshot of this cursor |
  | `:locked` | another watcher has this directory of snapshots |
  | `:cursor_inside` | the directory of snapshots is below a watched directory |
  | `:no_cursor` | the watcher has no `:cursor` |
  | `:too_old` | a batch after `since:` is no longer kept (of any watcher) |

  of a watcher or a command with `:node`:

  | reason | meaning |
  |---|---|
  | `:not_allowed` | the node was started without `--allow` for this path, or without `--commands` |
  | `:in_use` | another watcher has the session of this name |
  | `:stalled` | what the node had sent was not taken, and it ended the session |
  | `:shutdown` | the node was stopped |
  | `:port_died` | the `lookout_port` that ran the command on the node has ended |

  of `lookout_port` itself:

  | reason | meaning |
  |---|---|
  | `:port_exited` | it ended, and too often to be started again |
  | `:port_hung` | it did not respond, and was killed |
  | `:port_garbled` | it sent what is no message, and was killed |
  | `:wrong_protocol` | it is of another version than the library |
  | `:bad_term`, `:frame_too_large`, `:truncated_frame` | it got what is no request |
  | `:errno_unknown` | a system call failed with a number that has no name; the detail has the number |
  """

  @typedoc "An error."
  @type t :: %__MODULE__{
          reason: atom,
          operation: atom,
          path: nil | binary,
          detail: binary,
          status: nil | 0..255 | {:signal, atom},
          stderr: nil | binary
        }

  @enforce_keys [:reason, :operation, :detail]
  defexception [:reason, :operation, :path, :detail, :status, :stderr]

  @impl true
  def message(%__MODULE__{} = error) do
    "#{error.operation}#{place(error.path)}: #{printable(error.detail)} (#{error.reason})#{words(error.stderr)}"
  end

  defp words(stderr) when stderr in [nil, ""], do: ""
  defp words(stderr), do: "; standard error ends with:\n" <> printable(stderr)

  defp place(nil), do: ""
  defp place(path), do: " " <> quoted(path)

  defp printable(text), do: if(plain?(text), do: text, else: quoted(text))

  # `String.printable?/1` accepts ESC and some other control characters, which the name of a process can contain.
  defp plain?(text), do: String.printable?(text) and not (text =~ ~r/[^\P{Cc}\n\t]/u)

  # File names are bytes. Escaped, they cannot garble a log or a terminal.
  defp quoted(bytes), do: inspect(bytes, binaries: :as_strings, printable_limit: :infinity)
end
