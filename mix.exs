defmodule Lookout.MixProject do
  use Mix.Project

  def project do
    [
      app: :lookout,
      version: "VERSION" |> Path.expand(__DIR__) |> File.read!() |> String.trim(),
      elixir: "~> 1.14",
      # Appended: the compiler stands in lib/ and has to be compiled first.
      compilers: Mix.compilers() ++ [:lookout_native],
      elixirc_paths: elixirc_paths(Mix.env()),
      test_ignore_filters: [&String.starts_with?(&1, ["test/consumer/", "test/support/"])],
      start_permanent: Mix.env() == :prod,
      deps: [],
      description: "Watches directories natively and sends their changes as terms",
      package: package(),
      test_coverage: [summary: [threshold: 0]]
    ]
  end

  def application, do: [extra_applications: []]

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(:bench), do: ["lib", "bench"]
  defp elixirc_paths(_), do: ["lib"]

  defp package do
    [
      licenses: ["Apache-2.0"],
      links: %{},
      files: ~w(bin c_src cmake lib src CMakeLists.txt VERSION mix.exs rebar.config
                .formatter.exs README.md CHANGELOG.md SECURITY.md LICENSE)
    ]
  end
end
