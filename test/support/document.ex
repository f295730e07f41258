defmodule Lookout.Document do
  @moduledoc false
  # The pages of the repository, for tests that run what they print.

  @doc "The fenced blocks of a page, in order, as `{language, code}`; also indented ones below a list."
  @spec blocks(Path.t()) :: [{binary, binary}]
  def blocks(path) do
    ~r/^```(\w+)\n(.*?)^```$/ms
    |> Regex.scan(File.read!(path), capture: :all_but_first)
    |> Enum.map(&List.to_tuple/1)
  end

  @doc "The only block of this language with this text."
  @spec block!([{binary, binary}], binary, binary) :: binary
  def block!(blocks, language, text) do
    case for({^language, code} <- blocks, code =~ text, do: code) do
      [code] -> code
      found -> raise "expected one block of #{language} with #{inspect(text)}, got #{length(found)}"
    end
  end

  @doc "Writes programs into the directory `bin` below `dir`, and puts that first in PATH until the test ends."
  @spec programs!(Path.t(), %{binary => binary}) :: :ok
  def programs!(dir, scripts) do
    bin = Path.join(dir, "bin")
    File.mkdir_p!(bin)

    for {name, script} <- scripts do
      path = Path.join(bin, name)
      File.write!(path, "#!/bin/sh\n" <> script)
      File.chmod!(path, 0o755)
    end

    before = System.fetch_env!("PATH")
    System.put_env("PATH", bin <> ":" <> before)
    ExUnit.Callbacks.on_exit(fn -> System.put_env("PATH", before) end)
  end

  @doc "Makes `dir` the working directory until the test ends."
  @spec cd!(Path.t()) :: :ok
  def cd!(dir) do
    before = File.cwd!()
    File.cd!(dir)
    ExUnit.Callbacks.on_exit(fn -> File.cd!(before) end)
  end

  @doc "Compiles a block of modules, which are gone after the test."
  @spec compile!(binary) :: [module]
  def compile!(code) do
    modules = for {module, _binary} <- Code.compile_string(code), do: module
    ExUnit.Callbacks.on_exit(fn -> forget(modules) end)
    modules
  end

  @spec forget([module]) :: :ok
  def forget(modules) do
    for module <- modules do
      :code.purge(module)
      :code.delete(module)
    end

    :ok
  end
end
