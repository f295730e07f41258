defmodule Lookout.Support.Platform do
  @moduledoc false
  # Checks the operating system: Lookout works on Linux. On others the native part is not built, and each start returns
  # an error. It has no state. `Lookout`, `Lookout.Runner`, `Lookout.Port.Program`, the doctor, the fallback of
  # `Lookout.FileSystem` and the build call it.
  #
  # Tests override `:os.type/0` with `config :lookout, os_type: {family, name}`.

  alias Lookout.Error

  @type os_type :: {atom, atom}

  @spec os_type() :: os_type
  def os_type, do: Application.get_env(:lookout, :os_type) || :os.type()

  @spec supported?() :: boolean
  def supported?, do: os_type() == {:unix, :linux}

  @doc "Whether a build with these environment variables is for a system on which Lookout works."
  @spec target_supported?(%{optional(binary) => binary}) :: boolean
  def target_supported?(environment) do
    # A cross build, such as that of Nerves on macOS, is for Linux.
    supported?() or is_map_key(environment, "CMAKE_TOOLCHAIN_FILE") or
      Map.get(environment, "MIX_TARGET", "host") not in ["", "host"]
  end

  @doc "`:ok` on Linux, else the error `:unsupported_system` of the operation."
  @spec check(atom) :: :ok | {:error, Error.t()}
  def check(operation) do
    if supported?(), do: :ok, else: {:error, error(operation)}
  end

  defp error(operation) do
    detail = "Lookout needs Linux, and this system is #{name()}; #{advice(operation)}"
    %Error{reason: :unsupported_system, operation: operation, detail: detail}
  end

  defp advice(:run) do
    "run this in Linux (a container, a virtual machine, WSL 2), or run the command by System.cmd/3 or a port here"
  end

  defp advice(_watch) do
    "run this in Linux (a container, a virtual machine, WSL 2), start it only where Lookout.supported?/0 is true, " <>
      "or use Lookout.FileSystem with the package file_system here"
  end

  @doc "The name of the operating system, for messages."
  @spec name() :: binary
  def name do
    case os_type() do
      {:unix, :linux} -> "Linux"
      {:unix, :darwin} -> "macOS"
      {:unix, :freebsd} -> "FreeBSD"
      {:unix, :openbsd} -> "OpenBSD"
      {:unix, :netbsd} -> "NetBSD"
      {:win32, _version} -> "Windows"
      {family, name} -> "#{name} (#{family})"
    end
  end
end
