defmodule Lookout.Command.Options.Values do
  @moduledoc false
  # Checks the values of the options of a command, one by one. It has no state; `Lookout.Command.Options` calls it.

  alias Lookout.Support.{Paths, Sealed, Signals}

  @levels [:emergency, :alert, :critical, :error, :warning, :notice, :info, :debug]

  # The greatest id is one less than 2^32 - 1, since setresuid(2) takes that value (-1) as "no change".
  @most_id 4_294_967_294
  # The longest Erlang timer, in milliseconds.
  @longest 4_294_967_295
  # pids.max rejects numbers above PID_MAX_LIMIT (4,194,304 on 64-bit Linux). The greatest limit is one less, since
  # `lookout_port` first sets one more than the limit, for the process that launches the command.
  @most_pids 4_194_303
  # The most supplementary groups of a process (NGROUPS_MAX).
  @most_groups 65_536

  # The period of cpu.max in microseconds, and the range of :cpu_max in processors.
  @cpu_period 100_000
  @least_cpus 0.01
  @most_cpus 10_000

  @doc "The checked value of an option."
  @spec check(atom, term) :: {:ok, term} | :error
  def check(key, account) when key in [:user, :group], do: if(account?(account), do: {:ok, account}, else: :error)

  def check(:groups, groups) when is_list(groups) do
    if List.improper?(groups) == false and length(groups) <= @most_groups and Enum.all?(groups, &account?/1),
      do: {:ok, groups},
      else: :error
  end

  def check(:cgroup, [_ | _] = limits) do
    if Keyword.keyword?(limits) and Enum.all?(limits, &cgroup_limit?/1),
      do: {:ok, limits |> Enum.uniq_by(&elem(&1, 0)) |> Enum.map(&cgroup_limit/1)},
      else: :error
  end

  def check(:linger, :infinity), do: {:ok, :infinity}
  def check(:wait_for, function) when is_function(function, 0), do: {:ok, {:function, function}}

  def check(:wait_for, path) when is_binary(path) or is_list(path) do
    with {:ok, path} <- Paths.expand(path), do: {:ok, {:path, path}}
  end

  def check(key, value) when key in [:clear_env, :shell, :cgroup, :exit_details] and is_boolean(value),
    do: {:ok, value}

  def check(key, sealed) when key in [:env, :input] and is_function(sealed, 0), do: check(key, Sealed.open(sealed))
  def check(:node, node), do: Lookout.Watcher.Options.Values.node(node)
  def check(:env, env) when (is_map(env) and not is_struct(env)) or is_list(env), do: env(Enum.to_list(env), [])
  def check(:cd, path), do: Paths.expand(path)
  def check(:stdin, value) when value in [:null, :pipe], do: {:ok, value}
  def check(:log_output, level) when level in @levels, do: check(:log_output, {level, []})

  def check(:log_output, {level, options}) when level in @levels and is_list(options) do
    if Keyword.keyword?(options) and Enum.all?(options, &log_option?/1),
      do:
        {:ok,
         Map.new([prefix: nil, transform: nil, metadata: [], level: level] ++ options)
         |> Map.update!(:metadata, &Map.new/1)},
      else: :error
  end

  def check(:exit_status, value) when is_boolean(value), do: {:ok, value}
  def check(:exit_reason, function) when is_function(function, 1), do: {:ok, function}

  def check(:success, [_ | _] = statuses) do
    if List.improper?(statuses) == false and Enum.all?(statuses, &status?/1), do: {:ok, statuses}, else: :error
  end

  def check(:stderr, mode) when mode in [:separate, :tagged], do: {:ok, mode}
  def check(:stdout, :stdout), do: :error
  def check(key, value) when key in [:stdout, :stderr], do: target(value)
  def check(:pty, true), do: {:ok, {24, 80}}
  def check(:pty, {rows, columns} = size) when rows in 1..65_535 and columns in 1..65_535, do: {:ok, size}
  def check(:nice, nice) when nice in -20..19, do: {:ok, nice}
  def check(:rlimits, limits) when is_list(limits), do: if(pairs?(limits), do: {:ok, limits}, else: :error)
  def check(key, ms) when key in [:linger, :grace] and ms in 0..3_600_000, do: {:ok, ms}
  def check(:stop_signal, signal), do: if(Signals.known?(signal), do: {:ok, signal}, else: :error)
  def check(key, :infinity) when key in [:timeout, :start_timeout], do: {:ok, :infinity}
  def check(key, ms) when key in [:timeout, :start_timeout] and ms in 0..@longest, do: {:ok, ms}
  def check(:active, true), do: {:ok, :all}
  def check(:active, false), do: {:ok, {:bytes, 0}}
  def check(:active, :once), do: {:ok, {:messages, 1}}
  def check(:active, n) when is_integer(n) and n >= 0, do: {:ok, {:bytes, n}}
  def check(:owner, nil), do: {:ok, nil}
  def check(:owner, pid) when is_pid(pid) and node(pid) == node(), do: {:ok, pid}
  def check(:owner, name) when is_atom(name), do: owner(Process.whereis(name), name)
  def check(:name, {:global, _} = name), do: {:ok, name}
  def check(:name, {:via, module, _} = name) when is_atom(module), do: {:ok, name}
  def check(:name, name) when is_atom(name) and name not in [nil, true, false, :undefined], do: {:ok, name}
  def check(:into, into), do: if(Collectable.impl_for(into), do: {:ok, into}, else: :error)

  def check(:input, input) when is_binary(input) or is_list(input) do
    {:ok, IO.iodata_to_binary(input)}
  rescue
    ArgumentError -> :error
  end

  # Enumerable is implemented for functions of any arity, but only those of arity 2 can be enumerated.
  def check(:input, input) when is_function(input) and not is_function(input, 2), do: :error
  def check(:input, input), do: if(Enumerable.impl_for(input), do: {:ok, input}, else: :error)
  def check(_key, _value), do: :error

  defp account?(name) when is_binary(name), do: name != "" and not String.contains?(name, <<0>>)
  defp account?(id), do: is_integer(id) and id in 0..@most_id

  defp cgroup_limit?({:cpu_max, cpus}), do: is_number(cpus) and cpus >= @least_cpus and cpus <= @most_cpus
  defp cgroup_limit?({:memory_max, bytes}), do: bytes in 1..0x7FFF_FFFF_FFFF_FFFF
  defp cgroup_limit?({:pids_max, count}), do: count in 1..@most_pids
  defp cgroup_limit?(_other), do: false

  defp cgroup_limit({:cpu_max, cpus}), do: {:cpu_max, trunc(cpus * @cpu_period)}
  defp cgroup_limit(limit), do: limit

  defp log_option?({:prefix, prefix}), do: is_binary(prefix) and String.valid?(prefix)
  defp log_option?({:metadata, metadata}), do: Keyword.keyword?(metadata)
  defp log_option?({:transform, transform}), do: is_function(transform, 1)
  defp log_option?(_other), do: false

  defp status?({:signal, name}), do: is_atom(name) and name not in [nil, true, false]
  defp status?(code), do: code in 0..255

  defp owner(nil, name),
    do: raise(ArgumentError, "Lookout.Command: option :owner: no process has the name #{inspect(name)}")

  defp owner(pid, _name) when is_pid(pid), do: {:ok, pid}
  defp owner(_port, _name), do: :error

  defp target(value) when value in [:pipe, :stdout, :null, :inherit], do: {:ok, value}

  defp target({kind, path}) when kind in [:file, :append] do
    with {:ok, path} <- Paths.expand(path), do: {:ok, {kind, path}}
  end

  defp target(_other), do: :error

  defp pairs?(list), do: List.improper?(list) == false and Enum.all?(list, &match?({_name, _value}, &1))

  defp env([], checked), do: {:ok, Enum.reverse(checked)}

  defp env([{name, value} | rest], checked) do
    name = to_text(name)
    value = if value in [nil, false], do: nil, else: to_text(value)
    if variable?(name, value), do: env(rest, [{name, value} | checked]), else: :error
  end

  defp env(_other, _checked), do: :error

  defp to_text(text) when is_binary(text), do: text

  # Converts without raising: an exception would quote the value, which may be a secret.
  defp to_text([_ | _] = charlist) do
    with true <- Paths.charlist?(charlist),
         text when is_binary(text) <- encode(charlist),
         do: text,
         else: (_bad -> :error)
  end

  defp to_text(_other), do: :error

  defp encode(charlist) do
    :unicode.characters_to_binary(charlist)
  rescue
    ArgumentError -> :error
  end

  defp variable?(name, value) do
    is_binary(name) and name != "" and not String.contains?(name, ["=", <<0>>]) and
      (value == nil or (is_binary(value) and not String.contains?(value, <<0>>)))
  end
end
