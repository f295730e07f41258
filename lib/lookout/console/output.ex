defmodule Lookout.Console.Output do
  @moduledoc false
  # Standard output and standard error as streams of bytes. An Erlang IO device takes characters, and would re-encode
  # bytes that are not text. `Lookout.Console.Session` and `Printer` hold it (`output`) and call it.
  #
  # The process that opens it must trap exits: a failed write arrives as {:EXIT, port, reason}. If standard output is a
  # pipe, its reader is watched too: {reader, {:exit_status, 0}} arrives when the pipe has no reader any more. The
  # process passes each message that it does not know to `failure/2`.

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

  # The VM detects an error of a descriptor only at a write. lookout_port polls the same pipe, and exits when the pipe
  # has no reader, or when the VM ends. If lookout_port cannot be started, the next write detects the missing reader.
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

  @doc "Writes, and blocks while the reader is slow. `:closed` if the port is closed because a write has failed."
  @spec write(t, stream, iodata) :: :ok | :closed
  def write(%__MODULE__{} = output, stream, bytes) do
    Port.command(Map.fetch!(output, stream), bytes)
    :ok
  rescue
    ArgumentError -> :closed
  end

  # Milliseconds between two checks of the port queue.
  @look 5

  @doc "Waits until the port of standard output has written its whole queue, or has failed."
  @spec flush(t) :: :ok | {:error, reason :: atom}
  def flush(%__MODULE__{stdout: port} = output) do
    case Port.info(port, :queue_size) do
      {:queue_size, left} when left > 0 ->
        Process.sleep(@look)
        flush(output)

      _all_or_failed ->
        receive do
          {:EXIT, ^port, reason} -> {:error, reason}
        after
          0 -> :ok
        end
    end
  end

  @doc "Why standard output has failed, if the message says so; `:epipe` if it has no reader any more. Otherwise nil."
  @spec failure(t, message :: term) :: nil | atom
  def failure(%__MODULE__{stdout: port}, {:EXIT, port, reason}), do: reason
  def failure(%__MODULE__{reader: reader}, {reader, {:exit_status, 0}}), do: :epipe
  def failure(_output, _message), do: nil

  @doc "The exit status of `mix lookout` after this failure. Of `:epipe` as a shell reports it: 128 + SIGPIPE."
  @spec exit_status(reason :: atom) :: 1..255
  def exit_status(:epipe), do: 141
  def exit_status(_reason), do: 1

  @spec terminal?(t, :stdin | stream) :: boolean
  def terminal?(%__MODULE__{terminals: terminals}, stream), do: Map.fetch!(terminals, stream)

  @doc "Whether to write colours to the stream: it is a terminal, `TERM` is not `dumb`, and `NO_COLOR` is unset or empty."
  @spec colours?(t, stream) :: boolean
  def colours?(output, stream) do
    terminal?(output, stream) and System.get_env("NO_COLOR", "") == "" and System.get_env("TERM") != "dumb"
  end

  @doc "Rows and columns of the terminal; 24 and 80 if unknown."
  @spec size :: {pos_integer, pos_integer}
  def size do
    case {:io.rows(), :io.columns()} do
      {{:ok, rows}, {:ok, columns}} when rows > 0 and columns > 0 -> {rows, columns}
      _unknown -> {24, 80}
    end
  end

  # Two ports write independently of each other and could reorder the lines on one terminal, so both streams share a
  # port.
  defp same_terminal?, do: terminal?(1) and descriptor(1) == descriptor(2)

  # Erlang has no isatty(3). The terminals of Linux are pts(4), ttyN and console.
  defp terminal?(descriptor), do: String.starts_with?(descriptor(descriptor), ["/dev/pts/", "/dev/tty", "/dev/console"])

  defp descriptor(descriptor) do
    case :file.read_link_all("/proc/self/fd/#{descriptor}") do
      {:ok, path} -> to_string(path)
      {:error, _reason} -> ""
    end
  end
end
