defmodule Lookout.Patterns.Line do
  @moduledoc false
  # Checks whether a line of gitignore(5) can match any path, by the rules of dir.c and wildmatch.c of git, which
  # c_src/ignore implements. Pure; works on bytes. `Lookout.Patterns` calls `dirs/1` and `objection/2`; `Lookout.Patterns.Braces`
  # calls `set/1`.

  @classes %{
    "alnum" => [{?0, ?9}, {?A, ?Z}, {?a, ?z}],
    "alpha" => [{?A, ?Z}, {?a, ?z}],
    "blank" => [{?\s, ?\s}, {?\t, ?\t}],
    "cntrl" => [{0, 31}, {127, 127}],
    "digit" => [{?0, ?9}],
    "graph" => [{33, 126}],
    "lower" => [{?a, ?z}],
    "print" => [{32, 126}],
    "punct" => [{33, 47}, {58, 64}, {91, 96}, {123, 126}],
    "space" => [{?\s, ?\s}, {?\t, ?\n}, {?\r, ?\r}],
    "upper" => [{?A, ?Z}],
    "xdigit" => [{?0, ?9}, {?A, ?F}, {?a, ?f}]
  }

  # The bytes that a file name can contain.
  @of_names Enum.to_list(1..255) -- [?/]

  @typedoc "A bracket expression: it matches the bytes in its ranges or, negated, all other bytes."
  @type set :: {:set, negated :: boolean, [{first :: byte, last :: byte}]}

  # A component between slashes: as written, and as a list of elements, each of which matches one byte or (`:star`) any
  # number of bytes.
  @typep component :: {raw :: binary, [{:byte, byte} | :any | :star | set]}

  @typedoc "A trie of directories by their path components; the key nil holds the path of the directory that ends at the node."
  @type dirs :: %{(nil | binary) => binary | dirs}

  @doc "Converts absolute paths to the form that `objection/2` takes."
  @spec dirs([binary]) :: dirs
  def dirs(paths) do
    Enum.reduce(paths, %{}, fn path, dirs ->
      components = :binary.split(path, "/", [:global, :trim_all])
      put_in(dirs, Enum.map(components, &Access.key(&1, %{})) ++ [nil], path)
    end)
  end

  @doc "The reason why no path can match the line, with the lines to write instead, if any; nil if a path can match. `dirs`: the watched directories."
  @spec objection(binary, dirs) :: nil | {binary, [binary]}
  def objection(line, dirs) do
    with {why, instead} <- first_objection(line, dirs), do: {why, Enum.map(instead, &without_objection(&1, dirs, 4))}
  end

  # A suggested line may have another fault, so it is corrected again.
  defp without_objection(line, dirs, tries) do
    case first_objection(line, dirs) do
      {_why, [instead]} when tries > 0 -> without_objection(instead, dirs, tries - 1)
      _none -> line
    end
  end

  defp first_objection(line, dirs) do
    cond do
      breaks?(line) -> {"a pattern is one line", :binary.split(line, ["\r\n", "\n"], [:global, :trim_all])}
      String.starts_with?(line, "#") -> {"# begins a comment", ["\\" <> line]}
      true -> line |> String.replace_suffix("\r", "") |> trim("", "") |> in_signed(dirs)
    end
  end

  defp in_signed("", _dirs), do: {"it is empty", []}
  defp in_signed("!", _dirs), do: {"no pattern follows the !", []}
  defp in_signed("!" <> unsigned, dirs), do: in_unsigned(unsigned, "!", dirs)
  defp in_signed(unsigned, dirs), do: in_unsigned(unsigned, "", dirs)

  # A trailing slash restricts the pattern to directories.
  defp in_unsigned(unsigned, sign, dirs) do
    body = String.replace_suffix(unsigned, "/", "")
    slash = binary_part(unsigned, byte_size(body), byte_size(unsigned) - byte_size(body))

    case components(String.replace_prefix(body, "/", "")) do
      _any when body == "" ->
        {"it names nothing in a watched directory", []}

      {:error, why, nil} ->
        {why, []}

      {:error, why, left} ->
        {why, [sign <> escaped(unsigned, byte_size(body) - left)]}

      {:ok, components} ->
        with {why, kept} <- in_components(components, body, dirs) do
          {why, for(path <- path(kept, body), do: sign <> path <> slash)}
        end
    end
  end

  # Inserts a backslash before the byte at the offset, which made the pattern match nothing. Drops a backslash before
  # the last slash.
  defp escaped(unsigned, offset) do
    before = binary_part(unsigned, 0, offset)
    rest = binary_part(unsigned, offset, byte_size(unsigned) - offset)
    before <> if(rest == "\\/", do: "/", else: "\\" <> rest)
  end

  # The reason why the components can match nothing, and the components from which a pattern can be made.
  defp in_components(components, body, dirs) do
    dots = Enum.map(components, &dots/1)

    cond do
      found = below_dir(components, body, dirs) ->
        {dir, below} = found

        {"patterns begin at a watched directory, and #{inspect(dir, binaries: :as_strings)} is one " <>
           "(for the same path again below it, leave out the first slash)", below}

      Enum.any?(components, fn {_raw, chars} -> Enum.any?(chars, &empty_set?/1) end) ->
        {"no name has a character of its set in brackets", []}

      2 in dots ->
        {"no entry is named .., and what is outside of the watched directories must be added to :dirs", components}

      1 in dots ->
        {"no entry is named . (patterns begin at a watched directory)", components}

      Enum.any?(components, &match?({"", _chars}, &1)) ->
        {"no name is empty", components}

      true ->
        nil
    end
  end

  # The innermost watched directory whose path an absolute pattern begins with, and the components after that path.
  defp below_dir(components, "/" <> _body, dirs), do: below_dir(components, dirs, length(components) > 1, nil)
  defp below_dir(_components, _body, _dirs), do: nil

  # `below?` is false for a pattern of one component. Such a pattern never means a watched directory of that name, but an
  # entry of that name inside a watched directory.
  defp below_dir([component | rest], dirs, below?, found) do
    case dirs[literal(component)] do
      nil -> found
      %{nil => dir} = inner when below? -> below_dir(rest, inner, true, {dir, rest})
      inner -> below_dir(rest, inner, true, found)
    end
  end

  defp below_dir([], _dirs, _below?, found), do: found

  # The name, if the component has no wildcard and no set; else an empty string.
  defp literal({_raw, chars}) do
    if Enum.all?(chars, &match?({:byte, _byte}, &1)), do: for({:byte, byte} <- chars, into: "", do: <<byte>>), else: ""
  end

  # Builds the body of a pattern from the components, with empty, `.` and `..` components resolved. Returns a list with
  # one body, or an empty list if no component is left. The new body is anchored at a watched directory if the old one
  # was.
  defp path(components, body) do
    anchored? = body |> String.trim_trailing("/") |> String.contains?("/")

    case Enum.reduce(components, [], &step/2) do
      [] -> []
      [name] when anchored? -> ["/" <> name]
      names -> [first_slash(body) <> (names |> Enum.reverse() |> Enum.join("/"))]
    end
  end

  defp first_slash(body), do: if(String.starts_with?(body, ["/", "./", "../"]), do: "/", else: "")

  defp step({"", _chars}, names), do: names

  defp step({raw, _chars} = component, names) do
    case dots(component) do
      0 -> [raw | names]
      1 -> names
      2 -> Enum.drop(names, 1)
    end
  end

  # 1 if the component matches only `.`, 2 if it matches only `..`, else 0.
  defp dots({_raw, chars}) when length(chars) in 1..2, do: if(Enum.all?(chars, &dot?/1), do: length(chars), else: 0)
  defp dots(_component), do: 0

  defp dot?({:byte, byte}), do: byte == ?.
  defp dot?({:set, _negated, _ranges} = set), do: Enum.filter(@of_names, &in_set?(&1, set)) == [?.]
  defp dot?(_any_or_star), do: false

  defp empty_set?({:set, _negated, _ranges} = set), do: not Enum.any?(@of_names, &in_set?(&1, set))
  defp empty_set?(_char), do: false

  defp in_set?(byte, {:set, negated, ranges}) do
    Enum.any?(ranges, fn {first, last} -> first <= byte and byte <= last end) != negated
  end

  ## The line

  # A line break that is escaped or in a bracket expression belongs to a name. Any other separates two lines.
  defp breaks?(line), do: :binary.match(line, "\n") != :nomatch and bare_break?(line)

  defp bare_break?(""), do: false
  defp bare_break?("\n" <> _rest), do: true
  defp bare_break?(<<?\\, _byte, rest::binary>>), do: bare_break?(rest)

  defp bare_break?("[" <> rest) do
    case set(rest) do
      {:ok, _set, rest} -> bare_break?(rest)
      {:error, _why} -> :binary.match(rest, "\n") != :nomatch
    end
  end

  defp bare_break?(<<_byte, rest::binary>>), do: bare_break?(rest)

  # Removes the unescaped spaces at the end.
  defp trim("", kept, _spaces), do: kept
  defp trim(" " <> rest, kept, spaces), do: trim(rest, kept, spaces <> " ")
  defp trim(<<?\\, byte, rest::binary>>, kept, spaces), do: trim(rest, <<kept::binary, spaces::binary, ?\\, byte>>, "")
  defp trim(<<byte, rest::binary>>, kept, spaces), do: trim(rest, <<kept::binary, spaces::binary, byte>>, "")

  ## Components

  # Returns the components, or the reason why the body can match nothing. If an escape of the offending byte helps, the
  # third element is the number of bytes from that byte to the end, else nil.
  @spec components(binary) :: {:ok, [component, ...]} | {:error, binary, nil | non_neg_integer}
  defp components(body), do: components(body, "", [], [])

  defp components("", raw, chars, done), do: {:ok, Enum.reverse([{raw, Enum.reverse(chars)} | done])}
  defp components("/" <> rest, raw, chars, done), do: components(rest, "", [], [{raw, Enum.reverse(chars)} | done])
  defp components("\\/" <> rest, raw, chars, done), do: components("/" <> rest, raw, chars, done)
  defp components("\\", _raw, _chars, _done), do: {:error, "the backslash at its end escapes nothing", 1}

  defp components(<<?\\, byte, rest::binary>>, raw, chars, done) do
    components(rest, <<raw::binary, ?\\, byte>>, [{:byte, byte} | chars], done)
  end

  defp components("?" <> rest, raw, chars, done), do: components(rest, raw <> "?", [:any | chars], done)
  defp components("*" <> rest, raw, chars, done), do: components(rest, raw <> "*", [:star | chars], done)

  defp components("[" <> rest = at, raw, chars, done) do
    case set(rest) do
      {:ok, set, rest} ->
        components(rest, raw <> binary_part(at, 0, byte_size(at) - byte_size(rest)), [set | chars], done)

      {:error, :open} ->
        {:error, "a bracket is not closed", byte_size(at)}

      {:error, {:class, name}} ->
        {:error, "there is no class [:#{name}:] (but #{Enum.join(Map.keys(@classes), ", ")})", nil}
    end
  end

  defp components(<<byte, rest::binary>>, raw, chars, done) do
    components(rest, <<raw::binary, byte>>, [{:byte, byte} | chars], done)
  end

  ## Sets

  @doc "Parses the set after an opening bracket. Errors: `{:class, name}` for an unknown class, `:open` if the bracket is not closed."
  @spec set(binary) :: {:ok, set, binary} | {:error, :open | {:class, binary}}
  def set(<<sign, rest::binary>>) when sign in [?!, ?^], do: set(rest, true)
  def set(rest), do: set(rest, false)

  # As the first character, `]` is a member of the set.
  defp set("]" <> rest, negated), do: set(rest, negated, ?], [{?], ?]}])
  defp set(rest, negated), do: set(rest, negated, nil, [])

  # `previous` is the byte at which a range may begin, nil if none.
  defp set("]" <> rest, negated, _previous, ranges), do: {:ok, {:set, negated, ranges}, rest}

  defp set(<<?-, ?\\, last, rest::binary>>, negated, first, ranges) when first != nil,
    do: set(rest, negated, nil, [{first, last} | ranges])

  defp set(<<?-, last, rest::binary>>, negated, first, ranges) when first != nil and last not in [?], ?\\],
    do: set(rest, negated, nil, [{first, last} | ranges])

  defp set("[:" <> rest, negated, _previous, ranges), do: class(rest, negated, ranges)

  defp set(<<?\\, byte, rest::binary>>, negated, _previous, ranges),
    do: set(rest, negated, byte, [{byte, byte} | ranges])

  defp set(open, _negated, _previous, _ranges) when open in ["", "\\"], do: {:error, :open}
  defp set(<<byte, rest::binary>>, negated, _previous, ranges), do: set(rest, negated, byte, [{byte, byte} | ranges])

  defp class(rest, negated, ranges) do
    case :binary.split(rest, "]") do
      [_open] -> {:error, :open}
      [inside, after_class] -> class(inside, after_class, rest, negated, ranges)
    end
  end

  # Only `[:` with a matching `:]` is a class. Otherwise `[` is a member of the set.
  defp class(inside, after_class, rest, negated, ranges) do
    name = binary_part(inside, 0, max(byte_size(inside) - 1, 0))

    cond do
      name <> ":" != inside -> set(":" <> rest, negated, ?[, [{?[, ?[} | ranges])
      known = @classes[name] -> set(after_class, negated, nil, known ++ ranges)
      true -> {:error, {:class, name}}
    end
  end
end
