defmodule Lookout.Port.Requests do
  @moduledoc false
  # The open requests: those that `lookout_port` has not replied to. Pure. Each is stored with its term, so that it can
  # be sent again to a restarted `lookout_port`. `Lookout.Port.Program` holds it in its field `requests` and is the only caller.

  alias Lookout.Port.Protocol
  alias Lookout.Support.Sealed

  # What the reply is for. The watcher or command chooses the term; only :watch, :ping and :forgotten have a meaning
  # here.
  @type kind :: atom | tuple
  @type deadline :: integer | :infinity
  @type t :: %__MODULE__{next: Protocol.id(), open: %{Protocol.id() => {kind, Sealed.t(tuple), deadline}}}

  defstruct next: 1, open: %{}

  @doc "Opens a request; `build` makes its term from the id. Past `deadline` it is not sent to a restarted `lookout_port` any more."
  @spec open(t, kind, deadline, (Protocol.id() -> tuple)) :: {Protocol.id(), tuple, t}
  def open(%__MODULE__{next: id} = requests, kind, deadline, build) do
    term = build.(id)
    {id, term, %{requests | next: id + 1, open: Map.put(requests.open, id, {kind, Sealed.seal(term), deadline})}}
  end

  @doc "Closes the request that a reply belongs to and returns its kind; `:error` if no request with this id is open."
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

  @doc "The caller of the request has given up; the new `kind` selects how the reply is handled when it arrives."
  @spec forget(t, Protocol.id(), kind) :: t
  def forget(%__MODULE__{open: open} = requests, id, kind \\ :forgotten) do
    case open do
      %{^id => {_kind, term, deadline}} ->
        %{requests | open: Map.put(open, id, {kind, term, deadline})}

      _answered ->
        requests
    end
  end

  @doc "`lookout_port` has ended: keeps the requests that must be sent to the restarted one."
  @spec carry_over(t, integer) :: t
  def carry_over(%__MODULE__{open: open} = requests, now) do
    kept = for {id, request} <- open, carried?(request, now), into: %{}, do: {id, request}
    %{requests | open: kept}
  end

  @doc "Closes all open requests, and returns the id and kind of each, oldest first."
  @spec abandon(t) :: {[{Protocol.id(), kind}], t}
  def abandon(%__MODULE__{open: open} = requests) do
    {for({id, {kind, _term, _deadline}} <- Enum.sort_by(open, &elem(&1, 0)), do: {id, kind}), %{requests | open: %{}}}
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
