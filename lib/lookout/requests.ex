defmodule Lookout.Requests do
  @moduledoc false
  # The requests that the program has not answered. Pure. Each is kept with its term, so that it can
  # be sent again to the program's successor.

  alias Lookout.{Protocol, Sealed}

  # What the answer is for: the watcher's own word, opaque here but for :watch, :ping and :forgotten.
  @type kind :: atom | tuple
  @type deadline :: integer | :infinity
  @type t :: %__MODULE__{next: Protocol.id(), open: %{Protocol.id() => {kind, Sealed.t(tuple), deadline}}}

  defstruct next: 1, open: %{}

  @doc "Opens a request; `build` makes its term from the id. Past `deadline` nobody waits for it any more."
  @spec open(t, kind, deadline, (Protocol.id() -> tuple)) :: {Protocol.id(), tuple, t}
  def open(%__MODULE__{next: id} = requests, kind, deadline, build) do
    term = build.(id)
    {id, term, %{requests | next: id + 1, open: Map.put(requests.open, id, {kind, Sealed.seal(term), deadline})}}
  end

  @doc "Closes the request that was answered and tells its kind; `:error` if there is none such."
  @spec close(t, term) :: {:ok, kind, t} | :error
  def close(%__MODULE__{} = requests, id) do
    case Map.pop(requests.open, id) do
      {nil, _open} -> :error
      {{kind, _term, _deadline}, open} -> {:ok, kind, %{requests | open: open}}
    end
  end

  @doc "The term of an open request."
  @spec term(t, term) :: {:ok, tuple} | :error
  def term(%__MODULE__{open: open}, id) do
    case open do
      %{^id => {_kind, term, _deadline}} -> {:ok, Sealed.open(term)}
      _answered -> :error
    end
  end

  @doc "The kind of an open request."
  @spec kind(t, term) :: {:ok, kind} | :error
  def kind(%__MODULE__{open: open}, id) do
    case open do
      %{^id => {kind, _term, _deadline}} -> {:ok, kind}
      _answered -> :error
    end
  end

  @doc "Nobody waits for the answer any more; `kind` says what is done when it comes."
  @spec forget(t, Protocol.id(), kind) :: t
  def forget(%__MODULE__{open: open} = requests, id, kind \\ :forgotten) do
    case open do
      %{^id => {_kind, term, deadline}} ->
        %{requests | open: Map.put(open, id, {kind, term, deadline})}

      _answered ->
        requests
    end
  end

  @doc "The program is gone: keeps what its successor must still be asked."
  @spec carry_over(t, integer) :: t
  def carry_over(%__MODULE__{open: open} = requests, now) do
    kept = for {id, request} <- open, carried?(request, now), into: %{}, do: {id, request}
    %{requests | open: kept}
  end

  @doc "Kind and term of each open request, oldest first."
  @spec all(t) :: [{kind, tuple}]
  def all(%__MODULE__{open: open}) do
    for {_id, {kind, term, _deadline}} <- Enum.sort_by(open, &elem(&1, 0)), do: {kind, Sealed.open(term)}
  end

  @spec empty?(t) :: boolean
  def empty?(%__MODULE__{open: open}), do: open == %{}

  defp carried?({kind, _term, _deadline}, _now) when kind in [:watch, :ping, :forgotten], do: false
  defp carried?({_kind, _term, :infinity}, _now), do: true
  defp carried?({_kind, _term, deadline}, now), do: deadline > now
end
