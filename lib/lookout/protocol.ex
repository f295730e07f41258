defmodule Lookout.Protocol do
  @moduledoc false
  # The terms of docs/protocol.md. Pure: bytes and terms in, terms out.

  alias Lookout.{Entry, Error, Event}

  @version 1
  @event struct(Event)

  @type id :: non_neg_integer
  @type reply :: :ok | {:ok, term} | {:error, Error.t()}
  @type message ::
          {:hello, integer, binary}
          | {:reply, nil | id, reply}
          | {:entries, id, [tuple]}
          | {:events, pos_integer, [Event.t()]}
          | {:notice, term}
          | {:stdout | :stderr, binary}
          | {:stdin_taken, pos_integer}
          | {:stdin_closed, atom}
          | {:exit, 0..255 | {:signal, atom, pos_integer}}
          | {:fatal, Error.t()}
          | {:garbage, binary}

  @doc "The protocol version spoken here."
  @spec version() :: pos_integer
  def version, do: @version

  @doc "The payload of a frame to the program."
  @spec encode(term) :: binary
  def encode(request), do: :erlang.term_to_binary(request)

  @doc """
  The message in the payload of a frame from the program; `{:garbage, detail}` for anything that is none.

  The program is our own and its atoms are a fixed set, so they need not exist already: an errno that this VM has never
  heard of must not turn a reply into garbage.
  """
  @spec decode(binary) :: message
  def decode(payload) do
    payload |> :erlang.binary_to_term() |> message()
  rescue
    _not_a_message in [ArgumentError, FunctionClauseError] -> {:garbage, shown(payload)}
  end

  @doc "An entry of a listing."
  @spec entry(tuple) :: Entry.t()
  def entry({type, path, inode}), do: %Entry{type: type, path: path, inode: inode}

  def entry({type, path, inode, size, mtime, mode}) do
    %Entry{type: type, path: path, inode: inode, size: size, mtime: mtime, mode: mode}
  end

  defp message({:events, seq, [_ | _] = events}) when is_integer(seq), do: {:events, seq, events(events)}
  defp message({:reply, id, {:error, error}}), do: {:reply, id, {:error, error(error)}}
  defp message({:reply, _id, :ok} = reply), do: reply
  defp message({:reply, _id, {:ok, _value}} = reply), do: reply
  defp message({:entries, _id, entries} = chunk) when is_list(entries), do: chunk
  defp message({:notice, _notice} = notice), do: notice
  defp message({stream, bytes}) when stream in [:stdout, :stderr] and is_binary(bytes), do: {stream, bytes}
  defp message({:stdin_taken, bytes}) when is_integer(bytes) and bytes > 0, do: {:stdin_taken, bytes}
  defp message({:stdin_closed, reason}) when is_atom(reason), do: {:stdin_closed, reason}
  defp message({:exit, code}) when code in 0..255, do: {:exit, code}
  defp message({:exit, {:signal, name, number}} = exit) when is_atom(name) and is_integer(number), do: exit
  defp message({:hello, protocol, version}) when is_integer(protocol), do: {:hello, protocol, version}
  defp message({:fatal, error}), do: {:fatal, error(error)}

  defp events([]), do: []
  defp events([event | rest]), do: [event(event) | events(rest)]

  # An update shares the keys of the map that it is made of; `%Event{...}` would hold a tuple of them in each event.
  defp event({change, type, path}), do: %{@event | change: change, type: type, path: path}
  defp event({:renamed, type, path, from}), do: %{@event | change: :renamed, type: type, path: path, from: from}

  defp error({reason, operation, path, detail}) when is_atom(reason) and is_binary(detail) do
    %Error{reason: reason, operation: operation, path: path, detail: detail}
  end

  defp shown(payload) do
    start = payload |> binary_part(0, min(byte_size(payload), 64)) |> inspect(binaries: :as_strings)
    "#{byte_size(payload)} bytes that are no message of the protocol, starting with #{start}"
  end
end
