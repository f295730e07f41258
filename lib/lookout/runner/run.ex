defmodule Lookout.Runner.Run do
  @moduledoc false
  # The process of one run. It starts the command (or calls the function) and writes the output of the command, so that
  # a slow device blocks this process and not the runner. It is linked to the runner and to the command. `Lookout.Runner.Server`
  # starts it, and holds the struct below in the field `run` of its state.
  #
  # It sends these messages to the runner:
  #     {:run, pid, {:launched, command | nil, os_pid | nil}}; then it waits for :go
  #     {:run, pid, {:ended, status | :ok | {:exit, reason} | {:error, error}}}, after :launched
  #     {:run, pid, {:failed, error}}, instead of both, if the command could not be started
  # If the function of :run raises or exits, this process exits with that reason, without :ended.

  alias Lookout.{Command, Error}
  alias Lookout.Runner.{Changes, Invocation, Options, Text}
  alias Lookout.Support.LogMetadata

  # The state of the current run in the runner.
  defstruct [
    :pid,
    :command,
    # the changes that the run got; and those of them that triggered it (the others are of a run that did not complete)
    :given,
    :cause,
    # the time of its start or of its last signal (monotonic milliseconds)
    :since,
    # the size of its terminal
    :size,
    # the changes for which the signal was sent
    :signalled,
    # the action (:stop or :signal) that was requested before the launch, and follows it
    :asked,
    # the process that stops its command
    :stopper,
    launched: false,
    stopping: false
  ]

  @doc """
  Starts a run. The process calls `before_end` after the end of the command or of the function, before it sends `:ended`.
  """
  @spec start_link(Options.t(), Changes.t(), (() -> term)) :: pid
  def start_link(%Options{} = options, %Changes{} = changes, before_end) do
    runner = self()
    :proc_lib.spawn_link(LogMetadata.inherited(fn -> run(options.task, runner, options, changes, before_end) end))
  end

  @doc "Unlinks the process of a run that has ended, and ignores its exit: it may have been killed after `:ended`."
  @spec forget(pid) :: :ok
  def forget(pid) do
    Process.unlink(pid)

    receive do
      {:EXIT, ^pid, _reason} -> :ok
    after
      0 -> :ok
    end
  end

  @doc """
  Logs the failure of a function of the options (`:run` or `:into`). Logger drops the crash report of the process of a run,
  unless it is configured to handle SASL reports.
  """
  @spec log_failure(term, binary) :: :ok
  def log_failure({:exit, reason}, label) when reason != :shutdown do
    :logger.error("#{label}: a run failed, and is not repeated for these changes: #{Exception.format_exit(reason)}")
  end

  def log_failure(_status, _label), do: :ok

  defp run({:function, function}, runner, _options, changes, before_end) do
    tell(runner, {:launched, nil, nil})
    await_go()

    try do
      function.(Changes.paths(changes))
    after
      before_end.()
    end

    tell(runner, {:ended, :ok})
  end

  defp run({:command, command}, runner, options, changes, before_end) do
    case launch(command, options, changes) do
      {:ok, pid} ->
        tell(runner, {:launched, pid, os_pid(pid)})
        await_go()
        status = follow(pid, sink(options.into))
        before_end.()
        tell(runner, {:ended, status})

      {:error, error} ->
        tell(runner, {:failed, error})
    end
  end

  defp launch(command, options, changes) do
    {kind, invocation} = Invocation.build(command, options.paths, changes)

    case start(invocation, options) do
      # Only the kernel knows the limit of all arguments and variables: it depends on RLIMIT_STACK.
      {:error, %Error{reason: :e2big}} when kind == :with_list ->
        command |> Invocation.omitting(options.paths, changes) |> start(options)

      result ->
        result
    end
  end

  defp start({argv, command_options}, options) do
    command_options |> streams(options) |> then(&Command.start_link(argv, [grace: options.grace] ++ &1))
  end

  # Without `interactive: true`, a command on a terminal gets an empty input, like /dev/null.
  defp streams(options, %{into: into, interactive: interactive}) do
    options = if options[:pty] && not interactive, do: Keyword.put_new(options, :input, ""), else: options

    if is_nil(into) and not Keyword.has_key?(options, :pty),
      do: options |> Keyword.put_new(:stdout, :null) |> Keyword.put_new(:stderr, :null),
      else: options
  end

  # A command as short as `true` may have exited already.
  defp os_pid(pid) do
    case Command.os_pid(pid) do
      {:ok, os_pid} -> os_pid
      {:error, _not_running} -> nil
    end
  end

  defp await_go do
    receive do
      :go -> :ok
    end
  end

  ## Output

  defp follow(pid, {write, state, finish}) do
    {status, state} = take(pid, write, state)
    finish.(state)
    status
  catch
    # Writing the output has failed. Stop the command first, so that none of its processes runs when `:ended` is sent.
    kind, reason ->
      Command.stop(pid)
      {:exit, Exception.normalize(kind, reason, __STACKTRACE__)}
  end

  defp take(pid, write, state) do
    receive do
      {:lookout_command, ^pid, {:exit, status}} -> {status, state}
      {:lookout_command, ^pid, {:error, error}} -> {{:error, error}, state}
      {:lookout_command, ^pid, output} -> take(pid, write, write.(output, state))
    end
  end

  # How a piece of output is written, the first state of that, and what is called at the end.
  defp sink(nil), do: {fn _output, state -> state end, nil, &Function.identity/1}
  defp sink(:stdio), do: {&print/2, %{stdout: "", stderr: ""}, &print_rests/1}

  defp sink(function) do
    write = fn output, state ->
      function.(output)
      state
    end

    {write, nil, &Function.identity/1}
  end

  defp print({stream, bytes}, rests) do
    {text, rest} = Text.decode(rests[stream], bytes)
    write(stream, text)
    %{rests | stream => rest}
  end

  defp print_rests(rests), do: for({stream, rest} <- rests, rest != "", do: write(stream, Text.last(rest)))

  # The IO device may have ended. Ignore that: the command continues, and its output is dropped.
  defp write(stream, text) do
    IO.write(device(stream), text)
  rescue
    ErlangError -> :ok
  end

  defp device(:stdout), do: :stdio
  defp device(:stderr), do: :standard_error

  defp tell(runner, message), do: send(runner, {:run, self(), message})
end
