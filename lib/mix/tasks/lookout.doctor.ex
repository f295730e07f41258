defmodule Mix.Tasks.Lookout.Doctor do
  @shortdoc "Checks what Lookout can do on this machine"

  @moduledoc """
  Checks what Lookout can do on this machine, and prints a line for each check, with an advice if something is missing.

      mix lookout.doctor [DIR]...

  It checks the mounts at and below each DIR, by default the working directory. `Lookout.Doctor` documents the lines, and how to run the
  checks in a release.

      ok       versions: Lookout 0.1.0, Elixir 1.14.0, Erlang/OTP 25
      ok       inotify watches: 60412 of 65536 left for this user (5124 in use); the most: 5000 by beam.smp (process 4711)
      note     fanotify: cannot be used (eperm); :auto uses inotify, and polls when its watches are used up
               -> nothing is to be done with backend: :auto; fanotify needs the capability CAP_SYS_ADMIN and Linux 5.17

  The exit status is 0, also with notes; 1 if a line begins with `missing`; 2 for an invalid option.
  """

  use Mix.Task

  @impl true
  def run(arguments) do
    case OptionParser.parse(arguments, strict: []) do
      {[], dirs, []} -> dirs |> default() |> check()
      {_options, _dirs, [{option, _value} | _more]} -> refuse(option)
    end
  end

  defp default([]), do: ["."]
  defp default(dirs), do: dirs

  # Loads the dependencies only: the project itself need not compile.
  defp check(dirs) do
    Mix.Task.run("loadpaths")
    if Lookout.Doctor.print(dirs) == :error, do: exit({:shutdown, 1})
  end

  defp refuse(option) do
    IO.puts(:stderr, "mix lookout.doctor: unknown option #{option} (it takes directories only)")
    exit({:shutdown, 2})
  end
end
