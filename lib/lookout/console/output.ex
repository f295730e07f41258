defmodule Lookout.Console.Output do
  @moduledoc false
  # Standard output and standard error as what they are: streams of bytes. The device of Erlang would take characters, and write bytes
  # of no text in its own way.
  #
  # The process that opens it has to trap exits. A write that fails is {:EXIT, port, reason}. Where standard output is a pipe, its reader
  # is watched too: {reader, {:exit_status, 0}} when there is none any more.

  @enforce_keys [:stdout, :stderr, :terminals, :reader]
  defstruct [:stdout, :stderr, :terminals, :reader]

  @type stream :: :stdout | :stderr
  @type t :: %__MODULE__{stdout: port, stderr: port, terminals: %{(:stdin | stream) => boolean}, reader: nil | port}

  @spec open :: t
  def open do
    stdout = Port.open({:fd, 1, 1}, [:out, :binary])

    %__MODULE__{
      stdout: stdout,
      stderr: if(same_terminal?(), do: stdout, else: Port.open({:fd, 2, 2}, [:out, :binary])),
      terminals: %{stdin: terminal?(0), stdout: terminal?(1), stderr: terminal?(2)},
      reader: if(pipe?(1), do: watch_reader())
    }
  end

  # The VM reports an error of a descriptor only when something is written. lookout_port polls the same pipe, and ends when that has no
  # reader, or with the VM. Where it cannot be started the next write finds out.
  defp watch_reader do
    line = "exec \"$0\" --until-unread >/proc/#{System.pid()}/fd/1"
    Port.open({:spawn_executable, "/bin/sh"}, [:exit_status, :hide, args: ["-c", line, Lookout.port_path()]])
  end

  @pipe 0o010000

  defp pipe?(descriptor) do
    case File.stat("/proc/self/fd/#{descriptor}") do
      {:ok, %File.Stat{mode: mode}} -> Bitwise.band(mode, 0o170000) == @pipe
      {:error, _reason} -> false
    end
  end

  @doc "Writes, and waits where the reader is slow. `:closed` where there is none."
  @spec write(t, stream, iodata) :: :ok | :closed
  def write(%__MODULE__{} = output, stream, bytes) do
    Port.command(Map.fetch!(output, stream), bytes)
    :ok
  rescue
    ArgumentError -> :closed
  end

  # Milliseconds between two looks at what is left.
  @look 5

  @doc "Waits until standard output has taken all that was written, or fails."
  @spec flush(t) :: :ok
  def flush(%__MODULE__{stdout: port} = output) do
    case Port.info(port, :queue_size) do
      {:queue_size, left} when left > 0 ->
        Process.sleep(@look)
        flush(output)

      _all_or_failed ->
        :ok
    end
  end

  @spec terminal?(t, :stdin | stream) :: boolean
  def terminal?(%__MODULE__{terminals: terminals}, stream), do: Map.fetch!(terminals, stream)

  @doc "Whether the stream shows colours: a terminal that knows them, and no variable `NO_COLOR`."
  @spec colours?(t, stream) :: boolean
  def colours?(output, stream) do
    terminal?(output, stream) and System.get_env("NO_COLOR", "") == "" and System.get_env("TERM") != "dumb"
  end

  @doc "Rows and columns of the terminal."
  @spec size :: {pos_integer, pos_integer}
  def size do
    case {:io.rows(), :io.columns()} do
      {{:ok, rows}, {:ok, columns}} when rows > 0 and columns > 0 -> {rows, columns}
      _unknown -> {24, 80}
    end
  end

  # Each port writes in a thread of its own: two of them would mix up the order in which lines come to one terminal.
  defp same_terminal?, do: terminal?(1) and descriptor(1) == descriptor(2)

  # Erlang has no isatty(3). Terminals of Linux are pts(4), ttyN and console.
  defp terminal?(descriptor), do: String.starts_with?(descriptor(descriptor), ["/dev/pts/", "/dev/tty", "/dev/console"])

  defp descriptor(descriptor) do
    case :file.read_link_all("/proc/self/fd/#{descriptor}") do
      {:ok, path} -> to_string(path)
      {:error, _reason} -> ""
    end
  end
end
