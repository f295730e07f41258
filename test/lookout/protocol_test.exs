defmodule Lookout.ProtocolTest do
  use ExUnit.Case, async: true

  alias Lookout.{Entry, Error, Event, Protocol}

  defp decode(term), do: term |> :erlang.term_to_binary() |> Protocol.decode()

  # The blocks ```frame of the document: a term, then its frame in hex.
  @document Path.expand("../../docs/protocol.md", __DIR__)
  @examples (for [_all, term, hex] <- Regex.scan(~r/^```frame\n(.+)\n([0-9a-f \n]+)```$/m, File.read!(@document)) do
               {term, hex |> String.replace(~r/\s/, "") |> Base.decode16!(case: :lower)}
             end)

  test "the document has an example frame of each message" do
    shown = for {term, _frame} <- @examples, uniq: true, do: term |> Code.eval_string() |> elem(0) |> elem(0)

    for tag <-
          ~w(hello watch unwatch sync list info ping credit reply entries events notice fatal)a ++
            ~w(spawn stdin close_stdin signal stop resize read stdout stderr stdin_taken stdin_closed exit)a do
      assert tag in shown
    end
  end

  for {{term, frame}, number} <- Enum.with_index(@examples, 1) do
    test "example frame #{number} of the document is the term it shows: #{String.slice(term, 0, 60)}" do
      {term, []} = Code.eval_string(unquote(term))
      <<size::32, payload::binary>> = unquote(frame)

      assert byte_size(payload) == size
      assert :erlang.binary_to_term(payload) == term

      if elem(term, 0) in ~w(hello reply entries events notice fatal stdout stderr stdin_taken stdin_closed exit)a,
        do: assert(elem(Protocol.decode(payload), 0) == elem(term, 0)),
        else: assert(:erlang.binary_to_term(Protocol.encode(term)) == term)
    end
  end

  test "events become structs" do
    assert decode({:events, 3, [{:created, :file, "/a"}, {:renamed, :symlink, "/b", "/c"}]}) ==
             {:events, 3,
              [
                %Event{change: :created, type: :file, path: "/a", from: nil},
                %Event{change: :renamed, type: :symlink, path: "/b", from: "/c"}
              ]}
  end

  test "errors become structs" do
    error = %Error{reason: :enoent, operation: :open, path: "/a", detail: "why"}
    assert decode({:reply, 1, {:error, {:enoent, :open, "/a", "why"}}}) == {:reply, 1, {:error, error}}
    assert decode({:fatal, {:enoent, :open, "/a", "why"}}) == {:fatal, error}
  end

  test "entries have their look at the disk only when there was one" do
    assert Protocol.entry({:file, "/a", 7}) == %Entry{type: :file, path: "/a", inode: 7}

    assert Protocol.entry({:file, "/a", 7, 1, -2, 3}) ==
             %Entry{type: :file, path: "/a", inode: 7, size: 1, mtime: -2, mode: 3}
  end

  test "an errno that this VM has not heard of is no garbage" do
    name = "e_unheard_of_#{System.unique_integer([:positive])}"
    atom = <<131, 104, 3, 119, 5, "reply", 97, 1, 104, 2, 119, 5, "error", 104, 4>>
    payload = atom <> <<119, byte_size(name), name::binary, 119, 4, "open", 109, 0::32, 109, 0::32>>
    assert {:reply, 1, {:error, %Error{reason: reason}}} = Protocol.decode(payload)
    assert Atom.to_string(reason) == name
  end

  test "what is no message is garbage, whatever it is" do
    for bad <- [
          "",
          "text",
          <<131>>,
          <<131, 104, 255>>,
          <<131, 108, 0xFFFFFFFF::32>>,
          :crypto.hash(:sha512, "x")
        ] do
      assert {:garbage, detail} = Protocol.decode(bad)
      assert String.printable?(detail)
    end

    for bad <- [
          :hello,
          {:hello, "1", "0"},
          {:events, 1, []},
          {:events, 1, :none},
          {:events, 1, [{:created, :file}]},
          {:events, 1, [:a | :b]},
          {:reply, 1, :maybe},
          {:reply, 1, {:error, :enoent}},
          {:entries, 1, nil},
          {:fatal, "why"},
          {:stdout, :text},
          {:stdin_taken, 0},
          {:stdin_closed, "why"},
          {:exit, 256},
          {:exit, {:signal, 9}}
        ] do
      assert {:garbage, _detail} = decode(bad)
    end
  end

  test "P3: the events of a batch share what they have in common" do
    batch = for n <- 1..100, do: {:created, :file, "/a/#{n}"}
    assert {:events, 1, events} = Protocol.decode(:erlang.term_to_binary({:events, 1, batch}))
    # Words for each: a cell of the list, the map without its keys, and the path.
    assert :erts_debug.size(events) < 100 * (2 + 8 + :erts_debug.flat_size("/a/100")) + 20
  end
end
