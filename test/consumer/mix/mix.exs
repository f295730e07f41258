defmodule Consumer.MixProject do
  use Mix.Project

  def project do
    [
      app: :consumer,
      version: "1.0.0",
      deps: [{:lookout, path: System.fetch_env!("LOOKOUT_SOURCE")}]
    ]
  end

  def application, do: [mod: {Consumer, []}]
end
