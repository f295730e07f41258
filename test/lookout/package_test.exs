defmodule Lookout.PackageTest do
  # What mix.exs tells hex and ex_doc. Hex expands `files:` as this does: each name a wildcard, a folder with all below it.
  use ExUnit.Case, async: true

  defp config, do: Mix.Project.config()

  defp files do
    for pattern <- config()[:package][:files],
        path <- Path.wildcard(pattern, match_dot: true),
        file <- [path | Path.wildcard(path <> "/**", match_dot: true)],
        File.regular?(file),
        do: file
  end

  test "every name of `files:` is there" do
    for pattern <- config()[:package][:files], do: assert(Path.wildcard(pattern, match_dot: true) != [], pattern)
  end

  test "the package has each page and image to which one of its pages leads" do
    files = files()

    for page <- files, Path.extname(page) in [".md", ".cheatmd", ".livemd"] do
      text = page |> File.read!() |> String.replace(~r/^```.*?^```$/ms, "")

      for [_all, link] <- Regex.scan(~r/\]\(([^)#\s]+)(?:#[^)]*)?\)/, text), not (link =~ ~r/^https?:/) do
        target = Path.relative_to_cwd(Path.expand(link, Path.dirname(page)))
        assert target in files, "#{page} leads to #{target}, which is not in the package"
      end
    end
  end

  test "the package has all that a build reads, and nothing of the repository's own tools" do
    files = files()

    needed =
      ~w(mix.exs rebar.config VERSION CMakeLists.txt bin/build-native bin/rebar3-build src/lookout.app.src) ++
        ~w(LICENSE .formatter.exs)

    assert needed -- files == []
    assert Path.wildcard("{c_src,cmake,lib,src}/**/*.{h,cpp,sh,cmake,ex,erl,txt}") -- files == []
    own = ~w(test/ bench/ .ci/ build/ _build/ .git) ++ for(tool <- Path.wildcard("bin/*"), do: tool)
    own = own -- ~w(bin/build-native bin/rebar3-build bin/setup bin/watch)
    assert Enum.filter(files, &String.starts_with?(&1, own)) -- [".gitignore"] == []
  end

  test "every page of the documentation is there, and each guide is one" do
    extras = config()[:docs][:extras]
    for page <- extras, do: assert(File.exists?(page), page)
    assert Path.wildcard("{guides,docs}/*.{md,cheatmd,livemd}") -- extras == []
    assert extras -- files() == []
  end

  test "links come from the address of the sources, if there is one" do
    links = config()[:package][:links]

    case config()[:source_url] do
      nil -> assert links == %{}
      url -> for {_name, link} <- links, do: assert(String.starts_with?(link, url))
    end
  end
end
