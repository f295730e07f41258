defmodule Lookout.Command.StdinQueue do
  @moduledoc false
  # The queue of writes to standard input of a command. Pure: the server sends the frames and replies to the writers.
  # `Lookout.Command.State` holds it (`input`), and `Lookout.Command.Stdin` calls it.
  #
  # At most one window of bytes is sent and not yet read by the command, so a command that does not read costs no more
  # memory than that window and the queued writes. Each operation costs O(log n) in the number of writes, unless its doc states
  # otherwise.

  alias Lookout.Support.Sealed

  @window 262_144
  @chunk 65_536

  @type writer :: term
  @type state :: :open | :closing | :closed | :broken
  @typep write :: {writer, size :: non_neg_integer, left :: non_neg_integer, Sealed.t(binary)}
  @type t :: %__MODULE__{
          free: non_neg_integer,
          state: state,
          queue: :gb_trees.tree(pos_integer, write),
          numbers: %{writer => pos_integer},
          last: non_neg_integer,
          closer: nil | writer
        }
  @type progress :: %{size: non_neg_integer, taken: non_neg_integer, on_its_way: non_neg_integer}
  @type action :: {:send, binary} | {:done, writer} | {:close, writer}

  defstruct free: @window,
            state: :open,
            # the writes by their number, the number of each writer, and the last number
            queue: :gb_trees.empty(),
            numbers: %{},
            last: 0,
            closer: nil

  @doc "`:closed`: the command has no standard input."
  @spec new(:open | :closed) :: t
  def new(state), do: %__MODULE__{state: state}

  @spec write(t, writer, binary) :: {:ok, [action], t} | {:error, :closed | :epipe}
  def write(%__MODULE__{state: :open} = input, writer, bytes) do
    number = input.last + 1
    queue = :gb_trees.insert(number, {writer, byte_size(bytes), byte_size(bytes), Sealed.seal(bytes)}, input.queue)
    pump(%{input | queue: queue, numbers: Map.put(input.numbers, writer, number), last: number})
  end

  def write(%__MODULE__{state: :broken}, _writer, _bytes), do: {:error, :epipe}
  def write(%__MODULE__{}, _writer, _bytes), do: {:error, :closed}

  @doc "Closes standard input after the queued writes. Done at once if it is already closed."
  @spec close(t, writer) :: {:ok, [action], t}
  def close(%__MODULE__{state: :open} = input, closer), do: pump(%{input | state: :closing, closer: closer})
  def close(%__MODULE__{} = input, closer), do: {:ok, [{:done, closer}], input}

  @doc "The command has read `bytes` bytes of what was sent."
  @spec taken(t, pos_integer) :: {:ok, [action], t}
  def taken(%__MODULE__{} = input, bytes), do: pump(%{input | free: input.free + bytes})

  @doc """
  The command has closed its standard input: returns the writers whose bytes were not all sent, and the process that waits for the
  close. O(n).
  """
  @spec broken(t) :: {[writer], t}
  def broken(%__MODULE__{} = input) do
    writers = for {writer, _size, _left, _bytes} <- :gb_trees.values(input.queue), do: writer
    closers = if input.closer, do: [input.closer], else: []
    {writers ++ closers, %{input | state: :broken, queue: :gb_trees.empty(), numbers: %{}, closer: nil}}
  end

  @doc "The writer has given up: drops the bytes of its write that were not sent."
  @spec withdraw(t, writer) :: {:ok, [action], t}
  def withdraw(%__MODULE__{} = input, writer), do: pump(drop(input, writer))

  @doc "Whether the write is still queued."
  @spec waiting?(t, writer) :: boolean
  def waiting?(%__MODULE__{} = input, writer), do: is_map_key(input.numbers, writer)

  @doc "How many writes are queued."
  @spec count(t) :: non_neg_integer
  def count(%__MODULE__{} = input), do: map_size(input.numbers)

  @doc """
  The progress of a queued write, in bytes: read by the command (`taken`), and sent but not yet read (`on_its_way`). The bytes that are
  sent but not read are the last ones that were sent, so they belong to the first write of the queue.
  """
  @spec progress(t, writer) :: progress
  def progress(%__MODULE__{} = input, writer) do
    {_writer, size, left, _bytes} = :gb_trees.get(input.numbers[writer], input.queue)
    on_its_way = min(size - left, @window - input.free)
    %{size: size, taken: size - left - on_its_way, on_its_way: on_its_way}
  end

  defp pump(input), do: pump(input, [])

  defp pump(input, actions) do
    case first(input.queue) do
      {_number, {writer, _size, 0, _bytes}} ->
        pump(drop(input, writer), [{:done, writer} | actions])

      {number, write} when input.free > 0 ->
        send_part(input, number, write, actions)

      {_number, _waiting} ->
        {:ok, Enum.reverse(actions), input}

      nil ->
        {:ok, Enum.reverse(closing(input, actions)), closed(input)}
    end
  end

  defp first(queue), do: if(:gb_trees.is_empty(queue), do: nil, else: :gb_trees.smallest(queue))

  defp drop(input, writer) do
    {number, numbers} = Map.pop!(input.numbers, writer)
    %{input | queue: :gb_trees.delete(number, input.queue), numbers: numbers}
  end

  defp send_part(input, number, {writer, size, left, bytes}, actions) do
    sent = left |> min(@chunk) |> min(input.free)
    {part, rest} = bytes |> Sealed.open() |> :erlang.split_binary(sent)
    queue = :gb_trees.update(number, {writer, size, left - sent, Sealed.seal(rest)}, input.queue)
    pump(%{input | queue: queue, free: input.free - sent}, [{:send, part} | actions])
  end

  defp closing(%{state: :closing} = input, actions), do: [{:close, input.closer} | actions]
  defp closing(_input, actions), do: actions

  defp closed(%{state: :closing} = input), do: %{input | state: :closed, closer: nil}
  defp closed(input), do: input
end
