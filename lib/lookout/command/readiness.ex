defmodule Lookout.Command.Readiness do
  @moduledoc false
  # The process that waits until a command is ready: until a path exists, or a function returns a truthy value.
  # `Lookout.Command.Server` starts and stops it; `Lookout.Command.State` has its pid (`readiness`).
  #
  # It is linked to the command server, and sends `{:ready, pid}` to it when the command is ready. An exit without that
  # message is a failure. The exit reason is `{:not_ready, error}` if the process knows the cause.

  alias Lookout.Error
  alias Lookout.Support.{LogMetadata, Sealed}

  @type t :: {:path, binary} | {:function, (() -> term)}

  # Milliseconds between two calls of a function: no event reports that its result has changed, so it is polled.
  @interval 10

  # A supervisor logs the error of a failed start, and the message of an exception may contain a secret. So, if the
  # command has no owner, the error has only the kind of the failure or the module of the exception.
  @doc "Starts the process. `node` is the node on which a path is watched; nil: this machine."
  @spec start_link(t, nil | pid, nil | node) :: pid
  def start_link(wait_for, owner, node) do
    command = self()

    spawn_link(
      LogMetadata.inherited(fn ->
        await(wait_for, describe(owner), node)
        send(command, {:ready, self()})
      end)
    )
  end

  defp describe(nil), do: &kind/3
  defp describe(_owner), do: &Exception.format_banner/3

  defp kind(:error, %module{}, _stacktrace), do: "** (#{inspect(module)})"
  defp kind(kind, _reason, _stacktrace), do: "** (#{kind})"

  @doc "Stops the process, if there is one, and removes its messages from the mailbox."
  @spec stop(nil | pid) :: :ok
  def stop(nil), do: :ok

  def stop(pid) do
    Process.unlink(pid)
    # The reason :shutdown also shuts down the linked watcher. :kill stops a function that traps exits.
    Process.exit(pid, :shutdown)
    Process.exit(pid, :kill)

    receive do
      {:EXIT, ^pid, _reason} -> :ok
    after
      0 -> :ok
    end

    receive do
      {:ready, ^pid} -> :ok
    after
      0 -> :ok
    end
  end

  @doc "Converts the exit reason of the process to the error of the failed start."
  @spec failure(term) :: Error.t()
  def failure({:not_ready, %Error{} = error}), do: error

  # The linked watcher has stopped with this error.
  def failure(%Error{} = error),
    do: error(error.reason, nil, "the path cannot be watched any more: " <> Exception.message(error))

  # The process was killed, or a process that is linked to it has exited: its watcher, or one that the function started.
  def failure(reason), do: failed("the process that waits for :wait_for ended with #{Sealed.describe(reason)}")

  @doc "An error of the operation `:wait_for`."
  @spec error(atom, nil | t, binary) :: Error.t()
  def error(reason, wait_for, detail) do
    %Error{reason: reason, operation: :wait_for, path: path(wait_for), detail: detail}
  end

  defp path({:path, path}), do: path
  defp path(_function), do: nil

  defp failed(how), do: error(:wait_failed, nil, how)

  defp await({:function, function}, describe, node) do
    unless call(function, describe) do
      Process.sleep(@interval)
      await({:function, function}, describe, node)
    end
  end

  # A watcher checks the path: it follows links, and does not block on a mount that hangs. File.exists?/1 would block
  # the file server of the VM, and every process that uses it.
  defp await({:path, path}, _describe, node) do
    there = if node, do: [node: node], else: []
    options = [dirs: [path], recursive: false, missing: :wait, subscribe: [self()]]

    case Lookout.start_link(options ++ there) do
      {:ok, watcher} -> await_path(path, watcher)
      {:error, error} -> exit({:not_ready, not_watched(path, error)})
    end
  end

  defp call(function, describe) do
    function.()
  catch
    kind, reason ->
      exit({:not_ready, failed("the function of :wait_for failed: " <> describe.(kind, reason, __STACKTRACE__))})
  end

  defp await_path(path, watcher) do
    if exists?(watcher) do
      Lookout.stop(watcher)
    else
      receive do
        {:lookout, ^watcher, {:stopped, error}} -> exit({:not_ready, not_watched(path, error)})
        {:lookout, ^watcher, _changes} -> await_path(path, watcher)
      end
    end
  end

  # There is no reply while the watcher is disconnected from its node, or its `lookout_port` restarts. Afterwards the
  # watcher sends a message, and then this is called again.
  defp exists?(watcher) do
    case Lookout.info(watcher, :infinity) do
      {:ok, %{roots: roots}} -> Enum.any?(roots, fn {_path, source} -> source != nil end)
      {:error, _away} -> false
    end
  end

  defp not_watched(path, %Error{} = error),
    do: error(error.reason, {:path, path}, "it cannot be watched: " <> Exception.message(error))

  defp not_watched(path, reason),
    do: error(:wait_failed, {:path, path}, "its watcher has stopped: #{inspect(reason)}")
end
