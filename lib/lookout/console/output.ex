defmodule Lookout.Console.Output do
  @moduledoc false
  # Standard output and standard error as what they are: streams of bytes. The device of Erlang would take characters, and write bytes
  # of no text in its own way.
  #
  # The process that opens it has to trap exits, and hears by {:EXIT, port, reason} that nobody reads any more.

  @enforce_keys [:stdout, :stderr, :terminals]
  defstruct [:stdout, :stderr, :terminals]

  @type stream :: :stdout | :stderr
  @type t :: %__MODULE__{stdout: port, stderr: port, terminals: %{stream => boolean}}

  @spec open :: t
  def open do
    %__MODULE__{
      stdout: Port.open({:fd, 1, 1}, [:out, :binary]),
      stderr: Port.open({:fd, 2, 2}, [:out, :binary]),
      terminals: %{stdout: terminal?(1), stderr: terminal?(2)}
    }
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

  @spec terminal?(t, stream) :: boolean
  def terminal?(%__MODULE__{terminals: terminals}, stream), do: Map.fetch!(terminals, stream)

  @doc "Whether standard output shows colours: a terminal that knows them, and nobody said NO_COLOR."
  @spec colours?(t) :: boolean
  def colours?(output) do
    terminal?(output, :stdout) and System.get_env("NO_COLOR", "") == "" and System.get_env("TERM") != "dumb"
  end

  @doc "Rows and columns of the terminal."
  @spec size :: {pos_integer, pos_integer}
  def size do
    case {:io.rows(), :io.columns()} do
      {{:ok, rows}, {:ok, columns}} -> {rows, columns}
      _unknown -> {24, 80}
    end
  end

  # Erlang has no isatty(3). Terminals of Linux are pts(4), ttyN and console.
  defp terminal?(descriptor) do
    case :file.read_link_all("/proc/self/fd/#{descriptor}") do
      {:ok, path} -> path |> to_string() |> String.starts_with?(["/dev/pts/", "/dev/tty", "/dev/console"])
      {:error, _reason} -> false
    end
  end
end
