defmodule Lookout.Console.Arguments do
  @moduledoc false
  # Parses the arguments of `mix lookout` and `bin/watch`. Pure, except that paths depend on the working directory and
  # the home directory. `Lookout.Console` calls it, and `Lookout.Console.Session` holds the result (`arguments`).

  @switches [
    ignore: :keep,
    only: :keep,
    gitignore: :boolean,
    settle: :integer,
    max_settle: :integer,
    wait: :boolean,
    since: :string,
    on_bad_cursor: :string,
    json: :boolean,
    print0: :boolean,
    once: :boolean,
    stats: :boolean,
    clear: :boolean,
    restart: :boolean,
    postpone: :boolean,
    notify_exit: :boolean,
    interactive: :boolean,
    help: :boolean,
    version: :boolean
  ]

  @aliases [c: :clear, r: :restart, p: :postpone, h: :help]

  @of_command [:clear, :restart, :postpone, :notify_exit, :interactive]
  @of_printing [:json, :print0, :since, :on_bad_cursor]
  # An invocation with --since ends by itself, and waits for no quiet.
  @of_watching [:once, :settle, :max_settle]

  # The default of --settle with a command or --once, in milliseconds: the single batch of --once should hold all
  # changes that belong together.
  @settle 50

  @type t :: %__MODULE__{
          paths: [binary, ...],
          command: nil | [binary, ...],
          format: :lines | :json | :print0,
          watch: keyword,
          settle: non_neg_integer,
          max_settle: nil | non_neg_integer,
          since: nil | binary,
          on_bad_cursor: :error | :restart,
          once: boolean,
          stats: boolean,
          clear: boolean,
          restart: boolean,
          postpone: boolean,
          notify_exit: boolean,
          interactive: boolean
        }

  @enforce_keys [:paths, :command, :format, :watch, :settle]
  defstruct [
    :paths,
    :command,
    :format,
    # options of the watcher
    :watch,
    # milliseconds of quiet before a run or a batch
    :settle,
    # the longest wait for that quiet; nil: a multiple of `settle`
    max_settle: nil,
    # the directory of the cursor, and what to do where it cannot be used
    since: nil,
    on_bad_cursor: :error,
    once: false,
    stats: false,
    clear: false,
    restart: false,
    postpone: false,
    notify_exit: false,
    # whether a running command gets the typed keys
    interactive: true
  ]

  @spec parse([binary]) :: {:ok, t} | :help | :version | {:error, binary}
  def parse(words) do
    {ours, command} = split(words)
    {options, paths, invalid} = OptionParser.parse(ours, strict: @switches, aliases: @aliases)

    cond do
      options[:help] -> :help
      options[:version] -> :version
      invalid != [] -> {:error, explain(hd(invalid))}
      command == [] -> {:error, "no command after --"}
      true -> build(paths, options, command)
    end
  end

  # All words after the first -- are the command, unchanged.
  defp split(words) do
    case Enum.split_while(words, &(&1 != "--")) do
      {ours, ["--" | command]} -> {ours, command}
      {ours, []} -> {ours, nil}
    end
  end

  defp explain({option, value}) do
    cond do
      not known?(option) -> "unknown option #{option}"
      is_nil(value) -> "option #{option}: a value is missing"
      true -> "option #{option}: #{inspect(value)} is not what it takes"
    end
  end

  defp known?(option) do
    name = option |> String.trim_leading("-") |> String.replace("-", "_")
    Enum.any?(@switches, fn {switch, _type} -> name in [Atom.to_string(switch), "no_#{switch}"] end)
  end

  defp build(paths, options, command) do
    paths = if paths == [], do: ["."], else: paths

    with :ok <- fitting(options, command),
         :ok <- milliseconds(:settle, options, 3_600_000),
         :ok <- milliseconds(:max_settle, options, 86_400_000),
         :ok <- since(options),
         :ok <- watchable([dirs: paths] ++ cursor(options) ++ watch(options)) do
      settle = options[:settle] || default_settle(options, command)
      kept = Keyword.take(options, [:max_settle, :once, :stats, :since] ++ @of_command)
      # With --restart a change may end the command at any time, so by default it does not get the keys (as with entr
      # -r).
      kept = Keyword.put_new(kept, :interactive, not Keyword.get(options, :restart, false))

      required = [
        paths: paths,
        command: command,
        format: format(options),
        watch: watch(options),
        settle: settle,
        on_bad_cursor: if(options[:on_bad_cursor] == "restart", do: :restart, else: :error)
      ]

      {:ok, struct!(__MODULE__, required ++ kept)}
    end
  end

  defp fitting(options, command) do
    given = for {name, value} <- options, value != false, do: name
    wrong = Enum.find(if(command, do: @of_printing, else: @of_command), &(&1 in given))

    cond do
      wrong && command -> {:error, "option #{shown(wrong)} is for printing changes, without a command"}
      wrong -> {:error, "option #{shown(wrong)} is for a command, which follows after --"}
      :json in given and :print0 in given -> {:error, "option --json does not go with --print0"}
      true -> :ok
    end
  end

  defp shown(name), do: "--" <> String.replace(Atom.to_string(name), "_", "-")

  defp milliseconds(name, options, most) do
    case options[name] do
      nil -> :ok
      ms when ms in 0..most//1 -> :ok
      ms -> {:error, "option #{shown(name)}: expected milliseconds from 0 to #{most}, got #{ms}"}
    end
  end

  defp since(options) do
    wrong = options[:since] && Enum.find(@of_watching, &Keyword.has_key?(options, &1))

    cond do
      wrong ->
        {:error, "option #{shown(wrong)} does not go with --since, which prints what is there and ends"}

      options[:on_bad_cursor] not in [nil, "error", "restart"] ->
        {:error, "option --on-bad-cursor: expected error or restart"}

      options[:on_bad_cursor] && !options[:since] ->
        {:error, "option --on-bad-cursor needs the option --since"}

      true ->
        :ok
    end
  end

  defp cursor(options), do: for({:since, dir} <- options, do: {:cursor, dir})

  # Checks paths and patterns with the parser of the watcher, which raises on an invalid path or a pattern that can
  # match nothing.
  defp watchable(options) do
    _options = Lookout.Watcher.Options.parse!(options)
    :ok
  rescue
    error in ArgumentError -> {:error, in_words(Exception.message(error))}
  end

  defp in_words("Lookout: option :dirs" <> rest), do: "PATH" <> rest
  defp in_words("Lookout: option :cursor" <> rest), do: "option --since" <> rest
  defp in_words("Lookout: option :" <> rest), do: "option --" <> rest
  defp in_words(message), do: message

  defp default_settle(options, command), do: if(command || options[:once], do: @settle, else: 0)

  defp format(options) do
    cond do
      options[:json] -> :json
      options[:print0] -> :print0
      true -> :lines
    end
  end

  defp watch(options) do
    Keyword.take(options, [:gitignore]) ++
      if(options[:wait], do: [missing: :wait], else: []) ++
      for name <- [:ignore, :only], patterns = Keyword.get_values(options, name), patterns != [], do: {name, patterns}
  end
end
