defmodule Lookout.Watcher.RecentBatches do
  @moduledoc false
  # The last batches of a watcher, for a subscriber that continues after a batch that it names. Pure. `Lookout.Watcher.State`
  # holds it (`recent`). The server adds batches and reads them; `Lookout.Watcher.Lifecycle`, `Replies` and `Session` renew it.

  alias Lookout.Event

  @type batch :: {pos_integer, [Event.t()]}
  @type t :: %__MODULE__{
          after: non_neg_integer,
          bytes: non_neg_integer,
          batches: :queue.queue({batch, non_neg_integer})
        }

  # Bytes of the messages of `lookout_port`, of which the events hold parts.
  @most_bytes 1_048_576

  # `after`: the number of the batch before the first one here
  defstruct after: 0, bytes: 0, batches: :queue.new()

  @doc "No batch after this one yet."
  @spec new(non_neg_integer) :: t
  def new(seq \\ 0), do: %__MODULE__{after: seq}

  @doc "Adds a batch whose message had `bytes` bytes, and drops the oldest batches while all of them have too many."
  @spec add(t, batch, non_neg_integer) :: t
  def add(%__MODULE__{} = recent, batch, bytes) do
    trim(%{recent | bytes: recent.bytes + bytes, batches: :queue.in({batch, bytes}, recent.batches)})
  end

  defp trim(%{bytes: bytes} = recent) when bytes <= @most_bytes, do: recent

  defp trim(recent) do
    {{:value, {{seq, _events}, bytes}}, batches} = :queue.out(recent.batches)
    trim(%{recent | after: seq, bytes: recent.bytes - bytes, batches: batches})
  end

  @doc "Returns the batches after `seq` up to `last`; `:too_old` if some were dropped or `seq` is of another watcher."
  @spec since(t, non_neg_integer, non_neg_integer) :: {:ok, [batch]} | :too_old
  def since(%__MODULE__{} = recent, seq, last) do
    if seq >= recent.after and seq <= last,
      do:
        {:ok,
         for(
           {{number, _events} = batch, _bytes} <- :queue.to_list(recent.batches),
           number in (seq + 1)..last//1,
           do: batch
         )},
      else: :too_old
  end
end
