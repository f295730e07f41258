defmodule Lookout.Console.ArgumentsTest do
  use ExUnit.Case, async: true

  alias Lookout.Console.Arguments

  defp parse!(words) do
    {:ok, arguments} = Arguments.parse(words)
    arguments
  end

  test "without words, the current directory is told" do
    assert %{paths: ["."], command: nil, format: :lines, settle: 0, watch: []} = parse!([])
  end

  test "what stands behind the first -- is the command's, to the word" do
    assert %{paths: ["lib"], command: ["env", "--", "--json"], restart: true} =
             parse!(["lib", "--restart", "--", "env", "--", "--json"])

    assert %{paths: ["."], command: ["make"]} = parse!(["--", "make"])
  end

  test "patterns may be repeated, and keep their order" do
    assert parse!(["--ignore", "a", "x", "--ignore=!b", "--only", "*.ex", "--gitignore"]).watch ==
             [gitignore: true, ignore: ["a", "!b"], only: ["*.ex"]]
  end

  test "quiet is waited for where one batch has to hold what belongs together" do
    assert parse!(["--once"]).settle == 50
    assert parse!(["--", "make"]).settle == 50
    assert parse!(["--once", "--settle", "7"]).settle == 7
    assert %{settle: 50, max_settle: 900} = parse!(["--max-settle", "900", "--", "make"])
  end

  test "a path may be missing with --wait" do
    assert parse!(["later", "--wait"]).watch == [missing: :wait]
  end

  test "--since is for printing, with the patterns and formats of that" do
    assert %{since: "c", on_bad_cursor: :error, format: :print0, watch: [ignore: ["*.o"]]} =
             parse!(["--since", "c", "--print0", "--ignore", "*.o"])

    assert parse!(["--since", "c", "--on-bad-cursor", "restart"]).on_bad_cursor == :restart
    assert parse!(["--since", "c", "--on-bad-cursor", "error"]).on_bad_cursor == :error
  end

  test "what makes no sense is an error that names it" do
    for {words, named} <- [
          {["--jsn"], "unknown option --jsn"},
          {["-x"], "unknown option -x"},
          {["--settle", "soon"], ~S(--settle: "soon")},
          {["--settle", "-1"], "--settle"},
          {["--settle"], "--settle: a value is missing"},
          {["--max-settle", "86400001"], "--max-settle: expected milliseconds from 0 to 86400000"},
          {["--ignore"], "--ignore"},
          {["--ignore", "./lib"], ~S(option --ignore: the pattern "./lib" can match nothing)},
          {["/srv/app", "--only", "/srv/app/*.ex"], ~S(write "/*.ex")},
          {[""], "PATH: expected a path"},
          {["--json", "--print0"], "--print0"},
          {["--json", "--", "make"], "--json is for printing"},
          {["--clear"], "--clear is for a command"},
          {["--restart"], "--restart is for a command"},
          {["--postpone"], "--postpone is for a command"},
          {["--notify-exit"], "--notify-exit is for a command"},
          {["--since"], "--since: a value is missing"},
          {["--since", ""], "option --since: expected a path"},
          {["--since", "c", "--", "make"], "--since is for printing"},
          {["--since", "c", "--once"], "--once does not go with --since"},
          {["--since", "c", "--settle", "1"], "--settle does not go with --since"},
          {["--since", "c", "--on-bad-cursor", "ignore"], "--on-bad-cursor: expected error or restart"},
          {["--on-bad-cursor", "restart"], "--on-bad-cursor needs the option --since"},
          {["lib", "--"], "no command"}
        ] do
      assert {:error, message} = Arguments.parse(words)
      assert message =~ named
    end
  end

  test "help is asked for before anything else" do
    assert Arguments.parse(["--help", "--jsn"]) == :help
    assert Arguments.parse(["-h"]) == :help
    assert %{command: ["ls", "--help"]} = parse!(["--", "ls", "--help"])
  end

  test "the version is asked for, and options have short names" do
    assert Arguments.parse(["--version"]) == :version
    assert %{clear: true, restart: true, postpone: true} = parse!(["-c", "-r", "-p", "--", "make"])
  end

  test "a command that runs has the keys, with --restart only where that is asked for" do
    assert parse!(["--", "make"]).interactive
    refute parse!(["-r", "--", "make"]).interactive
    assert parse!(["-r", "--interactive", "--", "make"]).interactive
    refute parse!(["--no-interactive", "--", "make"]).interactive
    assert {:error, "option --interactive is for a command" <> _} = Arguments.parse(["--interactive"])
  end
end
