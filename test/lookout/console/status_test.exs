defmodule Lookout.Console.StatusTest do
  use ExUnit.Case, async: true

  alias Lookout.Error
  alias Lookout.Console.Status

  @error %Error{reason: :port_exited, operation: :run, detail: "the program ended"}

  test "whatever ends a run can be said, and has an exit status" do
    for {status, words, code} <- [
          {0, "the command ended with status 0", 0},
          {7, "the command ended with status 7", 7},
          {{:signal, :kill}, "the command was ended by SIGKILL", 137},
          {{:signal, :rtmin_3}, "the command was ended by SIGRTMIN_3", 165},
          {{:error, @error}, "the command was ended: " <> Exception.message(@error), 1},
          {{:exit, :killed}, "the run was ended before its output was taken (:killed)", 1}
        ] do
      assert Status.words(status) == words
      assert Status.exit_code(status) == code
    end
  end

  test "a command that could not be started has the status that a shell gives" do
    assert Status.exit_code({:failed, %{@error | reason: :enoent}}) == 127
    assert Status.exit_code({:failed, %{@error | reason: :eacces}}) == 126
  end
end
