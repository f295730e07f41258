defmodule Lookout.PhoenixWatcherTest do
  # `watchers:` of a Phoenix endpoint, as guides/phoenix.md prints it. Not async: PATH, working directory and standard output
  # are those of the VM.
  use Lookout.Case, async: false

  import ExUnit.CaptureIO
  import Lookout.Document

  alias Lookout.Command

  @external_resource "guides/phoenix.md"
  @blocks blocks("guides/phoenix.md")

  # Calls as Phoenix.Endpoint.Watcher of Phoenix 1.7 does: for each `name: {module, function, arguments}` a transient child
  # whose task applies them, and fails as they fail. (Phoenix waits two seconds before it passes a failure on.)
  defmodule Watcher do
    @moduledoc false

    def child_spec(watcher), do: %{id: make_ref(), start: {__MODULE__, :start_link, [watcher]}, restart: :transient}
    def start_link({name, call}), do: Task.start_link(__MODULE__, :watch, [to_string(name), call])

    def watch(_name, {module, function, arguments}) do
      apply(module, function, arguments)
    catch
      kind, reason -> :erlang.raise(kind, reason, __STACKTRACE__)
    end
  end

  setup %{dir: dir} do
    File.mkdir!(Path.join(dir, "assets"))
    cd!(dir)
  end

  defp endpoint!(watchers) do
    children = Enum.map(watchers, &Watcher.child_spec/1)
    {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one, max_restarts: 1_000)
    supervisor
  end

  defp active(supervisor), do: Supervisor.count_children(supervisor).active
  defp pids(path), do: with({:ok, text} <- File.read(path), do: String.split(text), else: (_ -> []))

  test "those of the guide that npx runs do so in assets, print by lines, and end with all that they have started",
       %{dir: dir} do
    run_those_of_the_guide("npx", dir, ["esbuild in assets", "tailwindcss in assets"])
  end

  test "those that replace the watchers of a new project run in the project", %{dir: dir} do
    project = Path.basename(dir)
    run_those_of_the_guide("mix", dir, ["esbuild in #{project}", "tailwind in #{project}"])
  end

  # Like npx and mix: a program that starts another one, which starts a third.
  defp run_those_of_the_guide(program, dir, lines) do
    programs!(dir, %{
      program => """
      echo "$1 in $(basename "$PWD")"
      sh -c 'sleep 1000 & echo "$$ $!" >>#{dir}/pids; wait' &
      echo $$ >>#{dir}/pids
      cat >/dev/null
      """
    })

    config = Config.Reader.eval!("dev.exs", "import Config\n" <> block!(@blocks, "elixir", ~s(["#{program}",)), [])
    watchers = config[:my_app][MyAppWeb.Endpoint][:watchers]
    assert Keyword.keys(watchers) == [:esbuild, :tailwind]

    capture_io(fn ->
      supervisor = endpoint!(watchers)
      started = eventually(fn -> match?([_, _, _, _, _, _], pids("pids")) and pids("pids") end)
      eventually(fn -> Enum.sort(printed()) == lines end)
      # Each waits for the end of its standard input, which is open.
      assert active(supervisor) == 2
      :ok = Supervisor.stop(supervisor)
      for pid <- started, do: eventually(fn -> gone?(pid) end)
    end)
  end

  # The lines that this process has captured until now.
  defp printed do
    {"", output} = StringIO.contents(Process.group_leader())
    String.split(output, "\n", trim: true)
  end

  test "one that ends well is not started again, one that fails is, and one that is missing is logged once" do
    Process.flag(:trap_exit, true)

    supervisor =
      endpoint!(
        well: {Command, :watch, [["true"]]},
        fails: {Command, :watch, [["sh", "-c", "echo x >>runs; exit 3"], [stderr: :null]]},
        missing: {Command, :watch, [["no-such-program"]]}
      )

    eventually(fn -> length(pids("runs")) > 2 end)
    eventually(fn -> active(supervisor) <= 1 end)
    Supervisor.stop(supervisor)
  end

  test "the options may be left out, and a secret be a function that a configuration can hold" do
    defmodule Secrets do
      @moduledoc false
      def env, do: %{"TOKEN" => "secret"}
    end

    call =
      {Command, :watch,
       [["sh", "-c", ~s(test "$TOKEN" = secret && touch good; exec sleep 1000)], [env: &Secrets.env/0]]}

    supervisor = endpoint!(good: call)
    eventually(fn -> File.exists?("good") end)
    Supervisor.stop(supervisor)
  end

  if System.find_executable("esbuild") do
    test "the real esbuild --watch stays, builds again, and is gone with the endpoint", %{dir: dir} do
      File.write!("assets/app.js", "console.log(1)")
      words = ["esbuild", "app.js", "--bundle", "--outfile=out.js", "--watch", "--log-level=error"]
      supervisor = endpoint!(esbuild: {Command, :watch, [words, [cd: "assets"]]})

      built = fn text ->
        eventually(
          fn -> match?({:ok, _}, File.read("assets/out.js")) and File.read!("assets/out.js") =~ text end,
          6_000
        )
      end

      built.("console.log(1)")
      File.write!("assets/app.js", "console.log(2)")
      built.("console.log(2)")
      assert active(supervisor) == 1
      Supervisor.stop(supervisor)
      eventually(fn -> not running_in?(Path.join(dir, "assets")) end)
    end

    # Whether a process has this working directory.
    defp running_in?(dir), do: Enum.any?(Path.wildcard("/proc/[0-9]*/cwd"), &(File.read_link(&1) == {:ok, dir}))
  end
end
