defmodule Lookout.Runner.Options do
  @moduledoc false
  # Checks the options of a runner, in the calling process. The options of its own watcher are checked by
  # `Lookout.Watcher.Options`, those of the command by `Lookout.Command.Options`. `Lookout.Runner` calls it;
  # `Lookout.Runner.State` holds the result (`options`).

  alias Lookout.{Command, Error}
  alias Lookout.Runner.Invocation
  alias Lookout.Support.{Paths, Sealed, Signals}

  @expected [
    watcher: "a watcher: its pid or its name",
    command: "a list of strings such as [\"mix\", \"test\"] (or a string with shell: true)",
    run: "a function of one argument, the list of paths",
    on_busy: ":queue, :restart, :ignore or :signal",
    signal: "a signal by name (:hup) or number",
    settle: "milliseconds from 0 to 3_600_000",
    max_settle: "milliseconds from 0 to 86_400_000",
    run_at_start: "true or false",
    interactive: "true or false",
    paths: "nil, :stdin, :args or {:env, \"NAME\"}",
    into: ":stdio, nil or a function of one argument, {:stdout | :stderr, bytes}",
    notify: "a pid, the name of a process, or a list of them",
    grace: "milliseconds from 0 to 3_600_000",
    name: "an atom, {:global, term} or {:via, module, term}"
  ]

  @of_watcher ~w(dirs recursive follow_symlinks await backend poll_interval gitignore ignore only changes missing ready
                node session linger cursor on_bad_cursor checkpoint_every)a
  @of_command ~w(cd env clear_env stdout stderr pty shell rlimits nice user group groups linger cgroup stop_signal)a

  @type t :: %__MODULE__{
          watcher: {:named, GenServer.server()} | {:own, Lookout.Watcher.Options.t()},
          task: {:command, Invocation.t()} | {:function, ([binary] -> term)},
          on_busy: Lookout.Runner.Schedule.on_busy(),
          signal: atom | 1..64,
          settle: non_neg_integer,
          max_settle: non_neg_integer,
          run_at_start: boolean,
          interactive: boolean,
          paths: Invocation.how(),
          into: :stdio | nil | ({:stdout | :stderr, binary} -> term),
          notify: [pid | atom],
          grace: non_neg_integer,
          name: nil | GenServer.name()
        }

  @grace 5_000
  @settle 50
  # The default of :checkpoint_every, in milliseconds.
  @checkpoint_every 1_000
  # The default of :max_settle as a multiple of :settle: a run starts after that time even if changes never cease.
  @longest 10

  @enforce_keys [:watcher, :task, :settle, :max_settle]
  defstruct [
    :watcher,
    :task,
    :settle,
    :max_settle,
    on_busy: :queue,
    signal: :hup,
    run_at_start: false,
    interactive: false,
    paths: nil,
    into: :stdio,
    notify: [],
    grace: @grace,
    name: nil
  ]

  @doc "Raises on invalid options. Returns an error for a command that cannot be started (an empty list, for example)."
  @spec parse(term) :: {:ok, t} | {:error, Error.t()}
  def parse(options) do
    checked(options)
  rescue
    error in Error -> {:error, error}
  end

  defp checked(options) do
    keyword!(options)
    options = Enum.uniq_by(options, &elem(&1, 0))
    {of_watcher, options} = Keyword.split(options, @of_watcher)
    {of_command, options} = Keyword.split(options, @of_command)
    own = Map.new(options, &checked!/1)
    watcher = watcher(own, of_watcher)

    with {:ok, task} <- task(own, of_command) do
      {:ok, own |> Map.drop([:command, :run]) |> Map.merge(%{watcher: watcher, task: task}) |> build()}
    end
  end

  @doc "The shutdown timeout of a runner under a supervisor, in milliseconds: more than it takes to KILL a command after its grace."
  @spec shutdown!(term) :: pos_integer
  def shutdown!(options) do
    keyword!(options)
    {:grace, grace} = checked!({:grace, Keyword.get(options, :grace, @grace)})
    grace + 6_000
  end

  defp keyword!(options) do
    unless Keyword.keyword?(options) do
      shown = if is_binary(options), do: inspect(options), else: Sealed.describe(options)
      bad!("expected options such as [dirs: \"lib\", command: [\"mix\", \"test\"]], got: #{shown}")
    end
  end

  defp build(own) do
    settle = Map.get(own, :settle, @settle)
    own = own |> Map.put(:settle, settle) |> Map.put_new(:max_settle, @longest * settle)
    __MODULE__ |> struct!(own) |> sensible!()
  end

  defp checked!({key, given}) do
    expected = @expected[key] || unknown!(key, given)

    case value(key, given) do
      {:ok, checked} -> {key, checked}
      :error -> bad!("option #{inspect(key)}: expected #{expected}, got: #{inspect(given)}")
    end
  end

  @spec unknown!(atom, term) :: no_return
  defp unknown!(key, given) do
    known = Enum.map_join(Keyword.keys(@expected) ++ @of_watcher ++ @of_command, ", ", &inspect/1)
    bad!("unknown option #{inspect(key)} (#{Sealed.describe(given)}); expected one of #{known}")
  end

  ## The watcher

  defp watcher(%{watcher: watcher}, []), do: {:named, watcher}

  defp watcher(%{watcher: _watcher}, [{key, _value} | _]) do
    bad!("option #{inspect(key)} is for a watcher of the runner's own; give it to the watcher, or leave out :watcher")
  end

  defp watcher(_own, of_watcher) do
    unless Keyword.has_key?(of_watcher, :dirs) do
      bad!("what is to be watched? Expected :watcher (#{@expected[:watcher]}) or :dirs (a path or a list of paths)")
    end

    {:own, of_watcher |> with_checkpoints() |> Lookout.Watcher.Options.parse!()}
  end

  defp with_checkpoints(of_watcher) do
    if Keyword.has_key?(of_watcher, :cursor),
      do: Keyword.put_new(of_watcher, :checkpoint_every, @checkpoint_every),
      else: of_watcher
  end

  ## What is run

  defp task(%{command: _command, run: _function}, _of_command), do: bad!("expected :command or :run, not both")

  defp task(%{command: command} = own, of_command) do
    of_command = Keyword.put_new_lazy(of_command, :cd, &Paths.cwd!/0)
    check_paths!(own[:paths], command, of_command)
    # Checks the command now, so that invalid options are reported before the first run.
    checked = Keyword.merge([owner: nil], of_command)

    with {:ok, _options} <- Command.Options.parse(:start_link, command, checked) do
      {:ok, {:command, {command, of_command |> absolute() |> Sealed.options()}}}
    end
  end

  defp task(%{run: function}, []), do: {:ok, {:function, function}}

  defp task(%{run: _function}, [{key, _value} | _]) do
    bad!("option #{inspect(key)} is for a :command, not for a function")
  end

  defp task(_own, _of_command), do: bad!("what is to be run? Expected :command or :run")

  # A relative :cd is resolved now: the working directory of the VM may be another one at a later run.
  defp absolute(of_command), do: Keyword.update!(of_command, :cd, &Lookout.Watcher.Options.path!/1)

  defp check_paths!(:args, command, of_command) do
    if of_command[:shell] || not Invocation.placeholder?(command) do
      bad!(
        "with paths: :args one word of the command has to be #{inspect(Invocation.placeholder())} (and no shell reads it), " <>
          "got: #{inspect(command)}"
      )
    end
  end

  defp check_paths!(:stdin, _command, of_command) do
    if of_command[:pty], do: bad!("paths: :stdin does not go with :pty, which has no clean standard input")
  end

  defp check_paths!(_how, _command, _of_command), do: :ok

  # Raises on options that apply only to commands.
  defp sensible!(%{task: {:function, _function}, on_busy: :signal}) do
    bad!("on_busy: :signal is for a :command: a function cannot be sent a signal")
  end

  defp sensible!(%{task: {:function, _function}, paths: how}) when how != nil do
    bad!("option :paths is for a :command: a function gets the paths as its argument")
  end

  defp sensible!(%{interactive: true} = options) do
    if size(options) == nil, do: bad!("interactive: true is for a :command with :pty, whose terminal it leaves open")
    options
  end

  defp sensible!(options), do: options

  ## The terminal of a command

  @doc "The size of the terminal in rows and columns; nil without `:pty`."
  @spec size(t) :: nil | {pos_integer, pos_integer}
  def size(%__MODULE__{task: {:command, {_command, options}}}) do
    # The default size of `pty: true`.
    if options[:pty] == true, do: {24, 80}, else: options[:pty]
  end

  def size(%__MODULE__{task: {:function, _function}}), do: nil

  @doc "Sets the size of the terminals of later runs."
  @spec resize(t, {pos_integer, pos_integer}) :: {:ok, t} | {:error, Error.t()}
  def resize(%__MODULE__{} = options, size) do
    case {size(options), options.task} do
      {nil, _task} ->
        detail = "what the runner runs has no terminal; expected :command with :pty"
        {:error, %Error{reason: :no_terminal, operation: :resize, detail: detail}}

      {_old, {:command, {command, of_command}}} ->
        {:ok, %{options | task: {:command, {command, Keyword.put(of_command, :pty, size)}}}}
    end
  end

  ## Values

  defp value(:watcher, watcher) when is_pid(watcher), do: {:ok, watcher}
  defp value(:watcher, {name, node} = watcher) when is_atom(name) and is_atom(node), do: {:ok, watcher}
  defp value(:watcher, name), do: name(name)
  defp value(:command, command) when is_list(command) or is_binary(command), do: {:ok, command}
  defp value(:run, function) when is_function(function, 1), do: {:ok, function}
  defp value(:on_busy, busy) when busy in [:queue, :restart, :ignore, :signal], do: {:ok, busy}
  defp value(:signal, signal), do: if(Signals.known?(signal), do: {:ok, signal}, else: :error)
  defp value(key, ms) when key in [:settle, :grace] and ms in 0..3_600_000, do: {:ok, ms}
  defp value(:max_settle, ms) when ms in 0..86_400_000, do: {:ok, ms}
  defp value(key, value) when key in [:run_at_start, :interactive] and is_boolean(value), do: {:ok, value}
  defp value(:paths, how) when how in [nil, :stdin, :args], do: {:ok, how}

  defp value(:paths, {:env, name} = how) when is_binary(name) and name != "" do
    if String.contains?(name, ["=", <<0>>]), do: :error, else: {:ok, how}
  end

  defp value(:into, into) when into in [:stdio, nil] or is_function(into, 1), do: {:ok, into}
  defp value(:notify, list) when is_list(list), do: if(Enum.all?(list, &notified?/1), do: {:ok, list}, else: :error)
  defp value(:notify, one), do: value(:notify, [one])
  defp value(:name, name), do: name(name)
  defp value(_key, _value), do: :error

  defp notified?(pid) when is_pid(pid), do: true
  defp notified?(name), do: is_atom(name) and name not in [nil, true, false, :undefined]

  defp name({:global, _term} = name), do: {:ok, name}
  defp name({:via, module, _term} = name) when is_atom(module), do: {:ok, name}
  defp name(name) when is_atom(name) and name not in [nil, true, false, :undefined], do: {:ok, name}
  defp name(_other), do: :error

  @spec bad!(binary) :: no_return
  defp bad!(message), do: raise(ArgumentError, "Lookout.Runner: " <> message)
end
