defmodule Lookout.Port.Tuning do
  @moduledoc false
  # The limits and timeouts of a watcher or a command, whose options have them in the field `limits`; the modules of both
  # and `Lookout.Port.Program` read them. Users cannot set them: only tests and `Lookout.FileSystem.Options` (`mailbox`) do.
  # Times are in milliseconds.

  @type t :: %__MODULE__{
          port_path: nil | binary,
          window: pos_integer,
          mailbox: pos_integer,
          look: {pos_integer, pos_integer},
          retry: pos_integer,
          hello: pos_integer,
          quiet: pos_integer,
          answer: pos_integer,
          shutdown_timeout: pos_integer,
          backoff: {pos_integer, pos_integer},
          deaths: {non_neg_integer, pos_integer}
        }

  defstruct port_path: nil,
            # the most batches that are granted as credit or queued in the watcher
            window: 32,
            # the most messages in the mailbox of a subscriber with `active: true`
            mailbox: 64,
            # first and longest interval between two checks of a full mailbox
            look: {5, 50},
            # pause before sending to a busy port again
            retry: 10,
            # from the start of `lookout_port` to its hello
            hello: 10_000,
            # time without a reply, while a request is open, before `lookout_port` is pinged
            quiet: 2_000,
            # time from the ping until `lookout_port` counts as hung
            answer: 3_000,
            # the shutdown timeout: from the ping at a shutdown until `lookout_port` is killed, and until the process that
            # enumerates an input is
            shutdown_timeout: 1_000,
            # first and longest pause before `lookout_port` is restarted
            backoff: {100, 5_000},
            # restart intensity: the most deaths of `lookout_port` within a time; one more stops the watcher
            deaths: {5, 60_000}
end
