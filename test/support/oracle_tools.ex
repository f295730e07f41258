defmodule Lookout.OracleTools do
  @moduledoc false
  # The native mutator and walker (test/native/mutator), which know nothing of Lookout: they are built when they are first
  # asked for, below the build path.

  @sources "test/native/mutator"
  @programs ["mutator", "walker"]

  @doc "The path of `\"mutator\"` or `\"walker\"`."
  def path!(program) when program in @programs do
    path = Path.join(build_dir(), "lookout_#{program}")
    # Two tests may ask at once.
    :global.trans({__MODULE__, self()}, fn -> unless fresh?(path), do: build!() end)
    path
  end

  @doc "What is below the roots, as a map from path to a map with type, identity, size, mtime and mode."
  def walk!(roots) do
    {output, 0} = System.cmd(path!("walker"), roots)
    output |> entries([]) |> Map.new()
  end

  defp entries(<<>>, entries), do: entries

  defp entries(
         <<type, device::64, inode::64, size::64, mtime::64-signed, ctime::64-signed, mode::32, length::32,
           path::binary-size(length), rest::binary>>,
         entries
       ) do
    entry = %{type: type(type), identity: {device, inode}, size: size, mtime: mtime, ctime: ctime, mode: mode}
    entries(rest, [{path, entry} | entries])
  end

  defp type(?f), do: :file
  defp type(?d), do: :directory
  defp type(?l), do: :symlink
  defp type(?o), do: :other

  defp build! do
    dir = build_dir()
    File.mkdir_p!(dir)
    sources = Path.wildcard(Path.expand("*.cpp", @sources))
    {mains, others} = Enum.split_with(sources, &String.ends_with?(&1, "_main.cpp"))
    others = Enum.reject(others, &String.ends_with?(&1, "_test.cpp"))
    include = Path.expand("..", @sources)

    compile!(["-c", "-I", include | others ++ mains], dir)
    objects = for source <- others, do: Path.basename(source, ".cpp") <> ".o"

    for program <- @programs do
      compile!(["-o", "lookout_#{program}", "#{program}_main.o" | objects], dir)
    end
  end

  defp compile!(arguments, dir) do
    compiler = System.get_env("CXX", "c++")

    case System.cmd(compiler, ["-std=c++20", "-O1" | arguments], cd: dir, stderr_to_stdout: true) do
      {_output, 0} -> :ok
      {output, _status} -> raise "#{compiler} could not build the oracle's tools:\n#{output}"
    end
  end

  defp fresh?(path) do
    with {:ok, %{mtime: built}} <- File.stat(path) do
      Enum.all?(Path.wildcard(Path.expand("*.{cpp,h}", @sources)), &(File.stat!(&1).mtime <= built))
    else
      {:error, :enoent} -> false
    end
  end

  defp build_dir, do: Path.join(Mix.Project.app_path(), "oracle")
end
