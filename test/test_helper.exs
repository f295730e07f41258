# Tests do bad things to watchers, and these say so in the log: LOOKOUT_TEST_LOG=1 shows it.
unless System.get_env("LOOKOUT_TEST_LOG") do
  for handler <- :logger.get_handler_ids(), do: :logger.set_handler_config(handler, :level, :none)
end

# Those that take a minute: mix test --include slow.
ExUnit.start(assert_receive_timeout: 20_000, exclude: [:slow])
