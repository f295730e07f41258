defmodule Lookout.Support.StartHandshake do
  @moduledoc false
  # The start of a server that can fail: the caller blocks until the server runs, or gets an error. Both sides are here. The
  # servers of watchers, commands and runners call it.
  #
  # The server does the work of its start after init/1, in handle_continue/2. An init/1 that fails affects a linked
  # caller differently in different releases of OTP. The server keeps a `t` in its state.

  alias Lookout.{Error, Group}
  alias Lookout.Support.SafeCall

  @enforce_keys [:parent]
  defstruct [:parent, caller: :unasked, failure: nil]

  @type t :: %__MODULE__{
          # the linked process that started the server; nil without a link
          parent: nil | pid,
          # the state of the call :await_start: not received yet; waiting for a reply; replied :ok; replied an error
          caller: :unasked | GenServer.from() | :answered | :refused,
          failure: nil | Error.t()
        }

  ## The caller

  @doc """
  Starts a server, linked to the caller, under the name in its options and with `{options, caller}` as the argument of `init/1`, and waits
  until it runs. If the start fails, calls `failed` with the pid after the server has exited.
  """
  @spec start_link(module, %{:name => nil | GenServer.name(), optional(atom) => term}, (pid -> term)) ::
          {:ok, pid} | {:error, Error.t() | {:already_started, pid}}
  def start_link(module, %{name: name} = options, failed \\ fn _pid -> :ok end) do
    with {:ok, name} <- Group.start_name(name),
         {:ok, pid} <- GenServer.start_link(module, {options, self()}, if(name, do: [name: name], else: [])),
         {:error, error} <- await(pid) do
      failed.(pid)
      {:error, error}
    end
  end

  @doc "The same without a link and a name, with `{options, nil}` as the argument of `init/1`."
  @spec start(module, map) :: {:ok, pid} | {:error, Error.t()}
  def start(module, options) do
    with {:ok, pid} <- GenServer.start(module, {options, nil}), do: await(pid)
  end

  # If the start fails, waits until the server has exited, so that its name is free on return.
  defp await(pid) do
    with {:error, error} <- SafeCall.wait(pid, :await_start, :infinity, :start_link) do
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

  # The functions below take and return the state of the server, which has a `t` in its field `start`.
  @typep state :: %{:start => t, optional(atom) => term}

  @doc "Handles the call `:await_start`. `runs`: whether the server is already running."
  @spec asked(state, GenServer.from(), boolean) :: struct
  def asked(%{start: start} = state, from, runs), do: %{state | start: ask(start, from, runs)}

  defp ask(%{failure: %Error{}} = start, from, _runs), do: refuse(start, from)
  defp ask(start, from, true), do: answer(start, from)
  defp ask(start, from, false), do: %{start | caller: from}

  @doc "The server is running: replies to the caller if it waits. A later call is handled by `asked/3`."
  @spec done(state) :: struct
  def done(%{start: %{caller: from} = start} = state) when is_tuple(from), do: %{state | start: answer(start, from)}
  def done(state), do: state

  @doc "The start has failed: replies the error to the caller if it waits. A later call is handled by `asked/3`."
  @spec failed(state, Error.t()) :: struct
  def failed(%{start: start} = state, error), do: %{state | start: fail(%{start | failure: error})}

  defp fail(%{caller: from} = start) when is_tuple(from), do: refuse(start, from)
  defp fail(start), do: start

  defp answer(start, from) do
    GenServer.reply(from, :ok)
    %{start | caller: :answered}
  end

  # Unlinks the parent first, so that it gets the error and no exit signal.
  defp refuse(start, from) do
    if start.parent, do: Process.unlink(start.parent)
    GenServer.reply(from, {:error, start.failure})
    %{start | caller: :refused}
  end

  @doc "The return value of a callback after `asked/3` and `failed/2`: stops the server if the caller got an error."
  @spec next(state) :: {:noreply, struct} | {:stop, :normal, struct}
  def next(%{start: %{caller: :refused}} = state), do: {:stop, :normal, state}
  def next(state), do: {:noreply, state}
end
