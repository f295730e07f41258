defmodule Lookout.Doctor.Inotify do
  @moduledoc false
  # Reads the limits of inotify, and their use by each process, from /proc. The kernel counts watches and instances per
  # user: the effective user of the process that created the instance. It has no state; `Lookout.Doctor` calls it.

  @type holder :: %{pid: pos_integer, name: binary, instances: pos_integer, watches: non_neg_integer}
  @type t :: %{
          max_watches: nil | non_neg_integer,
          max_instances: nil | non_neg_integer,
          holders: [holder],
          hidden: non_neg_integer
        }

  @doc """
  Reads the limits and the use of the current user. `holders`: the processes of that user that have instances, those with the most watches
  first; an instance that several processes share counts for each of them. `hidden`: how many processes of that user cannot be inspected.
  """
  @spec read(binary) :: t
  def read(proc) do
    own = user(proc, "self")
    processes = for pid <- pids(proc), user(proc, pid) == own, do: holder(proc, pid)

    holders = for {:ok, %{instances: instances} = holder} <- processes, instances > 0, do: holder

    %{
      max_watches: limit(proc, "max_user_watches"),
      max_instances: limit(proc, "max_user_instances"),
      holders: Enum.sort_by(holders, &{-&1.watches, -&1.instances, &1.pid}),
      hidden: Enum.count(processes, &(&1 == :hidden))
    }
  end

  defp limit(proc, name) do
    with {:ok, text} <- File.read(Path.join([proc, "sys/fs/inotify", name])),
         {number, _line_end} <- Integer.parse(text) do
      number
    else
      _none -> nil
    end
  end

  defp pids(proc) do
    case File.ls(proc) do
      {:ok, names} -> Enum.filter(names, &(&1 =~ ~r/\A[0-9]+\z/))
      {:error, _reason} -> []
    end
  end

  # The second number of the line Uid is the effective user.
  defp user(proc, pid) do
    with {:ok, text} <- File.read(Path.join([proc, pid, "status"])),
         [_all, user] <- Regex.run(~r/^Uid:\s+\d+\s+(\d+)/m, text) do
      user
    else
      _gone -> nil
    end
  end

  defp holder(proc, pid) do
    case File.ls(Path.join([proc, pid, "fd"])) do
      {:ok, descriptors} ->
        watches = for fd <- descriptors, inotify?(proc, pid, fd), do: watches(proc, pid, fd)

        {:ok,
         %{pid: String.to_integer(pid), name: name(proc, pid), instances: length(watches), watches: Enum.sum(watches)}}

      {:error, :enoent} ->
        :gone

      {:error, _not_permitted} ->
        :hidden
    end
  end

  defp inotify?(proc, pid, fd) do
    :file.read_link_all(Path.join([proc, pid, "fd", fd])) in [{:ok, ~c"anon_inode:inotify"}, {:ok, ~c"inotify"}]
  end

  # Streams by lines: the file of an instance with many watches has many MiB.
  defp watches(proc, pid, fd) do
    [proc, pid, "fdinfo", fd]
    |> Path.join()
    |> File.stream!()
    |> Enum.count(&String.starts_with?(&1, "inotify "))
  rescue
    # The descriptor was closed meanwhile.
    File.Error -> 0
    IO.StreamError -> 0
  end

  defp name(proc, pid) do
    case File.read(Path.join([proc, pid, "comm"])) do
      {:ok, name} -> String.trim_trailing(name, "\n")
      {:error, _gone} -> "?"
    end
  end
end
