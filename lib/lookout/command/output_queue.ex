defmodule Lookout.Command.OutputQueue do
  @moduledoc false
  # Flow control of the output of a command: the queue of output that was not yet delivered to the owner, and the credit
  # for more. Pure: the server sends the messages and reads the length of the mailbox. `Lookout.Command.State` holds it (`flow`);
  # `Lookout.Command.Output`, `Stdin` and the server call it.
  #
  # For each stream one window, in bytes, is the sum of: the credit that `lookout_port` has left, the bytes in the
  # queue, and the bytes that were delivered and not yet granted again (`returned`).

  # The longest piece that `lookout_port` sends, and the longest that neighbours in the queue are joined to.
  @longest 65_536

  @type stream :: :stdout | :stderr
  @type item :: {stream, binary} | {:exit, term} | {:error, term} | {:raised, term}
  @type want :: :all | {:bytes, non_neg_integer} | {:messages, non_neg_integer}
  # Returns the number of messages in the mailbox of the owner.
  @type look :: (() -> non_neg_integer)

  @type t :: %__MODULE__{
          window: pos_integer,
          mailbox: pos_integer,
          want: want,
          dropping: boolean,
          queue: :queue.queue(item),
          returned: %{stream => non_neg_integer}
        }

  @enforce_keys [:window, :mailbox, :want]
  defstruct [:window, :mailbox, :want, dropping: false, queue: :queue.new(), returned: %{stdout: 0, stderr: 0}]

  @spec new(pos_integer, pos_integer, want) :: t
  def new(window, mailbox, want), do: %__MODULE__{window: window, mailbox: mailbox, want: want}

  @doc "Appends an item; output is joined to the piece of the same stream before it. A command may write single bytes."
  @spec push(t, item) :: t
  def push(%__MODULE__{} = flow, item), do: %{flow | queue: append(item, :queue.peek_r(flow.queue), flow.queue)}

  defp append({stream, bytes}, {:value, {stream, before}}, queue)
       when stream in [:stdout, :stderr] and byte_size(before) + byte_size(bytes) <= @longest,
       do: :queue.in({stream, before <> bytes}, :queue.drop_r(queue))

  defp append(item, _last, queue), do: :queue.in(item, queue)

  @doc "Allows the owner more output: `n` bytes, or the next message whatever its size."
  @spec ask(t, pos_integer | :once) :: {:ok, t} | {:error, :active}
  def ask(%__MODULE__{want: :all}, _more), do: {:error, :active}
  def ask(%__MODULE__{} = flow, :once), do: {:ok, %{flow | want: {:messages, 1}}}
  def ask(%__MODULE__{want: {:bytes, left}} = flow, n), do: {:ok, %{flow | want: {:bytes, left + n}}}
  def ask(%__MODULE__{} = flow, n), do: {:ok, %{flow | want: {:bytes, n}}}

  @doc "From here on drops output that the owner has no room for, so that nothing delays the final message."
  @spec drop(t) :: t
  def drop(%__MODULE__{} = flow), do: %{flow | dropping: true}

  @doc "Whether items are queued that the owner has not taken."
  @spec waiting?(t) :: boolean
  def waiting?(%__MODULE__{} = flow), do: not :queue.is_empty(flow.queue)

  @doc "How many items are queued."
  @spec count(t) :: non_neg_integer
  def count(%__MODULE__{} = flow), do: :queue.len(flow.queue)

  @doc "The items to deliver now. `:slow`: the mailbox of the owner is full and must be checked again later."
  @spec advance(t, look) :: {[item], :ok | :slow, t}
  def advance(%__MODULE__{} = flow, look), do: advance(flow, look, 0, [])

  # `sent` is the number of `items`.
  defp advance(flow, look, sent, items) do
    case :queue.peek(flow.queue) do
      :empty -> {Enum.reverse(items), :ok, flow}
      {:value, {stream, bytes}} when stream in [:stdout, :stderr] -> output(stream, bytes, flow, look, sent, items)
      {:value, last} -> advance(%{flow | queue: :queue.drop(flow.queue)}, look, sent + 1, [last | items])
    end
  end

  defp output(stream, bytes, flow, look, sent, items) do
    case room(flow, look, sent) do
      0 when flow.dropping -> flow |> take(stream, bytes, byte_size(bytes)) |> advance(look, sent, items)
      0 -> {Enum.reverse(items), if(flow.want == :all, do: :slow, else: :ok), flow}
      room -> hand_out(stream, bytes, min(room, byte_size(bytes)), flow, look, sent, items)
    end
  end

  defp hand_out(stream, bytes, size, flow, look, sent, items) do
    flow = flow |> take(stream, bytes, size) |> charge(size)
    advance(flow, look, sent + 1, [{stream, binary_part(bytes, 0, size)} | items])
  end

  # How many bytes the owner can take now.
  defp room(%{want: :all} = flow, look, sent), do: if(look.() + sent < flow.mailbox, do: flow.window, else: 0)
  defp room(%{want: {:bytes, left}}, _look, _sent), do: left
  defp room(%{want: {:messages, 0}}, _look, _sent), do: 0
  defp room(%{want: {:messages, _left}} = flow, _look, _sent), do: flow.window

  defp charge(%{want: {:bytes, left}} = flow, size), do: %{flow | want: {:bytes, left - size}}
  defp charge(%{want: {:messages, left}} = flow, _size), do: %{flow | want: {:messages, left - 1}}
  defp charge(flow, _size), do: flow

  defp take(flow, stream, bytes, size) do
    queue = :queue.drop(flow.queue)
    rest = binary_part(bytes, size, byte_size(bytes) - size)
    queue = if rest == "", do: queue, else: :queue.in_r({stream, rest}, queue)
    %{flow | queue: queue, returned: Map.update!(flow.returned, stream, &(&1 + size))}
  end

  @doc "The credit to grant now, in bytes for each stream: none until half the window is free."
  @spec more_credit(t) :: {[{stream, pos_integer}], t}
  def more_credit(%__MODULE__{} = flow) do
    due = for {stream, bytes} <- flow.returned, bytes * 2 >= flow.window, do: {stream, bytes}
    {due, %{flow | returned: Enum.reduce(due, flow.returned, fn {stream, _}, all -> %{all | stream => 0} end)}}
  end
end
