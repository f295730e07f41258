defmodule Lookout.CallCount do
  @moduledoc false
  # Counts the calls of functions of Lookout, local ones too, by a trace.

  @doc "The calls that `fun` causes in these processes and in those that they start, as `{module, function, arity}` in their order."
  def calls(pids, fun) do
    # Functions that are called first load their module.
    for module <- modules() do
      Code.ensure_loaded!(module)
      :erlang.trace_pattern({module, :_, :_}, true, [:local])
    end

    me = self()
    tracer = spawn_link(fn -> collect([]) end)
    flags = [:call, :arity, :set_on_spawn, {:tracer, tracer}]
    for pid <- pids, do: :erlang.trace(pid, true, flags)
    fun.()
    for pid <- pids, Process.alive?(pid), do: :erlang.trace(pid, false, [:call, :arity, :set_on_spawn])
    ref = :erlang.trace_delivered(:all)

    receive do
      {:trace_delivered, :all, ^ref} -> send(tracer, {:end, me})
    end

    for module <- modules(), do: :erlang.trace_pattern({module, :_, :_}, false, [:local])

    receive do
      {:calls, calls} -> calls
    end
  end

  @doc "The modules of these calls."
  def modules(calls), do: calls |> Enum.map(&elem(&1, 0)) |> Enum.uniq() |> Enum.sort()

  defp modules do
    {:ok, modules} = :application.get_key(:lookout, :modules)
    Enum.filter(modules, &(not test_support?(&1)))
  end

  defp test_support?(module), do: module |> source() |> String.contains?("/test/support/")
  defp source(module), do: to_string(module.module_info(:compile)[:source])

  defp collect(calls) do
    receive do
      {:trace, _pid, :call, call} -> collect([call | calls])
      {:end, to} -> send(to, {:calls, Enum.reverse(calls)})
    end
  end
end
