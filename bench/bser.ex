defmodule Lookout.Bench.Bser do
  @moduledoc false
  # What watchman answers in its own encoding (BSER, version 1): in JSON it cannot tell names that are not UTF-8. A string is
  # a binary, an object a map.

  def decode!(<<0, 1, rest::binary>>) do
    {_size, rest} = value(rest)
    {term, _rest} = value(rest)
    term
  end

  defp value(<<0, rest::binary>>) do
    {count, rest} = value(rest)
    many(rest, count, &value/1)
  end

  defp value(<<1, rest::binary>>) do
    {count, rest} = value(rest)
    {pairs, rest} = many(rest, count, &pair/1)
    {Map.new(pairs), rest}
  end

  defp value(<<2, rest::binary>>) do
    {size, rest} = value(rest)
    :erlang.split_binary(rest, size)
  end

  defp value(<<3, number::8-signed-native, rest::binary>>), do: {number, rest}
  defp value(<<4, number::16-signed-native, rest::binary>>), do: {number, rest}
  defp value(<<5, number::32-signed-native, rest::binary>>), do: {number, rest}
  defp value(<<6, number::64-signed-native, rest::binary>>), do: {number, rest}
  defp value(<<7, number::64-float-native, rest::binary>>), do: {number, rest}
  defp value(<<8, rest::binary>>), do: {true, rest}
  defp value(<<9, rest::binary>>), do: {false, rest}
  # Null, and what an object of a template does not have.
  defp value(<<code, rest::binary>>) when code in [10, 12], do: {nil, rest}

  # A template: the keys once, then the values of each object.
  defp value(<<11, rest::binary>>) do
    {keys, rest} = value(rest)
    {count, rest} = value(rest)

    many(rest, count, fn rest ->
      {values, rest} = many(rest, length(keys), &value/1)
      {Map.new(Enum.zip(keys, values)), rest}
    end)
  end

  defp pair(rest) do
    {key, rest} = value(rest)
    {value, rest} = value(rest)
    {{key, value}, rest}
  end

  defp many(rest, count, fun), do: Enum.map_reduce(List.duplicate(nil, count), rest, fn nil, rest -> fun.(rest) end)
end
