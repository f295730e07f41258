defmodule Lookout.Watcher.Limits do
  @moduledoc false
  # An ordered set of {limit, subscriber}: a subscriber may receive until a clock (see `Lookout.Watcher.Subscribers`)
  # reaches its limit. Pure. Each function costs O(log n), unless its doc states otherwise. `Lookout.Watcher.Subscribers` holds
  # two of them (`counts`, `rooms`) and is the only caller.

  @type limit :: non_neg_integer
  @type t :: :gb_sets.set({limit, pid})

  @spec new() :: t
  def new, do: :gb_sets.new()

  @doc "Adds a subscriber, which must not be in the set."
  @spec add(t, pid, limit) :: t
  def add(limits, pid, limit), do: :gb_sets.add({limit, pid}, limits)

  @doc "Removes a subscriber, which must be in the set with this limit."
  @spec delete(t, pid, limit) :: t
  def delete(limits, pid, limit), do: :gb_sets.delete({limit, pid}, limits)

  @spec empty?(t) :: boolean
  def empty?(limits), do: :gb_sets.is_empty(limits)

  @doc "Returns the smallest limit. If there is none: `:infinity`, which is greater than any number in the term order."
  @spec smallest(t) :: limit | :infinity
  def smallest(limits) do
    if empty?(limits), do: :infinity, else: elem(:gb_sets.smallest(limits), 0)
  end

  @doc "Returns the largest limit; -1 if there is none."
  @spec largest(t) :: limit | -1
  def largest(limits) do
    if empty?(limits), do: -1, else: elem(:gb_sets.largest(limits), 0)
  end

  @doc "Returns by how much the clock may still advance before it reaches the smallest limit."
  @spec left(t, non_neg_integer) :: non_neg_integer | :infinity
  def left(limits, clock) do
    case smallest(limits) do
      :infinity -> :infinity
      limit -> max(limit - clock, 0)
    end
  end

  @doc "Returns the subscriber with the smallest limit; there must be one."
  @spec first(t) :: pid
  def first(limits), do: elem(:gb_sets.smallest(limits), 1)

  @doc "Returns all subscribers. O(n)."
  @spec pids(t) :: [pid]
  def pids(limits), do: for({_limit, pid} <- :gb_sets.to_list(limits), do: pid)
end
