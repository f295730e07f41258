defmodule Lookout.Doctor.Check do
  @moduledoc false
  # One check of `mix lookout.doctor`: its name, its status, a text, and an advice if something is missing. Pure. `Lookout.Doctor`
  # makes them, returns them and prints their lines.

  @typedoc "`:note`: Lookout works with restrictions. `:missing`: a part of it does not work."
  @type status :: :ok | :note | :missing

  @type t :: %__MODULE__{status: status, name: binary, text: binary, advice: nil | binary}

  @enforce_keys [:status, :name, :text]
  defstruct [:status, :name, :text, :advice]

  @spec ok(binary, binary) :: t
  def ok(name, text), do: %__MODULE__{status: :ok, name: name, text: text}

  @spec note(binary, binary, binary) :: t
  def note(name, text, advice), do: %__MODULE__{status: :note, name: name, text: text, advice: advice}

  @spec missing(binary, binary, binary) :: t
  def missing(name, text, advice), do: %__MODULE__{status: :missing, name: name, text: text, advice: advice}

  @doc "The printed lines. Escapes control characters in foreign names, so that they cannot garble a terminal."
  @spec lines(t) :: iodata
  def lines(%__MODULE__{} = check) do
    [pad(check.status), plain(check.name), ": ", plain(check.text), ?\n | advice(check.advice)]
  end

  defp advice(nil), do: []
  defp advice(advice), do: [String.duplicate(" ", 9), "-> ", plain(advice), ?\n]

  defp pad(status), do: status |> Atom.to_string() |> String.pad_trailing(9)

  defp plain(text) do
    if String.printable?(text) and not (text =~ ~r/\p{Cc}/u),
      do: text,
      else: text |> inspect(binaries: :as_strings, printable_limit: :infinity) |> String.slice(1..-2//1)
  end
end
