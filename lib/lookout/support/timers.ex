defmodule Lookout.Support.Timers do
  @moduledoc false
  # Named timers of one process. A timer fires as the message `{:timeout, ref, {owner, tag}}`. The state of a server, or a struct
  # in it, holds it in a field `timers`, `expiries` or `cursor_timers`.

  @type t :: %__MODULE__{owner: atom, running: %{term => reference}}

  @enforce_keys [:owner]
  defstruct [:owner, running: %{}]

  @doc "`owner` distinguishes several sets of timers in one process."
  @spec new(atom) :: t
  def new(owner), do: %__MODULE__{owner: owner}

  @doc "Starts a timer, unless the timer with this tag is already running; `:infinity` starts none."
  @spec start(t, term, timeout) :: t
  def start(%__MODULE__{} = timers, _tag, :infinity), do: timers
  def start(%__MODULE__{running: running} = timers, tag, _ms) when is_map_key(running, tag), do: timers

  def start(%__MODULE__{running: running} = timers, tag, ms) do
    %{timers | running: Map.put(running, tag, :erlang.start_timer(ms, self(), {timers.owner, tag}))}
  end

  @spec cancel(t, term) :: t
  def cancel(%__MODULE__{running: running} = timers, tag) when is_map_key(running, tag) do
    {ref, running} = Map.pop!(running, tag)
    :erlang.cancel_timer(ref)
    %{timers | running: running}
  end

  def cancel(%__MODULE__{} = timers, _tag), do: timers

  @doc "As `cancel/2`. Also returns the milliseconds that the timer had left; nil if it was not running."
  @spec pause(t, term) :: {nil | non_neg_integer, t}
  def pause(%__MODULE__{running: running} = timers, tag) do
    case Map.pop(running, tag) do
      {nil, _running} -> {nil, timers}
      # Its message may be in the mailbox already.
      {ref, running} -> {:erlang.cancel_timer(ref) || 0, %{timers | running: running}}
    end
  end

  @spec cancel_all(t) :: t
  def cancel_all(%__MODULE__{running: running} = timers) do
    Enum.reduce(Map.keys(running), timers, &cancel(&2, &1))
  end

  @doc "Records that a timer has fired; `:stale` if it was cancelled while its message was already in the mailbox."
  @spec fired(t, term, reference) :: {:ok, t} | :stale
  def fired(%__MODULE__{running: running} = timers, tag, ref) do
    case running do
      %{^tag => ^ref} -> {:ok, %{timers | running: Map.delete(running, tag)}}
      _other -> :stale
    end
  end
end
