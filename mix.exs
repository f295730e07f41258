defmodule Lookout.MixProject do
  use Mix.Project

  @version "VERSION" |> Path.expand(__DIR__) |> File.read!() |> String.trim()

  # The public address of the repository, or nil while there is none. All links to it are made from this.
  @source_url nil

  def project do
    [
      app: :lookout,
      version: @version,
      elixir: "~> 1.14",
      # Appended: the compiler stands in lib/ and has to be compiled first.
      compilers: Mix.compilers() ++ [:lookout_native],
      elixirc_paths: elixirc_paths(Mix.env()),
      test_ignore_filters: [&String.starts_with?(&1, ["test/consumer/", "test/support/"])],
      start_permanent: Mix.env() == :prod,
      deps: [],
      name: "Lookout",
      description:
        "Watches directories natively and sends their changes as terms; runs commands and leaves nothing of them behind",
      source_url: @source_url,
      package: package(),
      docs: docs(),
      test_coverage: [summary: [threshold: 0]]
    ]
  end

  def application, do: [extra_applications: []]

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(:bench), do: ["lib", "bench"]
  defp elixirc_paths(_), do: ["lib"]

  # The files of the package: what a build needs, and each page to which README.md leads. A test expands them.
  defp package do
    [
      licenses: ["Apache-2.0"],
      links: Map.new(List.wrap(@source_url), &{"Source", &1}),
      files: ~w(bin/build-native bin/rebar3-build bin/setup bin/watch c_src cmake lib src guides docs examples
                CMakeLists.txt VERSION precompiled.sha256 mix.exs rebar.config .formatter.exs
                README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE)
    ]
  end

  # Read by ex_doc (bin/docs), which is no dependency.
  defp docs do
    [
      main: "readme",
      source_ref: "v#{@version}",
      formatters: ["html"],
      extras: extras(),
      assets: %{"docs/benchmarks" => "benchmarks", "examples" => "examples"},
      # A module of Erlang, which has no page.
      skip_code_autolink_to: ["Lookout.FileSystemBackend"],
      groups_for_extras: [
        Guides: ~r"^guides/",
        "How it works": ~r"^docs/",
        "The project": ~r"^(CHANGELOG|CONTRIBUTING|SECURITY|LICENSE)"
      ],
      groups_for_modules: [
        Watching: [Lookout, Lookout.Entry, Lookout.Event, Lookout.FileSystem],
        Commands: [Lookout.Command],
        "Running on change": [Lookout.Runner],
        Cluster: [Lookout.Group],
        Operation: [Lookout.Doctor, Lookout.Error, Lookout.Telemetry]
      ]
    ]
  end

  defp extras do
    ["README.md"] ++
      ~w(guides/getting-started.md guides/tour.livemd guides/cheatsheet.cheatmd guides/phoenix.md guides/coming-from-file-system.md
         guides/coming-from-system-cmd.md guides/containers-and-kubernetes.md guides/nerves.md
         guides/restarting.md guides/watching-another-machine.md guides/running-a-node.md guides/troubleshooting.md) ++
      ~w(docs/guarantees.md docs/design.md docs/protocol.md docs/snapshot-format.md docs/benchmarks.md docs/performance-notes.md docs/test-log.md docs/releasing.md) ++
      ~w(CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE)
  end
end
