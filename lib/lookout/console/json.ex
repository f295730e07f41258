defmodule Lookout.Console.Json do
  @moduledoc false
  # Formats changes and notices as JSON objects (RFC 8259), one per line. Pure. A JSON string is text, but a file name
  # is bytes: a name that is not UTF-8 is encoded in base64 (RFC 4648), under a key that ends in `_base64`.
  # `Lookout.Console.Report` calls it.

  alias Lookout.Event

  @spec event(Event.t(), pos_integer) :: iodata
  def event(%Event{} = event, seq) do
    from = if event.from, do: [path("from", event.from)], else: []

    object(
      [{"change", atom(event.change)}, {"type", atom(event.type)}, path("path", event.path)] ++
        from ++ [{"seq", Integer.to_string(seq)}]
    )
  end

  @spec notice(Lookout.notice() | term) :: iodata
  def notice({name, path, detail}) when is_binary(path) and is_atom(detail) do
    object([{"notice", atom(name)}, path("path", path), {detail_key(name), atom(detail)}])
  end

  def notice({:omitted, path, count}),
    do: object([{"notice", atom(:omitted)}, path("path", path), {"count", Integer.to_string(count)}])

  def notice({:cursor_lost, reason}), do: object([{"notice", atom(:cursor_lost)}, {"reason", atom(reason)}])
  def notice({name, path}) when is_binary(path), do: object([{"notice", atom(name)}, path("path", path)])
  def notice(name) when is_atom(name), do: object([{"notice", atom(name)}])
  def notice(other), do: object([{"notice", string(inspect(other))}])

  defp detail_key(:unreadable), do: "reason"
  defp detail_key(:watch_limit), do: "covered_by"
  defp detail_key(name) when name in [:polled, :unwatched], do: "file_system"
  defp detail_key(_other), do: "detail"

  defp path(key, path) do
    if String.valid?(path), do: {key, string(path)}, else: {key <> "_base64", string(Base.encode64(path))}
  end

  defp object(pairs) do
    [?{, pairs |> Enum.map(fn {key, value} -> [string(key), ?:, value] end) |> Enum.intersperse(?,), ?}]
  end

  defp atom(atom), do: string(Atom.to_string(atom))

  @doc "A JSON string. The text must be valid UTF-8."
  @spec string(binary) :: iodata
  def string(text), do: [?", escaped(text), ?"]

  defp escaped(text), do: for(<<char::utf8 <- text>>, into: "", do: escape(char))

  defp escape(?"), do: ~S(\")
  defp escape(?\\), do: ~S(\\)
  defp escape(?\b), do: ~S(\b)
  defp escape(?\f), do: ~S(\f)
  defp escape(?\n), do: ~S(\n)
  defp escape(?\r), do: ~S(\r)
  defp escape(?\t), do: ~S(\t)
  defp escape(char) when char < 0x20 or char == 0x7F, do: "\\u00" <> Base.encode16(<<char>>)
  defp escape(char), do: <<char::utf8>>
end
