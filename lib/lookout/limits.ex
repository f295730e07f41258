defmodule Lookout.Limits do
  @moduledoc false
  # The bounds and times of a watcher. Not options: tests set them, users have no reason to.
  # Times are milliseconds.

  @type t :: %__MODULE__{
          port_path: nil | binary,
          window: pos_integer,
          mailbox: pos_integer,
          look: {pos_integer, pos_integer},
          retry: pos_integer,
          hello: pos_integer,
          quiet: pos_integer,
          answer: pos_integer,
          farewell: pos_integer,
          backoff: {pos_integer, pos_integer},
          deaths: {non_neg_integer, pos_integer}
        }

  defstruct port_path: nil,
            # batches on their way or held in the watcher
            window: 32,
            # messages in the mailbox of a subscriber with `active: true`
            mailbox: 64,
            # first and longest interval of looking at a full mailbox again
            look: {5, 50},
            # until a busy port is tried again
            retry: 10,
            # from the start of the program to its hello
            hello: 10_000,
            # without an answer, while a request is open, before the program is pinged
            quiet: 2_000,
            # from the ping until the program counts as hung
            answer: 3_000,
            # the same when the watcher ends anyway
            farewell: 1_000,
            # first and longest pause before the program is started again
            backoff: {100, 5_000},
            # so many deaths within so long are survived
            deaths: {5, 60_000}
end
