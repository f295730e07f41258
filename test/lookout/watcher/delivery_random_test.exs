defmodule Lookout.Watcher.DeliveryRandomTest do
  use ExUnit.Case, async: true

  alias Lookout.DeliveryModel

  # LOOKOUT_SEED=n runs one seed again. The first of the others has a subscriber that comes back while another is detached.
  @seeds 1_000
  @operations 120

  test "P3: no subscriber gets a batch that it did not ask for, or a gap; credit is kept; each sync is answered once" do
    for seed <- seeds(), do: run(seed)
  end

  defp seeds do
    case System.get_env("LOOKOUT_SEED") do
      nil -> [215_088_227 | Enum.map(1..@seeds, fn _n -> :rand.uniform(1_000_000_000) end)]
      seed -> [String.to_integer(seed)]
    end
  end

  defp run(seed) do
    DeliveryModel.run(seed, @operations)
  rescue
    error ->
      IO.puts(:stderr, "LOOKOUT_SEED=#{seed} mix test #{Path.relative_to_cwd(__ENV__.file)}")
      reraise error, __STACKTRACE__
  end
end
