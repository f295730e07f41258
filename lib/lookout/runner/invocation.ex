defmodule Lookout.Runner.Invocation do
  @moduledoc false
  # Builds the arguments, the environment and the standard input of a run, with the changed paths in one of them (option
  # `:paths`). Pure. `Lookout.Runner.Run` calls `build/3` and `omitting/3`; `Lookout.Runner.Options` calls the rest.

  alias Lookout.Runner.Changes
  alias Lookout.Support.Sealed

  # MAX_ARG_STRLEN of Linux (execve(2)): the most bytes of one argument, or of one variable with its name, including the
  # NUL at its end.
  @most_bytes 131_072
  @placeholder "{paths}"
  @omitted "LOOKOUT_PATHS_OMITTED"

  @type how :: nil | :stdin | :args | {:env, binary}
  @type t :: {argv :: [binary] | binary, options :: keyword}

  @spec placeholder :: binary
  def placeholder, do: @placeholder

  @doc "Whether the command is a list of words with the placeholder for the paths."
  @spec placeholder?(term) :: boolean
  def placeholder?(argv), do: is_list(argv) and @placeholder in argv

  @doc "The command of a run. `:with_list`: it contains the list of paths, so execve(2) may still fail with E2BIG."
  @spec build(t, how, Changes.t()) :: {:with_list | :plain, t}
  def build({argv, options}, nil, _changes), do: {:plain, {argv, variables(options, %{@omitted => nil})}}
  def build(command, how, %Changes{known: false}), do: {:plain, without_list(command, how, "unknown")}

  def build(command, how, changes) do
    paths = Changes.paths(changes)

    if fits?(how, paths),
      do: {:with_list, command |> with_list(how, paths)},
      else: {:plain, omitting(command, how, changes)}
  end

  @doc "The command of a run without the list of paths, for a list that exceeds a limit of the kernel."
  @spec omitting(t, how, Changes.t()) :: t
  def omitting(command, how, changes), do: without_list(command, how, Integer.to_string(map_size(changes.places)))

  defp fits?(:stdin, _paths), do: true
  defp fits?(:args, paths), do: Enum.all?(paths, &(byte_size(&1) < @most_bytes))

  # A variable holds one path per line, so it cannot hold a path that contains a line break.
  defp fits?({:env, name}, paths) do
    byte_size(name) + 1 + byte_size(lines(paths)) < @most_bytes and not Enum.any?(paths, &(&1 =~ "\n"))
  end

  defp with_list({argv, options}, how, paths) do
    {place(argv, how, paths), options |> variables(listed(how, paths)) |> input(how, paths)}
  end

  defp without_list({argv, options}, how, omitted) do
    {place(argv, how, []), options |> variables(%{listed(how, []) | @omitted => omitted}) |> input(how, [])}
  end

  # Unsets LOOKOUT_PATHS_OMITTED, which the VM has inherited if a runner started it.
  defp listed({:env, name}, paths), do: %{name => lines(paths), @omitted => nil}
  defp listed(_how, _paths), do: %{@omitted => nil}

  defp place(argv, :args, paths), do: Enum.flat_map(argv, &if(&1 == @placeholder, do: paths, else: [&1]))
  defp place(argv, _how, _paths), do: argv

  defp variables(options, more) do
    Keyword.update(options, :env, more, &with_variables(&1, more))
  end

  defp with_variables(sealed, more) when is_function(sealed, 0),
    do: sealed |> Sealed.open() |> with_variables(more) |> Sealed.seal()

  defp with_variables(env, more), do: Map.merge(Map.new(env), more)

  defp input(options, :stdin, paths), do: Keyword.put(options, :input, for(path <- paths, do: [path, 0]))
  defp input(options, _how, _paths), do: options

  defp lines(paths), do: Enum.join(paths, "\n")
end
