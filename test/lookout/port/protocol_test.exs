defmodule Lookout.Port.ProtocolTest do
  use ExUnit.Case, async: true

  alias Lookout.{Entry, Error, Event}
  alias Lookout.Port.Protocol

  defp decode(term), do: term |> :erlang.term_to_binary() |> Protocol.decode()

  # The blocks ```frame of the document: a term, then its frame in hex.
  @document Path.expand("../../../docs/protocol.md", __DIR__)
  @examples (for [_all, term, hex] <- Regex.scan(~r/^```frame\n(.+)\n([0-9a-f \n]+)```$/m, File.read!(@document)) do
               {term, hex |> String.replace(~r/\s/, "") |> Base.decode16!(case: :lower)}
             end)

  test "the document has an example frame of each message" do
    shown = for {term, _frame} <- @examples, uniq: true, do: term |> Code.eval_string() |> elem(0) |> elem(0)

    for tag <-
          ~w(hello watch unwatch sync save list info ping credit reply entries events notice fatal)a ++
            ~w(spawn stdin close_stdin signal stop resize stats read stdout stderr stdin_taken stdin_closed exit session)a do
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

  # The blocks ```atoms of the document, by kind.
  @listed (for [_all, kind, atoms] <- Regex.scan(~r/^```atoms (.+)\n([^`]+)```$/m, File.read!(@document)), into: %{} do
             {kind, String.split(atoms)}
           end)

  @sources Path.expand("../../../c_src", __DIR__)

  defp literals(pattern, sources) do
    for source <- sources,
        text = File.read!(Path.join(@sources, source)),
        [_all, atom] <- Regex.scan(pattern, text),
        uniq: true,
        do: atom
  end

  # What `lookout_port inotifywait` reports is text for a person.
  defp all_sources do
    paths = @sources |> Path.join("**/*.{cpp,h}") |> Path.wildcard() |> Enum.map(&Path.relative_to(&1, @sources))
    Enum.reject(paths, &String.starts_with?(&1, "inotifywait/"))
  end

  test "P7: the atoms that exist before the first frame are those that the document lists" do
    listed = @listed |> Map.values() |> Enum.concat() |> Enum.uniq() |> Enum.sort()
    assert Protocol.atoms() |> Enum.map(&Atom.to_string/1) |> Enum.uniq() |> Enum.sort() == listed
  end

  test "P7: the document lists each reason and operation that lookout_port names" do
    constructed = literals(~r/\bError\{\s*"([a-z_0-9]+)"/, all_sources())
    replaced = literals(~r/reason = "([a-z_]+)"/, all_sources())
    untrusted = literals(~r/\? "([a-z_]+)" : errno_name/, all_sources())
    assert "not_found" in constructed and "bad_limit" in replaced and "untrusted" in untrusted
    reasons = @listed["reasons"] ++ @listed["errnos"]
    assert Enum.reject(constructed ++ replaced ++ untrusted, &(&1 in reasons)) == []

    operations =
      literals(~r/\berrno_error\([^;"]+?,\s*"([a-z_]+)"/, all_sources()) ++
        literals(~r/\bError\{[^;{}]*?,\s*"([a-z_]+)",/, all_sources()) ++
        literals(~r/kOperation = "([a-z_]+)"/, all_sources()) ++
        literals(~r/return "([a-z]+)";/, ["command/launch_error.cpp"]) ++
        literals(~r/^    \{"([a-z_]+)", "\{:/m, ["bridge/requests.cpp"])

    assert "watch" in operations and "exec" in operations and "resize" in operations
    assert Enum.reject(operations, &(&1 in @listed["operations"])) == []
  end

  test "P7: the document lists each file system that lookout_port names" do
    named = literals(~r/\{0x[0-9a-f]+, "([a-z0-9_]+)"\}/, ["watch/disk/file_system.cpp"])
    assert "nfs" in named
    assert ["autofs" | named] |> Enum.uniq() |> Enum.sort() == Enum.sort(@listed["file systems"])
  end

  test "P7: the document lists each atom of its examples and each that the bridge writes" do
    listed = @listed |> Map.values() |> Enum.concat()

    from_program =
      for {text, _frame} <- @examples,
          {term, []} = Code.eval_string(text),
          elem(term, 0) in ~w(hello reply entries events notice fatal stdout stderr stdin_taken stdin_closed exit)a,
          atom <- atoms(term),
          uniq: true,
          do: Atom.to_string(atom)

    sources = ["bridge/replies.cpp", "bridge/command_replies.cpp"]

    written =
      literals(~r/(?:atom\(|put_begin\([^;"]+|put_count\([^;"]+|return |put_notice\([^;"]+)"([a-z_]+)"/, sources)

    assert "root_created" in written and "overflows" in written and "hello" in written
    assert Enum.reject(from_program ++ written, &(&1 in listed)) == []
  end

  defp atoms(atom) when is_atom(atom), do: [atom]
  defp atoms(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> atoms()
  defp atoms(list) when is_list(list), do: Enum.flat_map(list, &atoms/1)
  defp atoms(map) when is_map(map), do: map |> Map.to_list() |> atoms()
  defp atoms(_other), do: []

  test "P7: a frame with an atom that does not exist is garbage, and creates no atom" do
    name = "e_unheard_of_#{System.unique_integer([:positive])}"
    atom = <<131, 104, 3, 119, 5, "reply", 97, 1, 104, 2, 119, 5, "error", 104, 4>>
    payload = atom <> <<119, byte_size(name), name::binary, 119, 4, "open", 109, 0::32, 109, 0::32>>
    assert {:garbage, detail} = Protocol.decode(payload)
    assert detail =~ "no message of the protocol"
    assert_raise ArgumentError, fn -> String.to_existing_atom(name) end
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
          {:exit, {:signal, 9}},
          {:exit, 0, killed: true, other: true},
          {:exit, 256, killed: true}
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
