defmodule Lookout.Telemetry do
  @moduledoc """
  The events that Lookout emits through `:telemetry`, and the metadata of its logs.

  Lookout does not depend on the package `telemetry`. The events are emitted if the module `:telemetry` is loaded (as in every Phoenix
  application); otherwise an event costs only the check for that module.

      :telemetry.attach("lookout", [:lookout, :command, :stop], &MyApp.Metrics.handle/4, nil)

  or with `Telemetry.Metrics`

      [
        sum("lookout.watcher.batch.events", tags: [:name]),
        counter("lookout.watcher.notice.count", tags: [:name, :kind]),
        counter("lookout.watcher.restart.count", tags: [:name, :reason]),
        distribution("lookout.command.stop.duration", tags: [:program], unit: {:native, :millisecond})
      ]

  A handler is called in the process of the watcher or the command: it must be quick, and must not call that process.

  ## Events of watchers

  The metadata of each event contains `:watcher`, the pid, and `:name`, the option of that name or `nil`.

  `[:lookout, :watcher, :batch]`: a batch of changes has arrived from `lookout_port`. If no subscriber was slow, it has been sent to all of
  them

    * measurements: `:events`, the number of changes in the batch; `:held`, the number of batches that wait for a slow subscriber now;
      `:subscribers`, the number of subscribers
    * metadata: `:seq`, the number of the batch

  `[:lookout, :watcher, :notice]`: a notice (see `Lookout`) has been reported. `:lagged` is emitted once for each subscriber that gets it, the
  others once, even without a subscriber, or where a slow subscriber gets `{:omitted, dir, count}` instead

    * measurements: `:count`, which is 1
    * metadata: `:kind`, the first word of the notice, such as `:overflow` or `:ready`; `:notice`, the notice; `:subscriber`, the pid that gets
      `:lagged`, else `nil`

  `[:lookout, :watcher, :restart]`: `lookout_port` has ended, or was killed because it did not respond, or still cannot be started; it will be
  started after a pause. The notice `:restarted` follows when it is live. A watcher that gives up does not emit this event: it stops with the
  error as its reason

    * measurements: `:count`, which is 1; `:delay`, the pause, in native units; `:restarts`, the number of previous restarts
    * metadata: `:reason`, the reason of the error, such as `:port_exited`; `:error`, the `Lookout.Error`

  ## Events of commands

  The metadata of each event contains `:command`, the pid of the Erlang process; `:name`, the option of that name or `nil`; `:program`, the
  first word of the command, which is `"/bin/sh"` with `shell: true`; and `:os_pid`, its process id. No event contains arguments,
  environment, input or output.

  `[:lookout, :command, :start]`: the command is running. Commands of a `Lookout.Runner` and of `Lookout.Command.run/2` emit it, too. A command
  that could not be started emits nothing: the caller gets the error

    * measurements: `:monotonic_time` and `:system_time`, in native units

  `[:lookout, :command, :stop]`: the command has ended, and no process of it is left; with `linger: :infinity` processes that it left behind
  keep running. It is emitted once for each `:start`, unless the process of the command is killed by `Process.exit(pid, :kill)`

    * measurements: `:duration` since the start, and `:monotonic_time`, in native units
    * metadata: `:status`, which is `0..255`, `{:signal, name}`, or `nil` if Lookout has ended the command without getting its status, or does
      not know the status; `:error`, the cause of a missing status if that is a failure: `:timeout`, `:input_failed`, `:port_exited` or the
      reason of another `Lookout.Error`, else `nil`; `:killed`, whether a process had not ended after its grace, and was sent KILL

  If no process waits for the end of a command, for example because its owner has died, `:stop` is emitted when the Erlang process exits; the
  command may still have its grace then.

  ## Metadata of logs

  The processes of Lookout, and those in which it calls your functions (`:run` of a `Lookout.Runner`, an enumerable of `:input`, a function of
  `:wait_for`), have logger metadata, so their logs and crash reports can be filtered and formatted by it:

    * `:lookout` - `:watcher`, `:command`, `:runner` or `:stream`
    * `:lookout_name` - the option `:name`, if given
    * `:lookout_program`, `:lookout_os_pid` - for a command: the first word, and the process id while it is running

  For example:

      config :logger, :console, metadata: [:lookout, :lookout_name, :lookout_program]

  The metadata of the option `:log_output` of `Lookout.Command` takes precedence. `Lookout.Command`, "Secrets", documents what logs never
  contain.
  """

  @doc false
  # `fun` returns the measurements and the metadata. It is called only if the module :telemetry is loaded. A macro, so that
  # an event that nobody takes costs no call.
  defmacro emit(event, fun) do
    quote do
      # To attach a handler the module must have been loaded already, so there is no need to try to load it here.
      if :erlang.function_exported(:telemetry, :execute, 3) do
        {measurements, metadata} = unquote(fun).()
        :erlang.apply(:telemetry, :execute, [unquote(event), measurements, metadata])
      end

      :ok
    end
  end
end
