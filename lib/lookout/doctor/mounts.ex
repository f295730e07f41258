defmodule Lookout.Doctor.Mounts do
  @moduledoc false
  # Finds the mounts at and below a watched directory in /proc/self/mountinfo, without a system call on a mount, which
  # could hang. Pure, except for `read/1`. `Lookout.Doctor` calls it.

  @type mount :: %{path: binary, type: binary}

  # The file systems that c_src/watch/disk/file_system.cpp polls, and the other names that mountinfo has for them: fuseblk
  # and virtiofs are FUSE to statfs(2).
  @polled ~w(nfs smb cifs smb2 afs ceph coda lustre gpfs 9p vboxsf vmhgfs fuse) ++ ~w(nfs4 smb3 smbfs fuseblk virtiofs)

  # The pseudo file systems that `lookout_port` leaves out below a watched directory.
  @pseudo ~w(proc sysfs cgroup cgroup2 debugfs tracefs securityfs bpf pstore configfs fusectl mqueue binfmt_misc
             efivarfs selinuxfs smackfs autofs nsfs rpc_pipefs nfsd resctrl binder)

  @spec read(binary) :: [mount]
  def read(proc) do
    case File.read(Path.join(proc, "self/mountinfo")) do
      {:ok, text} -> parse(text)
      {:error, _reason} -> []
    end
  end

  @doc "Parses mountinfo. The mounts are in the order in which they were mounted."
  @spec parse(binary) :: [mount]
  def parse(text) do
    for line <- String.split(text, "\n", trim: true),
        [before, rest] <- [String.split(line, " - ", parts: 2)],
        [_id, _parent, _device, _root, path | _options] <- [String.split(before, " ")],
        [type | _source] <- [String.split(rest, " ")],
        do: %{path: unescaped(path), type: type}
  end

  # mountinfo escapes space, tab, line feed and backslash as a backslash and three octal digits.
  defp unescaped(path) do
    Regex.replace(~r/\\([0-7]{3})/, path, fn _all, digits -> <<String.to_integer(digits, 8)>> end)
  end

  @doc """
  The mount that contains a directory, and the mounts below the directory, without those below a pseudo file system, which is not entered.
  Of several mounts at one path the last one is visible.
  """
  @spec seen_from([mount], binary) :: {nil | mount, [mount]}
  def seen_from(mounts, dir) do
    tops = mounts |> Map.new(&{&1.path, &1}) |> Map.values()
    own = tops |> Enum.filter(&within?(dir, &1.path)) |> Enum.max_by(&byte_size(&1.path), fn -> nil end)
    below = tops |> Enum.filter(&(&1.path != dir and within?(&1.path, dir))) |> Enum.sort_by(& &1.path)
    left_out = Enum.filter(below, &(kind(&1) == :unwatched))
    {own, Enum.reject(below, fn mount -> Enum.any?(left_out, &(&1 != mount and within?(mount.path, &1.path))) end)}
  end

  defp within?(path, dir) do
    dir = String.trim_trailing(dir, "/")
    path == dir or String.starts_with?(path, dir <> "/")
  end

  @doc """
  What a watcher with `backend: :auto` does with such a mount below its directory. If the watched directory itself is on an `:unwatched`
  file system, it is polled.
  """
  @spec kind(mount) :: :watched | :polled | :unwatched
  def kind(%{type: "fuse." <> _of}), do: :polled
  def kind(%{type: type}) when type in @polled, do: :polled
  def kind(%{type: type}) when type in @pseudo, do: :unwatched
  def kind(_mount), do: :watched
end
