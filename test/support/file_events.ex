defmodule Lookout.FileEvents do
  @moduledoc false
  # The paths that exist by what file_system's messages say, and churns to compare them after.

  defstruct paths: MapSet.new(), moving: nil

  @doc "The paths after an event."
  def apply_event(%__MODULE__{} = known, {path, events}) do
    cond do
      :deleted in events -> %{known | paths: without(known.paths, path)}
      :moved_from in events -> %{known | moving: path}
      :moved_to in events and known.moving != nil -> move(known, path)
      true -> %{known | paths: MapSet.put(known.paths, path)}
    end
  end

  defp without(paths, path), do: MapSet.reject(paths, &below?(&1, path))

  defp move(%{moving: from} = known, to) do
    {moved, left} = Enum.split_with(known.paths, &below?(&1, from))
    left = left |> MapSet.new() |> without(to)
    moved = for path <- [from | moved], do: to <> binary_part(path, byte_size(from), byte_size(path) - byte_size(from))
    %{known | moving: nil, paths: Enum.into(moved, left)}
  end

  defp below?(path, path), do: true
  defp below?(path, top), do: String.starts_with?(path, top <> "/")

  @doc "The paths that exist below a directory."
  def on_disk(dir) do
    for name <- File.ls!(dir), path = Path.join(dir, name), found <- [path | below(path)], into: MapSet.new(), do: found
  end

  defp below(path) do
    case File.lstat!(path) do
      %{type: :directory} -> Enum.to_list(on_disk(path))
      _other -> []
    end
  end

  @doc """
  Makes changes as a person and a build do: trees, files that are written, saved and renamed, directories that are moved, also out
  and in, and removed. `after_each` is called after each of them.
  """
  def churn(dir, count, seed, after_each) do
    :rand.seed(:exsss, seed)
    outside = dir <> "-outside"
    File.mkdir_p!(outside)

    for n <- 1..count do
      step(:rand.uniform(11), dir, outside, n)
      after_each.()
    end
  end

  defp step(kind, dir, _outside, n) when kind <= 2, do: File.mkdir_p!(Path.join([any_dir(dir), "d#{n}", "e", "f"]))

  defp step(kind, dir, _outside, n) when kind <= 5 do
    made = Path.join(any_dir(dir), "t#{n}")
    File.mkdir_p!(made)
    File.write!(Path.join(made, "a"), "1")
    File.write!(Path.join(any_dir(dir), "w#{n}"), "1")
  end

  defp step(6, dir, _outside, _n),
    do: with(file when file != nil <- any_file(dir), do: File.write!(file, "22", [:append]))

  defp step(7, dir, _outside, n) do
    with file when file != nil <- any_file(dir) do
      File.write!(file <> ".tmp#{n}", "saved")
      File.rename!(file <> ".tmp#{n}", file)
    end
  end

  defp step(8, dir, _outside, n) do
    with file when file != nil <- any_file(dir), do: File.rename!(file, Path.join(any_dir(dir), "r#{n}"))
  end

  defp step(9, dir, _outside, n) do
    with from when from != dir <- any_dir(dir) do
      to = any_dir(dir)
      unless below?(to, from), do: File.rename!(from, Path.join(to, "m#{n}"))
    end
  end

  defp step(10, dir, outside, n) do
    with from when from != dir <- any_dir(dir) do
      moved = Path.join(outside, "o#{n}")
      File.rename!(from, moved)
      File.write!(Path.join(moved, "made_outside"), "3")
      if rem(n, 2) == 0, do: File.rename!(moved, Path.join(any_dir(dir), "i#{n}"))
    end
  end

  defp step(11, dir, _outside, _n) do
    cond do
      :rand.uniform(3) > 1 -> with(file when file != nil <- any_file(dir), do: File.rm!(file))
      (gone = any_dir(dir)) != dir -> File.rm_rf!(gone)
      true -> :ok
    end
  end

  # By a walk down, so that a step costs the same however many entries there are.
  defp any_dir(dir) do
    case entries(dir, :directory) do
      [] -> dir
      dirs -> if :rand.uniform(4) == 1, do: dir, else: any_dir(Enum.random(dirs))
    end
  end

  defp any_file(dir) do
    case entries(any_dir(dir), :regular) do
      [] -> nil
      files -> Enum.random(files)
    end
  end

  defp entries(dir, type) do
    for name <- Enum.sort(File.ls!(dir)), path = Path.join(dir, name), File.lstat!(path).type == type, do: path
  end
end
