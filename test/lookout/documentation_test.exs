defmodule Lookout.DocumentationTest do
  # What the documentation promises to have: an example for each function, a sentence for each type, every reason of an
  # error, and links that lead somewhere.
  use ExUnit.Case, async: true

  {:ok, modules} = :application.get_key(:lookout, :modules)

  @documented for module <- Enum.sort(modules),
                  match?("Elixir.Lookout" <> _, Atom.to_string(module)),
                  {:docs_v1, _, :elixir, _, %{"en" => text}, _, docs} <- [Code.fetch_docs(module)],
                  do: {module, text, docs}

  @pages ~w(README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md) ++ Path.wildcard("{guides,docs}/*.{md,cheatmd}")

  test "the modules with documentation are those in the groups of mix.exs" do
    grouped = Mix.Project.config()[:docs][:groups_for_modules] |> Keyword.values() |> List.flatten()
    assert Enum.sort(grouped) == for({module, _text, _docs} <- @documented, do: module)
  end

  for {module, text, docs} <- @documented do
    test "#{inspect(module)}: every public function has an example" do
      example = ~r/^ {4,}\S/m
      assert unquote(text) =~ example or unquote(module) == Lookout.Error

      for {{kind, name, arity}, _line, _signature, doc, _metadata} <- unquote(Macro.escape(docs)),
          kind in [:function, :macro] and doc != :hidden and name not in [:message, :exception] do
        assert %{"en" => doc} = doc, "#{name}/#{arity} has no documentation"
        assert doc =~ example, "#{name}/#{arity} has no example"
      end
    end

    test "#{inspect(module)}: every type has a description" do
      for {{:type, name, _arity}, _line, _signature, doc, _metadata} <- unquote(Macro.escape(docs)),
          do: assert(%{"en" => _text} = doc, "the type #{name} has no @typedoc")
    end
  end

  describe "the reasons of Lookout.Error" do
    @table with {:docs_v1, _, _, _, %{"en" => text}, _, _} <- Code.fetch_docs(Lookout.Error),
                do:
                  for(
                    [row] <- Regex.scan(~r/^\| `:.*$/m, text),
                    [_all, reason] <- Regex.scan(~r/`:([a-z_]+)`/, hd(String.split(row, " | "))),
                    do: reason
                  )

    # `%Error{reason: :x}` and `error(:x, ...)`, whatever the module of `error` is.
    defp reasons({:%{}, _, fields} = ast, found) when is_list(fields) do
      named = for {:reason, reason} when is_atom(reason) <- fields, do: reason
      {ast, named ++ found}
    end

    defp reasons({name, _, arguments} = ast, found) when is_list(arguments) do
      called = with {:., _, [_module, function]} <- name, do: function
      at = if called == :kill, do: 1, else: 0

      case arguments do
        _ when called not in [:error, :broken, :kill] -> {ast, found}
        _ -> {ast, Enum.filter([Enum.at(arguments, at), Enum.at(arguments, 1)], &reason?/1) ++ found}
      end
    end

    defp reasons(ast, found), do: {ast, found}

    defp reason?(term), do: is_atom(term) and term not in [nil, true, false] and Atom.to_string(term) =~ ~r/^[a-z_]+$/

    # Operations, which `error` has as its second argument.
    @operations ~w(ask command call commit connect load open run write watch spawn resize stream list stop subscribe path wait_for)a

    test "are all that the sources have" do
      in_elixir =
        for file <- Path.wildcard("lib/lookout/**/*.ex"),
            not String.starts_with?(file, ["lib/lookout/console/", "lib/lookout/doctor/"]),
            {_ast, found} = file |> File.read!() |> Code.string_to_quoted!() |> Macro.prewalk([], &reasons/2),
            reason <- found -- @operations,
            reason not in @operations,
            do: to_string(reason)

      [_all, listed] = Regex.run(~r/^```atoms reasons\n(.*?)^```/ms, File.read!("docs/protocol.md"))
      [_all, errnos] = Regex.run(~r/^```atoms errnos\n(.*?)^```/ms, File.read!("docs/protocol.md"))

      assert length(in_elixir) > 20
      assert Enum.uniq(in_elixir) -- (@table ++ String.split(errnos)) == []
      assert String.split(listed) -- @table == []
    end

    test "are all in the sources" do
      text =
        Enum.map_join(Path.wildcard("lib/lookout/**/*.ex") -- ["lib/lookout/error.ex"], &File.read!/1) <>
          File.read!("docs/protocol.md")

      for reason <- @table, do: assert(text =~ ~r/\b#{reason}\b/, "#{reason} is in no source")
    end
  end

  # The heading of a page as GitHub and ex_doc make an anchor of it.
  defp anchors(page) do
    for [_all, heading] <- Regex.scan(~r/^#+ (.+)$/m, File.read!(page)) do
      heading |> String.downcase() |> String.replace(~r/[^\p{L}\p{N} _-]/u, "") |> String.replace(" ", "-")
    end
  end

  for page <- @pages do
    test "the links of #{page} lead somewhere" do
      page = unquote(page)
      text = page |> File.read!() |> String.replace(~r/^```.*?^```$/ms, "") |> String.replace(~r/`[^`\n]*`/, "")

      for [_all, link] <- Regex.scan(~r/\]\(([^)\s]+)\)/, text), not (link =~ ~r/^https?:/) do
        {file, anchor} = with [file | anchor] <- String.split(link, "#"), do: {file, List.first(anchor)}
        file = if file == "", do: page, else: Path.relative_to_cwd(Path.expand(file, Path.dirname(page)))
        assert File.exists?(file), "#{link}: there is no #{file}"
        if anchor, do: assert(anchor in anchors(file), "#{link}: #{file} has no such heading")
      end
    end
  end
end
