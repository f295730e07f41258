defmodule Lookout.Port.RequestsTest do
  use ExUnit.Case, async: true

  alias Lookout.Port.Requests

  defp open(requests, kind, deadline \\ :infinity) do
    {id, {:ask, id}, requests} = Requests.open(requests, kind, deadline, &{:ask, &1})
    {id, requests}
  end

  test "an answer closes its own request, once" do
    {one, requests} = open(%Requests{}, :one)
    {two, requests} = open(requests, :two)

    assert {:ok, :one, requests} = Requests.close(requests, one)
    assert Requests.close(requests, one) == :error
    assert Requests.kind(requests, two) == {:ok, :two}
    assert {:ok, :two, requests} = Requests.close(requests, two)
    assert Requests.empty?(requests)
  end

  test "an id is never used twice" do
    {one, requests} = open(%Requests{}, :one)
    {:ok, :one, requests} = Requests.close(requests, one)
    assert {id, _requests} = open(requests, :two)
    assert id != one
  end

  test "a successor is asked, in order, what somebody still waits for" do
    {_id, requests} = open(%Requests{}, :watch)
    {kept, requests} = open(requests, {:info, :a}, 11)
    {_id, requests} = open(requests, {:info, :b}, 10)
    {_id, requests} = open(requests, :ping)
    {forgotten, requests} = open(requests, :sync)
    {last, requests} = open(requests, :sync)

    requests = requests |> Requests.forget(forgotten) |> Requests.carry_over(10)
    assert Requests.all(requests) == [{{:info, :a}, {:ask, kept}}, {:sync, {:ask, last}}]
  end

  test "the answer to a forgotten request is still known as one" do
    {id, requests} = open(%Requests{}, :sync)
    assert {:ok, :forgotten, _requests} = requests |> Requests.forget(id) |> Requests.close(id)
  end
end
