defmodule Lookout.Command.Tail do
  @moduledoc false
  # The last bytes of a stream. Pure. The callers, `Lookout.Command.Journal` and `Pull`, keep the bytes.

  @most 4_096

  @doc "The last 4 KiB of the stream so far (of which `tail` is the end) followed by `bytes`."
  @spec add(binary, binary) :: binary
  def add(_tail, bytes) when byte_size(bytes) >= @most, do: last(bytes)
  def add(tail, bytes), do: last(tail <> bytes)

  # Copies the bytes: a sub-binary would keep the whole piece of output in memory.
  defp last(bytes) when byte_size(bytes) <= @most, do: :binary.copy(bytes)
  defp last(bytes), do: bytes |> binary_part(byte_size(bytes) - @most, @most) |> :binary.copy()
end
