defmodule Lookout.Support.Paths do
  @moduledoc false
  # Makes the paths of users absolute. Works on bytes, since `Path.expand/1` guarantees nothing for names that are not
  # UTF-8. Pure, except that paths depend on the working and the home directory. The modules that check options, and others, call it.

  alias Lookout.Error

  @doc """
  The absolute path, without `.`, `..`, repeated or trailing slashes. `~` and `~/...` stand for the home directory. Takes a binary (raw
  bytes) or a charlist (characters). Returns `:error` for anything else, for an empty path, and for a path with a NUL byte. Raises
  `Lookout.Error` for a relative path if the working directory of the VM is gone.
  """
  @spec expand(term) :: {:ok, binary} | :error
  def expand(path) when is_binary(path) and path != "" do
    case :binary.match(path, <<0>>) do
      :nomatch -> {:ok, path |> home() |> absolute() |> collapse()}
      _found -> :error
    end
  end

  def expand([_ | _] = charlist) do
    case charlist?(charlist) and :unicode.characters_to_binary(charlist) do
      path when is_binary(path) -> expand(path)
      _not_characters -> :error
    end
  end

  def expand(_other), do: :error

  @doc "Whether a path for `expand/1` depends neither on the working directory nor on the home directory."
  @spec absolute?(binary | charlist) :: boolean
  def absolute?("/" <> _rest), do: true
  def absolute?([?/ | _rest]), do: true
  def absolute?(_relative), do: false

  @doc "Whether the term is a non-empty list of integers, which Erlang uses for paths."
  @spec charlist?(term) :: boolean
  def charlist?([_ | _] = list), do: List.improper?(list) == false and Enum.all?(list, &is_integer/1)
  def charlist?(_other), do: false

  # The limits of one request: the number of paths, and the bytes of paths. A frame may have 4 MiB, and patterns may
  # need half of it.
  @most 4_096
  @bytes 1_048_576

  @doc "Splits the paths, in order, into lists that fit into one request. Returns one empty list for no paths."
  @spec portions([binary]) :: [[binary], ...]
  def portions([]), do: [[]]
  def portions(paths), do: Enum.chunk_while(paths, {[], 0, 0}, &portion/2, &{:cont, portion(&1), nil})

  defp portion(path, {paths, count, bytes} = full) do
    if count == @most or (count > 0 and bytes + byte_size(path) > @bytes),
      do: {:cont, portion(full), {[path], 1, byte_size(path)}},
      else: {:cont, {[path | paths], count + 1, bytes + byte_size(path)}}
  end

  defp portion({paths, _count, _bytes}), do: Enum.reverse(paths)

  defp home("~"), do: System.user_home!()
  defp home("~/" <> rest), do: System.user_home!() <> "/" <> rest
  defp home(path), do: path

  defp absolute("/" <> _ = path), do: path
  defp absolute(path), do: cwd!(path) <> "/" <> path

  @doc "The working directory of the VM. Raises `Lookout.Error` if it is gone; `path` is the relative path that needs it."
  @spec cwd!(nil | binary) :: binary
  def cwd!(path \\ nil) do
    case File.cwd() do
      {:ok, directory} -> directory
      {:error, reason} -> raise %Error{reason: :bad_directory, operation: :getcwd, path: path, detail: gone(reason)}
    end
  end

  @doc "What to do if the working directory of the VM is gone."
  @spec gone(atom) :: binary
  def gone(reason) do
    "the working directory of the VM is gone (#{reason}); start the VM in one that stays, or change it with File.cd!/1"
  end

  defp collapse(path) do
    parts = path |> :binary.split("/", [:global]) |> Enum.reduce([], &step/2)
    "/" <> (parts |> Enum.reverse() |> Enum.intersperse("/") |> IO.iodata_to_binary())
  end

  defp step("", parts), do: parts
  defp step(".", parts), do: parts
  defp step("..", []), do: []
  defp step("..", [_ | parts]), do: parts
  defp step(part, parts), do: [part | parts]
end
