defmodule Lookout.OsProcess do
  @moduledoc false
  # Processes of the operating system as /proc shows them. Process ids are text.

  @doc """
  The guardian of a command and its `lookout_port`; nil where one of them is gone. `os_pid`: of any process of the command.

  The parent of a command is not always its guardian: the process that launched it has the guardian's name, and may take a moment to end.
  """
  @spec guards(binary) :: {guardian :: binary, program :: binary} | nil
  def guards(os_pid) do
    parent = parent(os_pid)

    cond do
      parent == nil -> nil
      name(parent) == "lookout_port" -> {os_pid, parent}
      true -> guards(parent)
    end
  end

  @doc "nil where it is gone, or has no parent here."
  @spec parent(binary) :: binary | nil
  def parent(os_pid) do
    with {:ok, stat} <- File.read("/proc/#{os_pid}/stat"),
         [_state, parent | _rest] when parent != "0" <- stat |> String.split(") ") |> List.last() |> String.split() do
      parent
    else
      _gone -> nil
    end
  end

  @doc "The name of its program, or what it calls itself."
  @spec name(binary) :: binary
  def name(os_pid) do
    case File.read("/proc/#{os_pid}/comm") do
      {:ok, name} -> String.trim(name)
      {:error, _gone} -> "gone"
    end
  end
end
