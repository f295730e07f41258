defmodule Lookout.ErrorTest do
  use ExUnit.Case, async: true

  alias Lookout.Error

  test "the message says what was done, where, what went wrong and what to do" do
    error = %Error{reason: :enoent, operation: :open, path: "/srv/in", detail: "create it first"}
    assert Exception.message(error) == ~S|open "/srv/in": create it first (enoent)|
  end

  test "the message is printable whatever bytes the path and the detail hold" do
    error = %Error{reason: :enoent, operation: :open, path: <<"/a\n", 0xFF, "\e[2J">>, detail: <<"no ", 0xFF>>}
    assert Exception.message(error) == ~S|open "/a\n\xFF\e[2J": "no \xFF" (enoent)|
  end

  test "control characters of a process's name or output are escaped, line ends are not" do
    error = %Error{reason: :eperm, operation: :stop, detail: "process 7 (\e[2J\a)", stderr: "one\n\ttwo\n"}

    assert Exception.message(error) ==
             ~S|stop: "process 7 (\e[2J\a)" (eperm)| <> "; standard error ends with:\none\n\ttwo\n"
  end

  test "it can be raised" do
    assert_raise Error, "list: too late (timeout)", fn ->
      raise Error, reason: :timeout, operation: :list, detail: "too late"
    end
  end
end
