defmodule Lookout.RunnerCase do
  @moduledoc false
  # A test of runners: `dir` in its context, and `watched`, a directory in it that is watched; commands write elsewhere.

  use ExUnit.CaseTemplate

  import ExUnit.Assertions

  alias Lookout.Runner

  using do
    quote do
      use Lookout.Case
      import Lookout.RunnerCase
      setup :watched
    end
  end

  def watched(%{dir: dir}) do
    watched = Path.join(dir, "in")
    File.mkdir!(watched)
    {:ok, watched: watched}
  end

  @doc "Starts a runner that watches `watched`, tells the test, and ends with it."
  def start!(context, options) do
    options = Keyword.merge([dirs: context.watched, notify: self(), into: nil, settle: 0], options)
    ExUnit.Callbacks.start_supervised!(%{id: make_ref(), start: {Runner, :start_link, [options]}, restart: :temporary})
  end

  def stop!(runner) do
    :ok = Runner.stop(runner)
    refute Process.alive?(runner)
  end

  @doc "One change, told by one event. Returns its path."
  def change!(context, name) do
    path = context.watched <> "/" <> name
    File.mkdir!(path)
    path
  end

  def started(runner) do
    assert_receive {:lookout_runner, ^runner, {:started, os_pid, paths}}, 10_000
    {os_pid, paths}
  end

  def finished(runner) do
    assert_receive {:lookout_runner, ^runner, {:finished, status}}, 20_000
    status
  end

  @doc "The names of the paths."
  def names(paths), do: Enum.map(paths, &Path.basename/1)

  @doc "The names that the runner (with a watcher of its own) keeps for its next run, once it has heard of all changes."
  def waiting(runner) do
    :ok = Lookout.sync(:sys.get_state(runner).watcher)
    :sys.get_state(runner).changes |> Runner.Changes.paths() |> names()
  end

  @doc "A line of shell that goes on until `open/2`."
  def gate(context, name), do: "while [ ! -e #{context.dir}/#{name} ]; do sleep 0.01; done"
  def open(context, name), do: File.touch!(Path.join(context.dir, name))
end
