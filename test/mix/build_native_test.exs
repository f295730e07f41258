defmodule Lookout.BuildNativeTest do
  # bin/build-native, with sources and a CMake that are doubles: where lookout_port comes from, and what is said when
  # it cannot come from there. Not async: a test starts a web server.
  use Lookout.Case, async: false

  @script File.read!("bin/build-native")
  @external_resource "bin/build-native"

  setup %{dir: dir} do
    source = Path.join(dir, "source")

    write!(source, %{
      "bin/build-native" => @script,
      "VERSION" => "1.2.3\n",
      "CMakeLists.txt" => "",
      "cmake/x.cmake" => "",
      "c_src/main.cpp" => "int main() {}\n",
      "c_src/bridge/replies.h" => "inline constexpr std::uint64_t kProtocolVersion = 7;\n",
      "c_src/inotifywait/inotifywait.sh" => "#!/bin/sh\n"
    })

    # Installs a program of this version, and counts.
    program!(dir, "tools/cmake", """
    while [ $# -gt 0 ]; do
      case $1 in
        --install) echo built >>#{dir}/builds ;;
        --prefix) to=$2 ;;
      esac
      shift
    done
    [ -n "${to:-}" ] || exit 0
    mkdir -p "$to"
    for name in lookout_port inotifywait; do
      printf '#!/bin/sh\\necho "lookout_port 1.2.3 (protocol 7)"\\n' >"$to/$name"
      chmod +x "$to/$name"
    done
    """)

    {:ok, source: source, priv: Path.join(dir, "priv"), port: Path.join(dir, "priv/lookout_port")}
  end

  defp write!(dir, files) do
    for {name, text} <- files do
      path = Path.join(dir, name)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, text)
    end
  end

  defp program!(dir, name, script) do
    write!(dir, %{name => "#!/bin/sh\n" <> script})
    File.chmod!(Path.join(dir, name), 0o755)
    Path.join(dir, name)
  end

  defp given!(dir, answer), do: program!(dir, "given", ~s(echo "#{answer}"\n))

  @foreign for name <- ~w(CC CXX CFLAGS CXXFLAGS LDFLAGS CMAKE_TOOLCHAIN_FILE CMAKE_PREFIX_PATH MIX_TARGET LOOKOUT_PORT
                          LOOKOUT_PRECOMPILED LOOKOUT_UNITY http_proxy https_proxy),
               do: {name, nil}

  # What it prints, and its status.
  defp build(%{dir: dir, source: source}, environment \\ [], options \\ []) do
    own = [
      {"PATH", Path.join(dir, "tools") <> ":" <> System.fetch_env!("PATH")},
      {"LOOKOUT_CACHE", "0"},
      {"ERL_EI_INCLUDE_DIR", dir},
      {"ERL_EI_LIBDIR", dir}
    ]

    arguments = ["bin/build-native"] ++ options ++ [Path.join(dir, "objects"), Path.join(dir, "priv")]
    System.cmd("sh", arguments, cd: source, stderr_to_stdout: true, env: @foreign ++ own ++ environment)
  end

  defp builds(dir), do: dir |> Path.join("builds") |> File.stream!() |> Enum.count()

  describe "what is up to date" do
    test "is not built again, in silence, and --check says so", context do
      assert {_output, 1} = build(context, [], ["--check"])
      assert {output, 0} = build(context)
      assert output =~ "lookout_port is being built"
      assert {"", 0} = build(context)
      assert {"", 0} = build(context, [], ["--check"])
      assert {"", 0} = build(context, [{"UNRELATED", "1"}], ["--check"])
      assert builds(context.dir) == 1
    end

    test "is built again after a change of a source, of the environment, and of the programs", context do
      assert {_output, 0} = build(context)
      File.write!(Path.join(context.source, "c_src/main.cpp"), "int main() { }\n")
      assert {"", 1} = build(context, [], ["--check"])
      assert {_output, 0} = build(context)
      assert {"", 1} = build(context, [{"CXXFLAGS", "-O3"}], ["--check"])
      File.rm!(context.port)
      assert {"", 1} = build(context, [], ["--check"])
      assert {_output, 0} = build(context)
      assert builds(context.dir) == 3
    end
  end

  describe "progress" do
    # What ninja and make print: `cmake --build` waits after each line until the test has seen what came of it.
    test "is reported by tenths while the build runs, of ninja and of make", context do
      for {lines, reports} <- [
            {["[1/20] a", "[2/20] b", "[x/y] c", "[20/20] d"], ["2 of 20", "20 of 20"]},
            {["[  5%] a", "[ 50%] b", "[100%] c"], ["50 of 100", "100 of 100"]}
          ] do
        File.rm_rf!(Path.join(context.dir, "objects"))
        File.rm(Path.join(context.dir, "go"))
        first = lines |> Enum.take(2) |> Enum.map_join("; ", &~s(echo "#{&1}"))
        rest = lines |> Enum.drop(2) |> Enum.map_join("; ", &~s(echo "#{&1}"))

        program!(context.dir, "tools/cmake", """
        case $1 in
          --build) #{first}; while [ ! -e #{context.dir}/go ]; do sleep 0.05; done; #{rest} ;;
          --install) mkdir -p "$4"; for name in lookout_port inotifywait; do touch "$4/$name"; chmod +x "$4/$name"; done ;;
        esac
        """)

        task = Task.async(fn -> build(context) end)
        log = Path.join(context.dir, "objects/log")

        eventually(fn ->
          match?({:ok, text} when text != "", File.read(log)) and File.read!(log) =~ Enum.at(lines, 1)
        end)

        File.touch!(Path.join(context.dir, "go"))
        {output, 0} = Task.await(task, 60_000)

        assert for([_all, report] <- Regex.scan(~r/^lookout: (\d+ of \d+)$/m, output), do: report) == reports
      end
    end
  end

  describe "LOOKOUT_PORT" do
    test "is copied, and nothing is built", context do
      path = given!(context.dir, "lookout_port 1.2.3 (protocol 7)")
      assert {output, 0} = build(context, [{"LOOKOUT_PORT", path}])
      assert output == "lookout: lookout_port is a copy of #{path}\n"
      assert File.read!(context.port) == File.read!(path)
      assert File.exists?(Path.join(context.priv, "inotifywait"))
      assert {"", 0} = build(context, [{"LOOKOUT_PORT", path}], ["--check"])
      refute File.exists?(Path.join(context.dir, "builds"))
    end

    test "that is another one, or changed, is copied again", context do
      path = given!(context.dir, "lookout_port 1.2.3 (protocol 7)")
      assert {_output, 0} = build(context, [{"LOOKOUT_PORT", path}])
      File.write!(path, File.read!(path) <> "# changed\n")
      assert {_output, 0} = build(context, [{"LOOKOUT_PORT", path}])
      assert File.read!(context.port) =~ "# changed"
    end

    test "that is missing, may not be executed, or is of another version, protocol or kind, is an error", context do
      wrong = fn answer -> given!(context.dir, answer) end

      for {path, said} <- [
            {fn -> "/no/such/file" end, "/no/such/file: there is no such file"},
            {fn -> tap(wrong.("lookout_port 1.2.3 (protocol 7)"), &File.chmod!(&1, 0o644)) end, "may not be executed"},
            {fn -> wrong.("lookout_port 1.2.2 (protocol 7)") end, ~s(says "lookout_port 1.2.2 (protocol 7\)")},
            {fn -> wrong.("lookout_port 1.2.3 (protocol 8)") end, ~s(not "lookout_port 1.2.3 (protocol 7\)")},
            {fn -> tap(wrong.(""), &File.write!(&1, <<0x7F, "ELF", 0::800>>)) end, "for this machine"}
          ] do
        assert {output, 1} = build(context, [{"LOOKOUT_PORT", path.()}])
        assert output =~ said
        assert output =~ "LOOKOUT_PORT="
        assert output =~ "unset the variable"
        refute File.exists?(context.port)
      end
    end
  end

  describe "LOOKOUT_PRECOMPILED" do
    setup %{dir: dir} do
      {machine, 0} = System.cmd("uname", ["-m"])

      arch =
        case String.trim(machine) do
          "aarch64" -> "aarch64"
          "armv" <> _ -> "armv7"
          _ -> "x86_64"
        end

      {:ok, archive: "lookout_port-1.2.3-linux-#{arch}.tar.gz", folder: Path.join(dir, "archives")}
    end

    # An archive as bin/package makes it.
    defp archive!(context, answer \\ "lookout_port 1.2.3 (protocol 7)") do
      stage = Path.join(context.dir, "stage")
      program!(stage, "lookout_port", ~s(echo "#{answer}"\n))
      File.mkdir_p!(context.folder)
      {"", 0} = System.cmd("tar", ["-czf", Path.join(context.folder, context.archive), "-C", stage, "lookout_port"])
      sums!(context)
    end

    defp sums!(context) do
      {sums, 0} = System.cmd("sha256sum", [context.archive], cd: context.folder)
      File.write!(Path.join(context.folder, "SHA256SUMS"), sums)
    end

    # What is said when the archive is not used: lookout_port is built then.
    defp refused(context, location \\ nil) do
      assert {output, 0} = build(context, [{"LOOKOUT_PRECOMPILED", location || context.folder}])
      assert output =~ "lookout_port is built instead"
      assert File.exists?(Path.join(context.dir, "builds"))
      assert {"lookout_port 1.2.3 (protocol 7)\n", 0} = System.cmd(context.port, ["--version"])
      refute File.exists?(Path.join(context.dir, "objects/precompiled"))
      output
    end

    test "a folder and file:// are used, and nothing is built", context do
      archive!(context)

      for location <- [context.folder, "file://" <> context.folder, context.folder <> "/"] do
        File.rm_rf!(context.priv)
        assert {output, 0} = build(context, [{"LOOKOUT_PRECOMPILED", location}])
        assert output =~ "lookout_port is taken from #{context.folder}/#{context.archive}"
        assert {"lookout_port 1.2.3 (protocol 7)\n", 0} = System.cmd(context.port, ["--version"])
        assert {"", 0} = build(context, [{"LOOKOUT_PRECOMPILED", location}], ["--check"])
      end

      refute File.exists?(Path.join(context.dir, "builds"))
    end

    test "another checksum is said, with both", context do
      archive!(context)
      File.write!(Path.join(context.folder, context.archive), "more", [:append])
      assert refused(context) =~ ~r/its SHA-256 is [0-9a-f]{64}, and should be [0-9a-f]{64}/
    end

    test "a truncated archive is said, with what it has", context do
      archive!(context)
      path = Path.join(context.folder, context.archive)
      File.write!(path, path |> File.read!() |> binary_part(0, 40))
      assert refused(context) =~ "it has 40 bytes"
      # Even where the list agrees.
      sums!(context)
      File.rm_rf!(context.priv)
      assert refused(context) =~ "it cannot be unpacked"
    end

    test "a program of another version or protocol is said", context do
      archive!(context, "lookout_port 1.2.3 (protocol 8)")
      assert refused(context) =~ ~s(answers "lookout_port 1.2.3 (protocol 8\)")
    end

    test "a link in the archive is not followed", context do
      stage = Path.join(context.dir, "stage")
      File.mkdir_p!(stage)
      File.mkdir_p!(context.folder)
      File.ln_s!(given!(context.dir, "lookout_port 1.2.3 (protocol 7)"), Path.join(stage, "lookout_port"))
      {"", 0} = System.cmd("tar", ["-czf", Path.join(context.folder, context.archive), "-C", stage, "lookout_port"])
      sums!(context)
      assert refused(context) =~ "is no file"
    end

    test "a folder without an archive, or without its checksum, is said", context do
      assert refused(context) =~ "SHA256SUMS"
      archive!(context)
      File.write!(Path.join(context.folder, "SHA256SUMS"), "<!DOCTYPE html><title>Log in</title>")
      File.rm_rf!(context.priv)
      assert refused(context) =~ ~s(begins with "<!DOCTYPE html>)
    end

    test "the list of the sources goes before that of the location", context do
      archive!(context)

      File.write!(
        Path.join(context.source, "precompiled.sha256"),
        String.duplicate("0", 64) <> "  " <> context.archive <> "\n"
      )

      assert refused(context) =~ "should be 0000"
    end

    test "another machine has no archive", context do
      archive!(context)
      assert {output, 0} = build(context, [{"LOOKOUT_PRECOMPILED", context.folder}, {"MIX_TARGET", "rpi4"}])
      assert output =~ "there are no archives for this machine"
    end

    @tag :tmp_dir
    test "http:// is used; a server that answers HTML or nothing is said", context do
      if System.find_executable("curl") || System.find_executable("wget") do
        archive!(context)
        {:ok, _apps} = Application.ensure_all_started(:inets)
        page = "<html>Log in</html>"
        server = Path.join(context.dir, "www")
        File.mkdir_p!(Path.join(server, "portal"))
        File.cp_r!(context.folder, Path.join(server, "archives"))
        for name <- ["SHA256SUMS", context.archive], do: File.write!(Path.join([server, "portal", name]), page)

        {:ok, pid} =
          :inets.start(:httpd,
            port: 0,
            server_name: ~c"localhost",
            bind_address: {127, 0, 0, 1},
            server_root: to_charlist(server),
            document_root: to_charlist(server)
          )

        on_exit(fn -> :inets.stop(:httpd, pid) end)
        [port: port] = :httpd.info(pid, [:port])
        address = "http://127.0.0.1:#{port}"

        assert {output, 0} = build(context, [{"LOOKOUT_PRECOMPILED", address <> "/archives"}])
        assert output =~ "lookout_port is taken from #{address}/archives/#{context.archive}"
        assert refused(context, address <> "/portal") =~ ~s(begins with "#{page}")
        assert refused(context, address <> "/nothing") =~ "404"
        :inets.stop(:httpd, pid)
        assert refused(context, address <> "/archives") =~ address
      end
    end
  end
end
