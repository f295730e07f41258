defmodule Lookout.Error do
  @moduledoc """
  An error, with a reason for programs and a detail for people.

    * `:reason` - an atom to match on: an errno in lower case (`:enoent`, `:eacces`, `:enotdir`, ...) or one of `:timeout`,
      `:lagging`, `:noproc`, `:nodedown`, `:stopped`, `:not_watched`, `:not_found`, `:not_subscribed`, `:active`, `:remote`, `:restarted`, `:already_started`,
      `:port_exited`, `:port_hung`, `:port_garbled`, `:in_use`, `:not_allowed`, `:shutdown`, `:wrong_protocol`, `:bad_request`, `:unsupported_system` (not Linux)
    * `:operation` - the operation that failed
    * `:path` - the path that the error is about, or `nil`
    * `:detail` - a sentence that explains the error and what to do about it
    * `:status` - the status of a command, if that status is the error, else `nil`
    * `:stderr` - the last 4 KiB that the command wrote to standard error, if Lookout has read them, else `nil`

  Functions return it as `{:error, error}`; `Lookout.stream/1` raises it.
  """

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
