defmodule Lookout.NodeSafetyTest do
  use Lookout.NodeCase, async: true

  defp watch(peer, client, id, path, options \\ [credit: :infinity]) do
    {result, _before} = reply(peer, client, {:watch, id, [path], options})
    result
  end

  describe "--allow" do
    setup context do
      outside = Path.join(context.node_dir, "outside")
      File.mkdir!(outside)
      File.write!(Path.join(outside, "secret"), "x")
      node = start_node!(context)
      vm = start_vm!(node)
      {:ok, outside: outside, node: node, vm: vm, client: open!(vm, node)}
    end

    test "nothing outside is watched, and whether it exists is not told", context do
      %{vm: vm, client: client, root: root, node_dir: dir, outside: outside} = context
      File.ln_s!(outside, Path.join(root, "out"))
      File.ln_s!(Path.join(outside, "secret"), Path.join(root, "secret"))
      File.ln_s!("../outside", Path.join(root, "up"))
      paths = [outside, dir, "/", root <> "-not", Path.join(outside, "missing"), Path.join(root, "out")]
      more = for name <- ~w(out/secret out/missing secret up up/secret up/missing), do: Path.join(root, name)

      for {path, id} <- Enum.with_index(paths ++ more, 1), missing <- [:error, :wait] do
        assert {:error, {:not_allowed, :open, ^path, _detail}} = watch(vm, client, id, path, missing: missing)
      end

      assert {:error, {:enoent, :open, _path, _detail}} = watch(vm, client, 90, Path.join(root, "missing"))
    end

    test "no snapshot is written or read on the host of the node", context do
      %{vm: vm, client: client, root: root, outside: outside} = context
      cursor = {Path.join(outside, "cursors"), nil}
      assert {:error, {:not_allowed, :watch, nil, _detail}} = watch(vm, client, 1, root, cursor: cursor)
      assert {{:error, {:not_allowed, :save, nil, _detail}}, _messages} = reply(vm, client, {:save, 2, "snapshot-1"})
      assert File.ls!(outside) == ["secret"]
    end

    test "links that stay inside are followed", context do
      %{vm: vm, client: client, root: root} = context
      File.mkdir_p!(Path.join(root, "releases/5"))
      File.ln_s!(Path.join(root, "releases/5"), Path.join(root, "current"))
      File.ln_s!("releases/../releases/5", Path.join(root, "relative"))
      assert watch(vm, client, 1, Path.join(root, "current")) == :ok
      assert watch(vm, client, 2, Path.join(root, "relative")) == :ok
    end

    test "follow_symlinks does not lead out, nor does a link that is exchanged later", context do
      %{vm: vm, client: client, root: root, outside: outside} = context
      File.mkdir!(Path.join(root, "inner"))
      File.ln_s!("inner", Path.join(root, "link"))
      File.ln_s!(outside, Path.join(root, "out"))
      assert watch(vm, client, 1, root, follow_symlinks: true, credit: :infinity) == :ok
      File.rm!(Path.join(root, "link"))
      File.ln_s!(outside, Path.join(root, "link"))
      {{:ok, _seq}, _messages} = reply(vm, client, {:sync, 2})
      {{:ok, _seq}, messages} = reply(vm, client, {:list, 3, []})
      paths = for {:data, {:entries, 3, entries}} <- messages, entry <- entries, do: elem(entry, 1)
      assert Path.join(root, "out") in paths
      refute Enum.any?(paths, &String.ends_with?(&1, "secret"))
    end

    test "a component that is exchanged for a link to the outside ends the watch", context do
      %{vm: vm, client: client, root: root, outside: outside} = context
      watched = Path.join(root, "a/b")
      File.mkdir_p!(watched)
      File.mkdir!(Path.join(outside, "b"))
      File.write!(Path.join(outside, "b/secret"), "x")
      assert watch(vm, client, 1, watched) == :ok
      File.rename!(Path.join(root, "a"), Path.join(root, "old"))
      File.ln_s!(outside, Path.join(root, "a"))
      {{:ok, _seq}, messages} = reply(vm, client, {:sync, 2})
      assert {:data, {:notice, {:unreadable, watched, :not_allowed}}} in messages
      File.write!(Path.join(outside, "b/another"), "x")
      {{:ok, _seq}, messages} = reply(vm, client, {:sync, 3})
      assert events(messages) == []
    end

    test "rule files outside are read as empty", context do
      %{vm: vm, client: client, root: root, node_dir: dir} = context
      File.write!(Path.join(dir, ".gitignore"), "hidden\n")
      File.mkdir!(Path.join(dir, ".git"))
      File.write!(Path.join(dir, "rules"), "linked\n")
      File.ln_s!(Path.join(dir, "rules"), Path.join(root, ".gitignore"))
      for name <- ~w(hidden linked), do: File.write!(Path.join(root, name), "x")
      assert watch(vm, client, 1, root, gitignore: true, credit: :infinity) == :ok
      {{:ok, _seq}, messages} = reply(vm, client, {:list, 2, []})
      names = for {:data, {:entries, 2, entries}} <- messages, entry <- entries, do: Path.basename(elem(entry, 1))
      assert "hidden" in names and "linked" in names
    end
  end

  test "without --allow nothing may be watched", context do
    node = start_node!(context, allow: [])
    vm = start_vm!(node)
    assert {:error, {:not_allowed, :open, _path, _detail}} = watch(vm, open!(vm, node), 1, context.root)
  end

  describe "commands" do
    test "and fswatch are not allowed without --commands", context do
      node = start_node!(context)
      vm = start_vm!(node)
      client = open!(vm, node)
      assert {{:error, {:not_allowed, :spawn, nil, detail}}, []} = reply(vm, client, {:spawn, 1, ["true"], []})
      assert detail =~ "--commands"
      assert {:error, {:not_allowed, :watch, _path, _detail}} = watch(vm, client, 2, context.root, backend: :fswatch)
    end

    test "run as over a port with --commands, each in its session, and end with it", context do
      node = start_node!(context, arguments: ["--commands"])
      vm = start_vm!(node)
      client = open!(vm, node)
      other = open!(vm, node)
      assert {{:ok, first}, []} = reply(vm, client, {:spawn, 1, ["sleep", "1000"], [credit: 1000]})
      assert {{:ok, pid}, []} = reply(vm, other, {:spawn, 1, ["sh", "-c", "echo hello; exit 3"], [credit: 1000]})
      assert is_integer(pid)
      messages = on(vm, :until, [other, :exit])
      assert {:data, {:stdout, "hello\n"}} in messages
      assert List.last(messages) == {:data, {:exit, 3}}
      assert {{:error, {:not_running, :signal, nil, _detail}}, []} = reply(vm, other, {:signal, 2, :term})
      refute gone?(first)
      on(vm, :tell, [client, :close])
      eventually(fn -> gone?(first) end)
      # The session of the other is still there, and takes another command.
      assert {{:ok, _pid}, []} = reply(vm, other, {:spawn, 3, ["true"], []})
    end

    test "end when the node is killed", context do
      node = start_node!(context, arguments: ["--commands"])
      vm = start_vm!(node)
      client = open!(vm, node)
      assert {{:ok, command}, []} = reply(vm, client, {:spawn, 1, ["sleep", "1000"], [grace: 100]})
      signal(node.os_pid, "KILL")
      eventually(fn -> gone?(command) end)
    end
  end

  describe "a hostile peer" do
    defp connect!(node) do
      {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, node.port, [:binary, active: false, nodelay: true])
      socket
    end

    # Speaks as a node that knows the cookie.
    defp authenticated!(node, name), do: node |> challenged!(name) |> answer_challenge!()

    defp challenged!(node, name), do: node |> connect!() |> send_name!(name)

    defp send_name!(socket, name) do
      flags = 0x2000000 + 0x1000000 + 0x40000 + 0x20000 + 0x10000 + 0xFBC
      hello = <<"N", flags::64, 1::32, byte_size(name)::16, name::binary>>
      :ok = :gen_tcp.send(socket, <<byte_size(hello)::16, hello::binary>>)
      {:ok, <<3::16, "sok">>} = :gen_tcp.recv(socket, 5)
      {:ok, <<size::16>>} = :gen_tcp.recv(socket, 2)
      {:ok, <<"N", _flags::64, challenge::32, _rest::binary>>} = :gen_tcp.recv(socket, size)
      {socket, challenge}
    end

    defp answer_challenge!({socket, challenge}) do
      digest = :erlang.md5(cookie() <> Integer.to_string(challenge))
      :ok = :gen_tcp.send(socket, <<21::16, "r", 5::32, digest::binary>>)
      {:ok, <<17::16, "a", _digest::binary>>} = :gen_tcp.recv(socket, 19)
      socket
    end

    setup context do
      node = start_node!(context)
      vm = start_vm!(node)
      {:ok, node: node, vm: vm, client: open!(vm, node)}
    end

    defp assert_served(vm, client), do: assert({:ok, []} = reply(vm, client, {:ping, 1}))

    test "with garbage before it is authenticated affects nobody", %{node: node, vm: vm, client: client} do
      for bytes <- [<<0>>, <<255, 255, 1>>, "GET / HTTP/1.1\r\n\r\n", <<0, 0, 255, 255>>, <<5::16, "N1234">>] do
        socket = connect!(node)
        :ok = :gen_tcp.send(socket, bytes)
        if byte_size(bytes) > 2, do: assert({:error, :closed} = :gen_tcp.recv(socket, 0, 20_000))
      end

      assert_served(vm, client)
    end

    test "with garbage after it is authenticated affects nobody", %{node: node, vm: vm, client: client} do
      socket = authenticated!(node, "bad@127.0.0.1")
      :rand.seed(:exsss, {1, 2, 3})
      tuple = :erlang.term_to_binary({6, self(), :"", :lookout})

      for size <- 1..300 do
        garbage = :rand.bytes(size)
        frames = [garbage, "p" <> garbage, <<"p", 131>> <> garbage, "p" <> tuple <> <<131>> <> garbage]
        for frame <- frames, do: :ok = :gen_tcp.send(socket, <<byte_size(frame)::32, frame::binary>>)
      end

      deep = "p" <> tuple <> <<131>> <> :binary.copy(<<104, 1>>, 1_000_000) <> <<106>>
      :ok = :gen_tcp.send(socket, <<byte_size(deep)::32, deep::binary>>)
      # A length that nothing follows, and a tick's answer before it shows that all was read.
      :ok = :gen_tcp.send(socket, <<0::32>>)
      assert {:ok, <<0::32>>} = :gen_tcp.recv(socket, 4, 20_000)
      :ok = :gen_tcp.send(socket, <<0xFFFFFFFF::32, "p">>)
      assert_served(vm, client)
    end

    test "with connections that send no name does not push out a client whose handshake takes long", %{node: node} do
      client = challenged!(node, "slow@127.0.0.1")
      silent = for _number <- 1..200, do: connect!(node)
      assert {:error, :closed} = :gen_tcp.recv(hd(silent), 0, 20_000)
      answer_challenge!(client)
    end

    test "with connections that send a name and no more does not push out a client that is about to send one",
         %{node: node} do
      named = for number <- 1..64, do: challenged!(node, "named#{number}@127.0.0.1")
      client = connect!(node)
      _another = connect!(node)
      [{oldest, _challenge} | _others] = named
      assert {:error, :closed} = :gen_tcp.recv(oldest, 0, 20_000)
      client |> send_name!("slow@127.0.0.1") |> answer_challenge!()
    end

    test "with thousands of connections that say nothing keeps nobody out", %{node: node, vm: vm, client: client} do
      sockets = for _number <- 1..2_000, do: connect!(node)
      assert_served(vm, client)
      newcomer = start_vm!(node)
      assert :peer.call(newcomer, Node, :ping, [node.name]) == :pong
      {:ok, descriptors} = File.ls("/proc/#{node.os_pid}/fd")
      assert length(descriptors) < 150
      for socket <- sockets, do: :gen_tcp.close(socket)
    end
  end
end
