defmodule Lookout.Support.Sealed do
  @moduledoc false
  # Hides secret values (environment, input, frames) from logs, crash reports and `:sys.get_status/1`. A sealed value is
  # a function that returns the value: an inspected function shows only its module and number. It has no state: the modules that
  # seal a value keep it.

  @type t(value) :: (() -> value)

  @spec seal(value) :: t(value) when value: var
  def seal(value), do: fn -> value end

  @spec open(t(value)) :: value when value: var
  def open(sealed) when is_function(sealed, 0), do: sealed.()

  # The options that hold secrets.
  @secret [:env, :input]

  @doc "Seals the secrets among options. A function without arguments is already sealed."
  @spec options(keyword) :: keyword
  def options(options) do
    for {key, value} <- options do
      if key in @secret and not is_function(value, 0), do: {key, seal(value)}, else: {key, value}
    end
  end

  @doc "The description in an error message of a value that may be, or contain, a secret: its type and size."
  @spec describe(term) :: binary
  def describe(atom) when is_atom(atom), do: inspect(atom)
  def describe(binary) when is_binary(binary), do: "a binary of #{byte_size(binary)} bytes"
  def describe(bits) when is_bitstring(bits), do: "a bitstring"
  def describe(integer) when is_integer(integer), do: "an integer"
  def describe(float) when is_float(float), do: "a float"
  def describe(list) when is_list(list), do: "a list"
  def describe(%module{}), do: "a struct of #{inspect(module)}"
  def describe(map) when is_map(map), do: "a map of #{map_size(map)} pairs"
  def describe(tuple) when is_tuple(tuple), do: "a tuple of #{tuple_size(tuple)} elements"
  def describe(function) when is_function(function), do: "a function"
  def describe(_other), do: "a pid, port or reference"
end
