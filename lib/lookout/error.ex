defmodule Lookout.Error do
  @moduledoc """
  What went wrong, for a program and for a person.

    * `:reason` - an atom to match on: an errno in lower case (`:enoent`, `:eacces`, `:enotdir`, ...) or one of `:timeout`,
      `:lagging`, `:noproc`, `:nodedown`, `:stopped`, `:not_watched`, `:not_found`, `:not_subscribed`, `:active`, `:remote`, `:restarted`, `:already_started`,
      `:port_exited`, `:port_hung`, `:port_garbled`, `:wrong_protocol`, `:bad_request`, `:unsupported_system` (not Linux)
    * `:operation` - what was being done
    * `:path` - the path in question, or `nil`
    * `:detail` - a sentence that says what to do about it
    * `:status` - how a command ended, where that is the error, or `nil`
    * `:stderr` - the last 4 KiB that it wrote to standard error, where Lookout has read that, or `nil`

  Functions that end in `{:error, error}` carry one; `Lookout.stream/1` raises it.
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

  # ESC and other control characters, which a process can have in its name, are printable for Elixir.
  defp plain?(text), do: String.printable?(text) and not (text =~ ~r/[^\P{Cc}\n\t]/u)

  # Names on disk are bytes: escaped, they cannot garble a log or a terminal.
  defp quoted(bytes), do: inspect(bytes, binaries: :as_strings, printable_limit: :infinity)
end
