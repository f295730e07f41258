defmodule Lookout.Support.Signals do
  @moduledoc false
  # The signals of Linux, by their names in `kill -l`, in lower case. The numbers are those of x86, ARM and RISC-V:
  # signal(7). Pure. The options of commands and runners, the server of a runner and `Lookout.Console.Status` call it.

  @numbers %{
    hup: 1,
    int: 2,
    quit: 3,
    ill: 4,
    trap: 5,
    abrt: 6,
    bus: 7,
    fpe: 8,
    kill: 9,
    usr1: 10,
    segv: 11,
    usr2: 12,
    pipe: 13,
    alrm: 14,
    term: 15,
    stkflt: 16,
    chld: 17,
    cont: 18,
    stop: 19,
    tstp: 20,
    ttin: 21,
    ttou: 22,
    urg: 23,
    xcpu: 24,
    xfsz: 25,
    vtalrm: 26,
    prof: 27,
    winch: 28,
    io: 29,
    pwr: 30,
    sys: 31
  }

  # SIGRTMIN of glibc, which reserves 32 and 33 for its own use.
  @first_real_time 34

  @spec known?(term) :: boolean
  def known?(signal), do: is_map_key(@numbers, signal) or signal in 1..64

  @doc "Whether both are the same signal, by name or number."
  @spec same?(atom | 1..64, atom | 1..64) :: boolean
  def same?(one, other), do: number(one) == number(other)

  @doc "The exit status as a shell reports it: the code, or 128 plus the number of the signal."
  @spec exit_code(Lookout.Command.status()) :: 0..255
  def exit_code({:signal, name}), do: 128 + number(name)
  def exit_code(code), do: code

  # A signal that was sent by number may be reported by name: rtmin_3 is SIGRTMIN + 3.
  defp number(number) when is_integer(number), do: number
  defp number(name) when is_map_key(@numbers, name), do: @numbers[name]

  defp number(name) do
    case Atom.to_string(name) do
      "rtmin_" <> n -> @first_real_time + String.to_integer(n)
      "sig" <> n -> String.to_integer(n)
    end
  end
end
