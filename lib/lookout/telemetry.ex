defmodule Lookout.Telemetry do
  @moduledoc """
  The events that Lookout emits through `:telemetry`, and the metadata of its logs.

  Lookout does not depend on the package `telemetry`. Where its module is loaded (as in every Phoenix application) the events are emitted; elsewhere each costs
  one check whether the module is there.

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

  The metadata of each has `:watcher`, the pid, and `:name`, the option of that name or `nil`.

  `[:lookout, :watcher, :batch]`: a batch of changes has arrived from `lookout_port`; where no subscriber was slow it has been sent to all of them

    * measurements: `:events`, how many changes are in it; `:held`, how many batches wait for a slow subscriber now; `:subscribers`, how many there are
    * metadata: `:seq`, the number of the batch

  `[:lookout, :watcher, :notice]`: a notice (see `Lookout`) has been reported; `:lagged` once for each subscriber that gets it, the others whether there is a
  subscriber or not

    * measurements: `:count`, which is 1
    * metadata: `:kind`, the first word of the notice, as `:overflow` or `:ready`; `:notice`, the notice; `:subscriber`, the pid that gets `:lagged`, else `nil`

  `[:lookout, :watcher, :restart]`: `lookout_port` has ended, or has been killed since it did not answer, or cannot be started again yet; it will be started
  after a pause. The notice `:restarted` follows when it is live. A watcher that gives up emits none: it ends, with the error as its reason

    * measurements: `:count`, which is 1; `:delay`, the pause, in native units; `:restarts`, how many times it has been started again before
    * metadata: `:reason`, the reason of the error, as `:port_exited`; `:error`, the `Lookout.Error`

  ## Events of commands

  The metadata of each has `:command`, the pid of the process of Lookout; `:name`, the option of that name or `nil`; `:program`, the first word of the command,
  which is `"/bin/sh"` with `shell: true`; and `:os_pid`, its process id. Arguments, environment, input and output are in no event.

  `[:lookout, :command, :start]`: the command runs. Commands of a `Lookout.Runner` and of `Lookout.Command.run/2` emit it, too. One that could not be started
  emits nothing: the caller has the error

    * measurements: `:monotonic_time` and `:system_time`, in native units

  `[:lookout, :command, :stop]`: the command has ended, and nothing is left of it; with `linger: :infinity` what it has left running goes on. There is one for
  each `:start`, unless the process of the command is killed by `Process.exit(pid, :kill)`

    * measurements: `:duration` since the start, and `:monotonic_time`, in native units
    * metadata: `:status`, which is `0..255`, `{:signal, name}`, or `nil` where Lookout has ended the command without its status, or does not know it;
      `:error`, why that is so where it is a failure: `:timeout`, `:input_failed`, `:port_exited` or the reason of another `Lookout.Error`, else `nil`;
      `:killed`, whether a process had not ended after its grace, and got KILL

  Where nobody waits for the end of a command, as when its owner has died, `:stop` is emitted when Lookout's process ends; the command may still have its grace
  then.

  ## Metadata of logs

  The processes of Lookout, and those in which they call functions of yours (`:run` of a `Lookout.Runner`, an enumerable of `:input`, a function of
  `:wait_for`), have metadata of the logger, so what they log, and the reports of their crashes, can be filtered and formatted by it:

    * `:lookout` - `:watcher`, `:command`, `:runner` or `:stream`
    * `:lookout_name` - the option `:name`, where there is one
    * `:lookout_program`, `:lookout_os_pid` - of a command: the first word, and the process id while it runs

  For example:

      config :logger, :console, metadata: [:lookout, :lookout_name, :lookout_program]

  The option `:log_output` of `Lookout.Command` has metadata of its own, which wins. What logs never have is in `Lookout.Command`, "Secrets".
  """

  @compile {:no_warn_undefined, :telemetry}

  @doc false
  # `fun` returns the measurements and the metadata. It is called only if the module :telemetry is loaded.
  @spec emit([atom], (() -> {map, map})) :: :ok
  def emit(event, fun) do
    # To attach a handler the module must have been loaded already, so there is no need to try to load it here.
    if :erlang.function_exported(:telemetry, :execute, 3) do
      {measurements, metadata} = fun.()
      :telemetry.execute(event, measurements, metadata)
    end

    :ok
  end
end
