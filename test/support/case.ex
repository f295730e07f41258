defmodule Lookout.Case do
  @moduledoc false
  # A test with a directory of its own, `dir` in its context.

  use ExUnit.CaseTemplate

  using do
    quote do
      import Lookout.Case
    end
  end

  setup do
    number = System.unique_integer([:positive])
    dir = Path.join(System.tmp_dir!(), "lookout-test-#{System.pid()}-#{number}")
    File.mkdir_p!(dir)
    on_exit(fn -> {_output, 0} = System.cmd("rm", ["-rf", dir]) end)
    {:ok, dir: dir}
  end

  @doc "Starts a watcher that ends with the test. `limits` replaces bounds and times."
  def start_watcher!(options, limits \\ []) do
    options = Lookout.Watcher.Options.parse!(options)
    options = %{options | limits: struct!(options.limits, limits)}
    id = make_ref()
    start = {Lookout.Watcher.Server, :start_link, [options]}
    ExUnit.Callbacks.start_supervised!(%{id: id, start: start, restart: :temporary})
  end

  @doc "The process id of a watcher's program."
  def os_pid(watcher) do
    {:ok, %{os_pid: os_pid}} = Lookout.info(watcher)
    os_pid
  end

  def signal(os_pid, name), do: {"", 0} = System.cmd("kill", ["-#{name}", "#{os_pid}"])

  @doc "Whether no such process is there, not even as a zombie."
  def gone?(os_pid), do: not File.exists?("/proc/#{os_pid}")

  @doc "Waits until the function returns what is true, and returns that."
  def eventually(fun, tries \\ 1_000) do
    cond do
      value = fun.() ->
        value

      tries == 0 ->
        ExUnit.Assertions.flunk("it did not come true")

      true ->
        Process.sleep(10)
        eventually(fun, tries - 1)
    end
  end

  @doc "The messages of a watcher in the mailbox, taken out."
  def taken(watcher) do
    receive do
      {:lookout, ^watcher, message} -> [message | taken(watcher)]
    after
      0 -> []
    end
  end

  @doc "The entries created until now with the numbers of their batches, and the notices."
  def stream(watcher) do
    :ok = Lookout.sync(watcher)

    Enum.map(taken(watcher), fn
      {:events, seq, events} ->
        {seq, for(%Lookout.Event{change: :created, path: path} <- events, do: Path.basename(path))}

      {:notice, notice} ->
        notice
    end)
  end

  @doc "Sends what is in the outbox of a connection, however long it is busy."
  def flushed(bridge) do
    case Lookout.Port.Bridge.flush(bridge) do
      {:ok, bridge} ->
        bridge

      {:busy, bridge} ->
        Process.sleep(1)
        flushed(bridge)
    end
  end

  @doc "Changes the mode by one system call. File.chmod/2 makes several, each of which may be an event."
  def chmod!(path, mode), do: {"", 0} = System.cmd("chmod", [mode, path])

  @doc """
  Lets what stands there grow old. Within one tick of the kernel's clock (10 ms at most) an inode number
  may be used again, so a file that is younger is told as modified when it is renamed.
  """
  def grow_old(watcher) do
    Process.sleep(20)
    :ok = Lookout.sync(watcher)
  end

  @doc "What has changed until now, as `{change, path}` or `{:renamed, path, from}`, paths relative to `dir`."
  def changes(watcher, dir) do
    :ok = Lookout.sync(watcher)
    for {:events, _seq, events} <- taken(watcher), event <- events, do: change(event, dir)
  end

  def change(%Lookout.Event{change: :renamed} = event, dir) do
    {:renamed, relative(event.path, dir), relative(event.from, dir)}
  end

  def change(%Lookout.Event{} = event, dir), do: {event.change, relative(event.path, dir)}

  # Not Path.relative_to/2: names are bytes.
  defp relative(path, dir), do: binary_part(path, byte_size(dir) + 1, byte_size(path) - byte_size(dir) - 1)
end
