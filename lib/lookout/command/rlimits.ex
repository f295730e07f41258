defmodule Lookout.Command.Rlimits do
  @moduledoc false
  # The resource limits (setrlimit(2)) of a command, in the form of the request `:spawn`. It has no state;
  # `Lookout.Command.Options` calls it.

  alias Lookout.Error

  @type amount :: non_neg_integer | :infinity
  @type t :: {name :: atom, soft :: amount, hard :: amount}

  @names ~w(as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack)a

  @doc """
  Checks pairs of a name and a value: an amount, which becomes both limits, or `{soft, hard}`. Returns an error instead of raising,
  since the pairs may come from data.
  """
  @spec parse([{term, term}]) :: {:ok, [t]} | {:error, Error.t()}
  def parse(pairs) do
    case Enum.find(pairs, &(limit(&1) == :error)) do
      nil -> {:ok, Enum.map(pairs, &limit/1)}
      pair -> {:error, bad(pair)}
    end
  end

  defp limit({name, {soft, hard}}) when name in @names do
    if amount?(soft) and amount?(hard) and at_most?(soft, hard), do: {name, soft, hard}, else: :error
  end

  defp limit({_name, value}) when is_tuple(value), do: :error
  defp limit({name, value}), do: limit({name, {value, value}})

  defp amount?(:infinity), do: true
  defp amount?(amount), do: is_integer(amount) and amount in 0..0x7FFF_FFFF_FFFF_FFFF

  # In the term order of Erlang the atom :infinity is greater than any integer.
  defp at_most?(soft, hard), do: soft <= hard

  defp bad(pair) do
    names = Enum.map_join(@names, ", ", &inspect/1)

    %Error{
      reason: :bad_limit,
      operation: :spawn,
      detail:
        "expected a limit of #{names} with a number, :infinity or {soft, hard} where soft is not above hard, " <>
          "got: #{inspect(pair)}"
    }
  end
end
