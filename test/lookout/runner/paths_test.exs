defmodule Lookout.Runner.PathsTest do
  use Lookout.RunnerCase, async: true

  describe "paths" do
    # Runs the script of the command, which writes what it was told to `dir/told`, after the changes of `names`. These are made during a run before, so
    # that one run is told them all, however long they take.
    defp told(context, names, [{:command, ["sh", "-c", script | words]} | options]) do
      for name <- names, do: File.write!(context.watched <> "/" <> name, "")
      before = "if [ ! -e #{context.dir}/go ]; then #{gate(context, "go")}; exit 0; fi; "
      runner = start!(context, [command: ["sh", "-c", before <> script | words]] ++ options)
      change!(context, "first")
      started(runner)
      for name <- names, do: File.write!(context.watched <> "/" <> name, "x")
      assert Enum.sort(waiting(runner)) == Enum.sort(names)
      open(context, "go")
      assert finished(runner) == 0
      started(runner)
      assert finished(runner) == 0
      File.read!(Path.join(context.dir, "told"))
    end

    test "reach the command on standard input, whatever is in them", context do
      names = ["a\nb", <<"odd", 0xFF>>, "-n"]
      told = told(context, names, command: ["sh", "-c", "cat >#{context.dir}/told"], paths: :stdin)

      assert told |> String.split(<<0>>, trim: true) |> Enum.sort() ==
               Enum.sort(for name <- names, do: context.watched <> "/" <> name)
    end

    test "reach the command as words", context do
      command = ["sh", "-c", "printf '%s\\0' \"$@\" >#{context.dir}/told", "sh", "{paths}", "end"]
      told = told(context, ["a b", "c\nd"], command: command, paths: :args)
      assert [_one, _other, "end"] = words = String.split(told, <<0>>, trim: true)
      assert Enum.sort(words) == Enum.sort(["end", context.watched <> "/a b", context.watched <> "/c\nd"])
    end

    test "reach the command in a variable", context do
      command = ["sh", "-c", "printf '%s' \"$CHANGED|${LOOKOUT_PATHS_OMITTED-none}\" >#{context.dir}/told"]
      told = told(context, ["a b"], command: command, paths: {:env, "CHANGED"})
      assert told == context.watched <> "/a b|none"
    end

    test "that are too many for the system are left out, and that is said", context do
      names = for n <- 1..1_200, do: String.duplicate("n", 200) <> "#{n}"
      command = ["sh", "-c", "printf '%s' \"$#|$LOOKOUT_PATHS_OMITTED\" >#{context.dir}/told", "sh", "{paths}"]
      # The system allows a quarter of the stack, and not less than 128 KiB.
      told = told(context, names, command: command, paths: :args, rlimits: [stack: 1_048_576])
      assert told == "0|1200"
    end

    @names for n <- 1..1_000, do: String.duplicate("n", 200) <> "#{n}"

    test "of 200 kB fit on standard input", context do
      command = ["sh", "-c", "tr -cd '\\0' | wc -c >#{context.dir}/told"]
      assert String.trim(told(context, @names, command: command, paths: :stdin)) == "1000"
    end

    test "of 200 kB do not fit into a variable, and that is said", context do
      command = ["sh", "-c", "printf '%s' \"$CHANGED|$LOOKOUT_PATHS_OMITTED\" >#{context.dir}/told"]
      assert told(context, @names, command: command, paths: {:env, "CHANGED"}) == "|1000"
    end
  end
end
