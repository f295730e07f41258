defmodule Lookout.Start do
  @moduledoc false
  # The start of a server that may fail, on both sides: the caller waits until the server runs, and gets an error where
  # it cannot.
  #
  # The work of a start is done in the running server, not in init: how init may fail without harm to a caller that is
  # linked differs between releases of OTP. The server keeps a `t` in its state.

  alias Lookout.{Client, Error}

  @enforce_keys [:parent]
  defstruct [:parent, caller: :unasked, failure: nil]

  @type t :: %__MODULE__{
          # linked; nil without a link
          parent: nil | pid,
          # has not asked yet; waits; has heard that the server runs, or that it does not
          caller: :unasked | GenServer.from() | :answered | :refused,
          failure: nil | Error.t()
        }

  ## The caller

  @doc """
  Starts a process under the name in its options, linked to the caller, with `{options, caller}` for its `init`, and waits until
  it runs. `failed` is called with the pid of one that is gone without having run.
  """
  @spec start_link(module, %{:name => nil | GenServer.name(), optional(atom) => term}, (pid -> term)) ::
          {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(module, %{name: name} = options, failed \\ fn _pid -> :ok end) do
    named = if name, do: [name: name], else: []

    with {:ok, pid} <- GenServer.start_link(module, {options, self()}, named),
         {:error, error} <- await(pid) do
      failed.(pid)
      {:error, error}
    end
  end

  @doc "The same without a link and a name, with `{options, nil}` for its `init`."
  @spec start(module, map) :: {:ok, pid} | {:error, Error.t()}
  def start(module, options) do
    with {:ok, pid} <- GenServer.start(module, {options, nil}), do: await(pid)
  end

  # One that fails is gone, and its name free, on return.
  defp await(pid) do
    with {:error, error} <- Client.wait(pid, :await_start, :infinity, :start_link) do
      ref = :erlang.monitor(:process, pid)

      receive do
        {:DOWN, ^ref, :process, ^pid, _reason} -> {:error, error}
      end
    else
      :ok -> {:ok, pid}
    end
  end

  ## The server

  @spec new(nil | pid) :: t
  def new(parent), do: %__MODULE__{parent: parent}

  @doc "The call `:await_start`. `runs`: whether the server does already what it was started for."
  @spec asked(t, GenServer.from(), boolean) :: t
  def asked(%{failure: %Error{}} = start, from, _runs), do: refuse(start, from)
  def asked(start, from, true), do: answer(start, from)
  def asked(start, from, false), do: %{start | caller: from}

  @doc "The server runs. A caller that has not asked yet is answered when it does."
  @spec done(t) :: t
  def done(%{caller: from} = start) when is_tuple(from), do: answer(start, from)
  def done(start), do: start

  @doc "The server cannot run. A caller that has not asked yet is refused when it does."
  @spec failed(t, Error.t()) :: t
  def failed(%{caller: from} = start, error) when is_tuple(from), do: refuse(%{start | failure: error}, from)
  def failed(start, error), do: %{start | failure: error}

  defp answer(start, from) do
    GenServer.reply(from, :ok)
    %{start | caller: :answered}
  end

  # The caller lives on, whether it traps exits or not: it has its error.
  defp refuse(start, from) do
    if start.parent, do: Process.unlink(start.parent)
    GenServer.reply(from, {:error, start.failure})
    %{start | caller: :refused}
  end

  @doc "What a callback of the server returns after `asked/3` and `failed/2`: it ends where the caller was refused."
  @spec next(%{:start => t, optional(atom) => term}) :: {:noreply, struct} | {:stop, :normal, struct}
  def next(%{start: %{caller: :refused}} = state), do: {:stop, :normal, state}
  def next(state), do: {:noreply, state}
end
