defmodule Lookout.CommandUserTest do
  use Lookout.Case, async: true

  alias Lookout.{Command, Error}

  @root System.cmd("id", ["-u"]) == {"0\n", 0}

  if @root do
    test "a command runs as the user, with its group and its supplementary groups" do
      assert {:ok, ids, 0} = Command.run(["id"], user: "nobody")
      assert System.cmd("id", ["nobody"]) == {ids, 0}

      assert Command.run("id -u; id -g; id -G", shell: true, user: 54_321, group: 7, groups: [8, 9]) ==
               {:ok, "54321\n7\n7 8 9\n", 0}
    end

    test "HOME, USER and LOGNAME are those of the user, unless they are given or none is inherited" do
      line = "echo ${HOME-none} ${USER-none} ${LOGNAME-none}"
      assert Command.run(line, shell: true, user: "nobody") == {:ok, "/nonexistent nobody nobody\n", 0}
      assert Command.run(line, shell: true, user: "nobody", env: %{"HOME" => "/x"}) == {:ok, "/x nobody nobody\n", 0}
      assert Command.run(line, shell: true, user: "nobody", clear_env: true) == {:ok, "none none none\n", 0}
    end

    test "a program is found as the user finds it: one that only others may execute or see is passed by", %{dir: dir} do
      for {name, mode} <- [mine: 0o700, yours: 0o755] do
        File.mkdir!(Path.join(dir, "#{name}"))
        program = Path.join(dir, "#{name}/program")
        File.write!(program, "#!/bin/sh\necho #{name}\n")
        File.chmod!(program, mode)
      end

      run = fn user, parts ->
        Command.run(["program"], [env: %{"PATH" => Enum.map_join(parts, ":", &Path.join(dir, &1))}, cd: "/"] ++ user)
      end

      assert run.([], ["mine", "yours"]) == {:ok, "mine\n", 0}
      assert run.([user: "nobody"], ["mine", "yours"]) == {:ok, "yours\n", 0}
      assert {:error, %Error{reason: :eacces, path: "program"}} = run.([user: "nobody"], ["none", "mine"])
      File.chmod!(Path.join(dir, "mine"), 0o700)
      assert run.([user: "nobody"], ["mine", "yours"]) == {:ok, "yours\n", 0}
      assert {:error, %Error{reason: :enoent, path: "program"}} = run.([user: "nobody"], ["none", "mine"])
    end

    test "a user or group that is not there is named" do
      assert {:error, %Error{reason: :bad_user, detail: detail}} = Command.run(["id"], user: "no-such-user")
      assert detail =~ ~s("no-such-user")
      assert {:error, %Error{reason: :bad_group, detail: detail}} = Command.start_link(["id"], group: "no-such-group")
      assert detail =~ ~s("no-such-group")
    end

    test "P6: the tree of another user is ended with the command's owner" do
      {:ok, pid} = Command.start_link("sleep 1000 & echo $!; wait", shell: true, user: "nobody")
      assert_receive {:lookout_command, ^pid, {:stdout, child}}
      assert Command.stop(pid) == :ok
      refute File.exists?("/proc/#{String.trim(child)}")
    end
  else
    test "P8: without the privilege another user is an error that says what is missing" do
      assert {:error, %Error{reason: :eperm, detail: detail}} = Command.run(["id"], user: "nobody")
      assert detail =~ "CAP_SETUID"
    end
  end
end
