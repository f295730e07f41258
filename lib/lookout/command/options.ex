defmodule Lookout.Command.Options do
  @moduledoc false
  # Checks the command line and the options of a command, in the calling process. Invalid options raise ArgumentError.
  # Values that may come from data (the arguments, the directory, rlimits) return an error instead. `Lookout.Command` and
  # `Lookout.Runner.Options` call it; `Lookout.Command.State` holds the result (`options`).

  alias Lookout.Error
  alias Lookout.Command.{Readiness, Rlimits}
  alias Lookout.Command.Options.Values
  alias Lookout.Port.Tuning
  alias Lookout.Support.{Paths, Sealed}

  @expected [
    env: "a map or list of {name, value}, strings, where nil takes a variable away, or a function that returns one",
    clear_env: "true or false",
    cd: "a path",
    stdin: ":null or :pipe",
    stdout: ":pipe, :null, :inherit, {:file, path} or {:append, path}",
    stderr:
      ":pipe, :stdout, :null, :inherit, {:file, path} or {:append, path}; of run also :separate, of stream also :separate and :tagged",
    input: "iodata, or an enumerable of iodata, or a function that returns one",
    pty: "true or {rows, columns}, each from 1 to 65_535",
    shell: "true or false",
    rlimits: "a list such as [nofile: 1024, core: {0, :infinity}]",
    nice: "an integer from -20 to 19",
    user: "a name, or a number from 0 to 4_294_967_294",
    group: "a name, or a number from 0 to 4_294_967_294",
    groups: "a list of names and numbers from 0 to 4_294_967_294",
    cgroup:
      "true, false, or limits such as [memory_max: 268_435_456, cpu_max: 0.5, pids_max: 100]: bytes (1 or more), processors (0.01 to 10_000), processes (1 to 4_194_303)",
    linger: "milliseconds from 0 to 3_600_000, or :infinity",
    grace: "milliseconds from 0 to 3_600_000",
    stop_signal: "the name of a signal, as :term, or its number from 1 to 64",
    exit_details: "true or false",
    active: "true, false, :once or a count of bytes (0 or more)",
    owner: "a pid of this node, the name of a process, or nil",
    name: "an atom, {:global, term} or {:via, module, term}",
    success: "a list of statuses, not empty: 0 to 255 or {:signal, name}",
    exit_reason: "a function of one argument, the status",
    exit_status: "true or false",
    log_output:
      "a level of the logger, or {level, options} with :prefix, :metadata and :transform; for a command with owner: nil",
    wait_for: "a path, or a function without arguments",
    start_timeout: "milliseconds from 0 to 4_294_967_295, or :infinity",
    timeout: "milliseconds from 0 to 4_294_967_295, or :infinity",
    node: "the name of a node, such as :\"watch@storage\"",
    into: "a collectable"
  ]

  @per_function %{
    start_link: ~w(active owner name exit_details success exit_reason log_output wait_for start_timeout)a,
    run: ~w(timeout into)a,
    watch: [],
    stream: ~w(exit_status)a
  }

  # Options that are not part of the request :spawn.
  @own ~w(input active owner name grace exit_details success exit_reason log_output wait_for start_timeout exit_status gather timeout
          into shell rlimits node)a

  @common ~w(env clear_env cd stdin stdout stderr input pty shell rlimits nice user group groups cgroup linger grace stop_signal node)a

  # The frame of the request :spawn may have 4 MiB and 262,144 elements (docs/protocol.md). These limits leave room for
  # the other options. In the frame an argument takes 5 bytes more than its length, and a variable 12 bytes more and
  # three elements.
  @most_bytes 4_000_000
  @most_elements 262_000
  @most_words 65_536

  # The default grace in milliseconds: of stop/2 and of a supervisor shutdown, and of every other way to end a command.
  @grace 5_000
  @short_grace 500

  @type active :: :all | :pull | {:bytes, non_neg_integer} | {:messages, 1}
  @type t :: %__MODULE__{
          argv: [binary],
          request: keyword,
          input: nil | Sealed.t(binary | Enumerable.t()),
          active: active,
          owner: nil | pid,
          name: nil | GenServer.name(),
          grace: non_neg_integer,
          short_grace: non_neg_integer,
          exit_details: boolean,
          success: [Lookout.Command.status()],
          exit_reason: nil | (Lookout.Command.status() -> term),
          log_output: nil | Lookout.Command.Journal.options(),
          wait_for: nil | Readiness.t(),
          start_timeout: timeout,
          exit_status: boolean,
          gather: nil | :separate | :tagged,
          timeout: timeout,
          into: Collectable.t(),
          node: nil | node,
          limits: Tuning.t()
        }

  @enforce_keys [:argv, :request, :owner]
  defstruct [
    :argv,
    # the options of the request :spawn
    :request,
    :owner,
    input: nil,
    active: :all,
    name: nil,
    grace: @grace,
    short_grace: @short_grace,
    exit_details: false,
    success: [0],
    exit_reason: nil,
    log_output: nil,
    # what the start waits for, and its timeout in milliseconds
    wait_for: nil,
    start_timeout: 30_000,
    # for stream/2: whether the exit is the last element
    exit_status: false,
    # how run/2 and stream/2 return standard error separately from standard output; nil: they do not
    gather: nil,
    timeout: :infinity,
    into: "",
    # the node that the command runs on; nil: this one
    node: nil,
    limits: %Tuning{}
  ]

  @doc "Checks the command and the options that the calling process gave to `function`."
  @spec parse(atom, term, term) :: {:ok, t} | {:error, Error.t()}
  def parse(function, command, options) do
    options = function |> checked(options) |> remote!(options) |> consistent!() |> gather(function)

    with {:ok, options} <- with_directory(options),
         {:ok, argv} <- argv(command, Map.get(options, :shell, false)),
         {:ok, limits} <- rlimits(options),
         :ok <- short_enough(argv, options) do
      {:ok, function |> build(argv, limits, options) |> sensible!()}
    end
  rescue
    error in Error -> {:error, error}
  end

  defp rlimits(%{rlimits: limits}), do: Rlimits.parse(limits)
  defp rlimits(_options), do: {:ok, []}

  # On another node a path has to be absolute, and nothing of this machine is there.
  defp remote!(%{node: node} = options, given) do
    for {key, value} <- given, path = path(value, key), not Paths.absolute?(path) do
      bad!("option #{inspect(key)}: expected an absolute path, since it is one of #{node}, got: #{inspect(path)}")
    end

    options
  end

  defp remote!(options, _given), do: options

  defp path(path, :cd), do: path
  defp path(path, :wait_for) when not is_function(path), do: path
  defp path({kind, path}, key) when key in [:stdout, :stderr] and kind in [:file, :append], do: path
  defp path(_value, _key), do: nil

  # Raises on options that contradict each other.
  defp consistent!(%{linger: :infinity, cgroup: cgroup}) when cgroup != false do
    bad!(
      "options :linger and :cgroup contradict each other: with linger: :infinity a command has no cgroup of its own, " <>
        "since that, and its limits, would end with the command; expected cgroup: false, or none"
    )
  end

  defp consistent!(%{start_timeout: _timeout} = options) when not is_map_key(options, :wait_for),
    do: bad!("option :start_timeout is the time of :wait_for, which is not given")

  defp consistent!(%{input: _input, stdin: :null}),
    do: bad!("options :input and :stdin contradict each other: with stdin: :null nothing reads the input")

  defp consistent!(%{success: _statuses, exit_reason: _function}),
    do: bad!("options :success and :exit_reason contradict each other: each decides on the reason; give one of them")

  defp consistent!(%{pty: _size} = options) when is_map_key(options, :stdout) or is_map_key(options, :stderr) do
    key = if is_map_key(options, :stdout), do: :stdout, else: :stderr
    bad!("options :pty and #{inspect(key)} contradict each other: a terminal is all three standard streams")
  end

  defp consistent!(options), do: options

  # :log_output is only for a command without an owner: an owner gets the output as messages.
  defp sensible!(%{log_output: log_output, owner: owner}) when log_output != nil and owner != nil do
    bad!(
      "option :log_output is for a command with owner: nil, as under a supervisor; an owner gets the output as messages"
    )
  end

  # The default prefix is the name of the program without its directory.
  defp sensible!(%{log_output: %{prefix: nil} = log, argv: [program | _]} = options),
    do: %{options | log_output: %{log | prefix: Path.basename(program) <> ": "}}

  defp sensible!(options), do: options

  # stderr: :separate and :tagged become stderr: :pipe in the request, plus the field `gather`.
  defp gather(%{stderr: mode} = options, function) when mode in [:separate, :tagged] do
    if function in [:start_link, :watch] or (function == :run and mode == :tagged), do: bad_value!(:stderr, mode)
    Map.merge(options, %{stderr: :pipe, gather: mode})
  end

  defp gather(options, _function), do: options

  @doc """
  The shutdown timeout of a command under a supervisor, in milliseconds: its grace, the 3.5 seconds in which `lookout_port` must report
  that KILL has ended the tree or what is left of it, and a margin for a busy machine.
  """
  @spec shutdown!(term) :: pos_integer
  def shutdown!(options) do
    keyword!(options)
    check!(:grace, Keyword.get(options, :grace, @grace)) + 5_000
  end

  defp build(function, argv, limits, options) do
    {own, request} = Map.split(options, @own)
    own = own |> Map.drop([:shell, :rlimits]) |> Map.put_new(:owner, self()) |> with_short_grace()

    request =
      function
      |> defaults(own)
      |> Map.merge(request)
      |> with_limits(limits)
      |> with_input(own)
      |> Map.put(:grace, own.short_grace)

    struct!(%__MODULE__{argv: argv, request: Sealed.options(Map.to_list(request)), owner: nil}, sealed_input(own))
  end

  defp with_short_grace(own), do: Map.put(own, :short_grace, Map.get(own, :grace, @short_grace))

  defp sealed_input(%{input: input} = own), do: %{own | input: Sealed.seal(input)}
  defp sealed_input(own), do: own

  # The defaults of the streams. Without an owner and without :log_output only standard error is read: its end is logged
  # when the command fails.
  defp defaults(:start_link, %{owner: nil, log_output: _log}), do: %{}
  defp defaults(:start_link, %{owner: nil}), do: %{stdout: :null}
  defp defaults(:start_link, _own), do: %{}
  defp defaults(:watch, _own), do: %{stdin: :pipe}
  defp defaults(_once, _own), do: %{stderr: :inherit}

  defp with_limits(request, []), do: request
  defp with_limits(request, limits), do: Map.put(request, :rlimits, limits)

  defp with_input(request, %{input: _input}), do: Map.put(request, :stdin, :pipe)
  defp with_input(request, _own), do: request

  defp with_directory(%{cd: _directory} = options), do: {:ok, options}
  # The default of a node: its root directory.
  defp with_directory(%{node: _node} = options), do: {:ok, options}

  defp with_directory(options) do
    case File.cwd() do
      {:ok, directory} ->
        {:ok, Map.put(options, :cd, directory)}

      {:error, reason} ->
        error(:bad_directory, "the working directory of the VM is gone (#{reason}); give one with :cd")
    end
  end

  ## The command line

  defp argv(line, true) when is_binary(line), do: argv(["/bin/sh", "-c", line], false)

  defp argv(other, true) do
    bad!("with shell: true the command is a string for /bin/sh, got: #{words_or_kind(other)}")
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

  # Shows only the type of anything but a string: a caller that passes options in place of the command must not leak
  # secrets.
  defp words_or_kind(word) when is_binary(word) or word == [], do: inspect(word)
  defp words_or_kind(other), do: Sealed.describe(other)

  @spec not_words!(term) :: no_return
  defp not_words!(other) do
    bad!(
      "expected a command as a list of strings such as [\"echo\", \"hello\"] " <>
        "(or a string with shell: true), got: #{words_or_kind(other)}"
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

    # If an option is given twice, the first one counts, as in Keyword.
    for {key, given} <- Enum.reverse(options), into: %{} do
      unless key in known, do: unknown!(function, key, given, known)
      {key, check!(key, given)}
    end
  end

  defp keyword!(options) do
    unless Keyword.keyword?(options),
      do: bad!("expected options such as [cd: \"/tmp\"], got: #{Sealed.describe(options)}")
  end

  defp check!(key, given) do
    case Values.check(key, given) do
      {:ok, checked} -> checked
      :error -> bad_value!(key, given)
    end
  end

  @spec bad_value!(atom, term) :: no_return
  defp bad_value!(key, given), do: bad!("option #{inspect(key)}: expected #{@expected[key]}, got: #{shown(key, given)}")

  defp shown(key, given) when key in [:env, :input], do: Sealed.describe(given)
  defp shown(_key, given), do: inspect(given)

  @spec unknown!(atom, atom, term, [atom]) :: no_return
  defp unknown!(function, key, given, known) do
    known = Enum.map_join(known, ", ", &inspect/1)
    bad!("unknown option #{inspect(key)} (#{Sealed.describe(given)}) of #{function}; expected one of #{known}")
  end

  defp error(reason, detail), do: {:error, %Error{reason: reason, operation: :spawn, detail: detail}}

  @spec bad!(binary) :: no_return
  defp bad!(message), do: raise(ArgumentError, "Lookout.Command: " <> message)
end
