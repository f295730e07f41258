defmodule Lookout.Command.Options do
  @moduledoc false
  # The command line and the options of a command, checked in the process that wrote them. Options
  # that make no sense raise; what may come from data (the words, the directory, limits) is an error.

  alias Lookout.{Error, Limits, Paths}
  alias Lookout.Command.Rlimits

  @expected [
    env: "a map or list of {name, value}, strings, where nil takes a variable away",
    clear_env: "true or false",
    cd: "a path",
    stdin: ":null or :pipe",
    stdout: ":pipe, :null, :inherit, {:file, path} or {:append, path}",
    stderr: ":pipe, :stdout, :null, :inherit, {:file, path} or {:append, path}",
    input: "iodata, or an enumerable of iodata",
    pty: "true or {rows, columns}, each from 1 to 65_535",
    shell: "true or false",
    rlimits: "a list such as [nofile: 1024, core: {0, :infinity}]",
    nice: "an integer from -20 to 19",
    cgroup: "true or false",
    linger: "milliseconds from 0 to 3_600_000",
    grace: "milliseconds from 0 to 3_600_000",
    active: "true, false, :once or a count of bytes (0 or more)",
    owner: "a pid of this node, the name of a process, or nil",
    name: "an atom, {:global, term} or {:via, module, term}",
    timeout: "milliseconds (0 or more) or :infinity",
    into: "a collectable"
  ]

  @per_function %{
    start_link: ~w(active owner name grace)a,
    run: ~w(timeout into)a,
    stream: []
  }

  @common ~w(env clear_env cd stdin stdout stderr input pty shell rlimits nice cgroup linger)a

  # The frame that asks for the command may have 4 MiB and 262,144 elements (docs/protocol.md); some is left for the other options. A word
  # takes 5 bytes more in it, a variable 12 and three elements.
  @most_bytes 4_000_000
  @most_elements 262_000
  @most_words 65_536

  @grace 5_000

  @type active :: :all | :pull | {:bytes, non_neg_integer} | {:messages, 1}
  @type t :: %__MODULE__{
          argv: [binary],
          request: keyword,
          input: nil | binary | Enumerable.t(),
          active: active,
          owner: nil | pid,
          name: nil | GenServer.name(),
          grace: non_neg_integer,
          timeout: timeout,
          into: Collectable.t(),
          limits: Limits.t()
        }

  @enforce_keys [:argv, :request, :owner]
  defstruct [
    :argv,
    # as the request :spawn has them
    :request,
    :owner,
    input: nil,
    active: :all,
    name: nil,
    grace: @grace,
    timeout: :infinity,
    into: "",
    limits: %Limits{}
  ]

  @doc "Checks what `function` was given by the calling process."
  @spec parse(atom, term, term) :: {:ok, t} | {:error, Error.t()}
  def parse(function, command, options) do
    options = checked(function, options)

    with {:ok, options} <- with_directory(options),
         {:ok, argv} <- argv(command, Map.get(options, :shell, false)),
         {:ok, limits} <- Rlimits.parse(Map.get(options, :rlimits, [])),
         :ok <- short_enough(argv, options) do
      {:ok, build(function, argv, limits, options)}
    end
  end

  @doc "How many milliseconds a supervisor is to give a command: more than it takes to end one that does not listen."
  @spec shutdown!(term) :: pos_integer
  def shutdown!(options) do
    keyword!(options)
    check!(:grace, Keyword.get(options, :grace, @grace)) + 3_000
  end

  defp build(function, argv, limits, options) do
    {own, request} = Map.split(options, ~w(input active owner name grace timeout into shell rlimits)a)
    own = own |> Map.drop([:shell, :rlimits]) |> Map.put_new(:owner, self())

    request =
      function
      |> defaults(own)
      |> Map.merge(request)
      |> with_limits(limits)
      |> with_input(own)

    struct!(%__MODULE__{argv: argv, request: Map.to_list(request), owner: nil}, own)
  end

  # Nobody would hear it.
  defp defaults(:start_link, %{owner: nil}), do: %{stdout: :null, stderr: :null}
  defp defaults(:start_link, _own), do: %{}
  defp defaults(_once, _own), do: %{stderr: :inherit}

  defp with_limits(request, []), do: request
  defp with_limits(request, limits), do: Map.put(request, :rlimits, limits)

  defp with_input(request, %{input: _input}), do: Map.put(request, :stdin, :pipe)
  defp with_input(request, _own), do: request

  defp with_directory(%{cd: _directory} = options), do: {:ok, options}

  defp with_directory(options) do
    case File.cwd() do
      {:ok, directory} ->
        {:ok, Map.put(options, :cd, directory)}

      {:error, reason} ->
        error(:bad_directory, "the working directory of the VM is gone (#{reason}); give one with :cd")
    end
  end

  ## The words

  defp argv(line, true) when is_binary(line), do: argv(["/bin/sh", "-c", line], false)

  defp argv(other, true) do
    bad!("with shell: true the command is a string for /bin/sh, got: #{inspect(other)}")
  end

  defp argv([], false) do
    error(:empty_argv, "the command is an empty list; expected a program and its arguments")
  end

  defp argv(words, false) when is_list(words) do
    if List.improper?(words) or not Enum.all?(words, &is_binary/1), do: not_words!(words)

    cond do
      Enum.any?(words, &String.contains?(&1, <<0>>)) ->
        error(:nul_byte, "an argument holds a NUL byte, which ends it for the system: #{inspect(words, limit: 20)}")

      hd(words) == "" ->
        error(:enoent, "the name of the program is empty")

      true ->
        {:ok, words}
    end
  end

  defp argv(other, false), do: not_words!(other)

  @spec not_words!(term) :: no_return
  defp not_words!(other) do
    bad!(
      "expected a command as a list of strings such as [\"echo\", \"hello\"] " <>
        "(or a string with shell: true), got: #{inspect(other)}"
    )
  end

  defp short_enough(argv, options) do
    variables = for {name, value} <- Map.get(options, :env, []), do: byte_size(name) + byte_size(value || "") + 12
    words = Enum.map(argv, &(byte_size(&1) + 5))
    size = Enum.sum(words) + Enum.sum(variables)
    elements = length(words) + 3 * length(variables)

    if size > @most_bytes or elements > @most_elements or max(length(words), length(variables)) > @most_words do
      error(
        :e2big,
        "#{length(words)} arguments and #{length(variables)} variables of #{size} bytes are too many; " <>
          "pass them on standard input or in a file"
      )
    else
      :ok
    end
  end

  ## The options

  defp checked(function, options) do
    keyword!(options)
    known = @common ++ @per_function[function]

    # Of an option given twice the first counts, as in Keyword.
    for {key, given} <- Enum.reverse(options), into: %{} do
      unless key in known, do: unknown!(function, key, given, known)
      {key, check!(key, given)}
    end
  end

  defp keyword!(options) do
    unless Keyword.keyword?(options), do: bad!("expected options such as [cd: \"/tmp\"], got: #{inspect(options)}")
  end

  defp check!(key, given) do
    case value(key, given) do
      {:ok, checked} -> checked
      :error -> bad!("option #{inspect(key)}: expected #{@expected[key]}, got: #{inspect(given)}")
    end
  end

  @spec unknown!(atom, atom, term, [atom]) :: no_return
  defp unknown!(function, key, given, known) do
    known = Enum.map_join(known, ", ", &inspect/1)
    bad!("unknown option #{inspect(key)} (#{inspect(given)}) of #{function}; expected one of #{known}")
  end

  defp value(key, value) when key in [:clear_env, :shell, :cgroup] and is_boolean(value), do: {:ok, value}
  defp value(:env, env) when is_map(env) or is_list(env), do: env(Enum.to_list(env), [])
  defp value(:cd, path), do: Paths.expand(path)
  defp value(:stdin, value) when value in [:null, :pipe], do: {:ok, value}
  defp value(:stdout, :stdout), do: :error
  defp value(key, value) when key in [:stdout, :stderr], do: target(value)
  defp value(:pty, true), do: {:ok, {24, 80}}
  defp value(:pty, {rows, columns} = size) when rows in 1..65_535 and columns in 1..65_535, do: {:ok, size}
  defp value(:nice, nice) when nice in -20..19, do: {:ok, nice}
  defp value(:rlimits, limits) when is_list(limits), do: if(pairs?(limits), do: {:ok, limits}, else: :error)
  defp value(key, ms) when key in [:linger, :grace] and ms in 0..3_600_000, do: {:ok, ms}
  defp value(:timeout, :infinity), do: {:ok, :infinity}
  defp value(:timeout, ms) when is_integer(ms) and ms >= 0, do: {:ok, ms}
  defp value(:active, true), do: {:ok, :all}
  defp value(:active, false), do: {:ok, {:bytes, 0}}
  defp value(:active, :once), do: {:ok, {:messages, 1}}
  defp value(:active, n) when is_integer(n) and n >= 0, do: {:ok, {:bytes, n}}
  defp value(:owner, nil), do: {:ok, nil}
  defp value(:owner, pid) when is_pid(pid) and node(pid) == node(), do: {:ok, pid}
  defp value(:owner, name) when is_atom(name), do: owner(Process.whereis(name), name)
  defp value(:name, {:global, _} = name), do: {:ok, name}
  defp value(:name, {:via, module, _} = name) when is_atom(module), do: {:ok, name}
  defp value(:name, name) when is_atom(name) and name not in [nil, true, false, :undefined], do: {:ok, name}
  defp value(:into, into), do: if(Collectable.impl_for(into), do: {:ok, into}, else: :error)

  defp value(:input, input) when is_binary(input) or is_list(input) do
    {:ok, IO.iodata_to_binary(input)}
  rescue
    ArgumentError -> :error
  end

  # Functions of any arity have the protocol.
  defp value(:input, input) when is_function(input) and not is_function(input, 2), do: :error
  defp value(:input, input), do: if(Enumerable.impl_for(input), do: {:ok, input}, else: :error)
  defp value(_key, _value), do: :error

  defp owner(nil, name), do: bad!("option :owner: no process has the name #{inspect(name)}")
  defp owner(pid, _name) when is_pid(pid), do: {:ok, pid}
  defp owner(_port, _name), do: :error

  defp target(value) when value in [:pipe, :stdout, :null, :inherit], do: {:ok, value}

  defp target({kind, path}) when kind in [:file, :append] do
    with {:ok, path} <- Paths.expand(path), do: {:ok, {kind, path}}
  end

  defp target(_other), do: :error

  defp pairs?(list), do: List.improper?(list) == false and Enum.all?(list, &match?({_name, _value}, &1))

  defp env([], checked), do: {:ok, Enum.reverse(checked)}

  defp env([{name, value} | rest], checked) do
    name = to_text(name)
    value = if value in [nil, false], do: nil, else: to_text(value)
    if variable?(name, value), do: env(rest, [{name, value} | checked]), else: :error
  end

  defp env(_other, _checked), do: :error

  defp to_text(text) when is_binary(text), do: text
  defp to_text([_ | _] = charlist), do: if(Paths.charlist?(charlist), do: List.to_string(charlist), else: :error)
  defp to_text(_other), do: :error

  defp variable?(name, value) do
    is_binary(name) and name != "" and not String.contains?(name, ["=", <<0>>]) and
      (value == nil or (is_binary(value) and not String.contains?(value, <<0>>)))
  end

  defp error(reason, detail), do: {:error, %Error{reason: reason, operation: :spawn, detail: detail}}

  @spec bad!(binary) :: no_return
  defp bad!(message), do: raise(ArgumentError, "Lookout.Command: " <> message)
end
