defmodule Lookout.Console.BannerTest do
  use ExUnit.Case, async: true

  alias Lookout.Console.Banner

  test "a header names the cause, the command and the time" do
    for {cause, why} <- [
          {:start, "start"},
          {:key, "asked for by a key"},
          {{:changed, []}, "changed"},
          {{:changed, ["/srv/app/lib/a.ex"]}, "lib/a.ex changed"},
          {{:changed, ["/srv/app/lib/a.ex", "/srv/b"]}, "lib/a.ex and 1 other changed"},
          {{:changed, ["/srv/b", "/srv/c", "/srv/d"]}, "/srv/b and 2 others changed"},
          {{:changed, ["/srv/app/two\nlines"]}, ~S("two\nlines" changed)}
        ] do
      assert Banner.header(cause, ["mix", "test", "a b"], ~T[18:04:12.345], "/srv/app/") ==
               {:header, "── #{why} · mix test 'a b' · 18:04:12"}
    end
  end

  test "a footer has the result and the elapsed time" do
    assert Banner.footer(0, 1_234) == {:success, "── done · 1.23 s"}
    assert Banner.footer(2, 61_500) == {:failure, "── status 2 · 1 min 1 s"}
    assert Banner.footer({:signal, :term}, 0) == {:failure, "── ended by SIGTERM · 0.00 s"}
    assert {:failure, "── the run was ended" <> _} = Banner.footer({:exit, :killed}, 0)
  end

  test "the key that ends it is named: without keys, a VM with a break menu ends at the second Ctrl-C" do
    assert Banner.quits(true, false) == "Ctrl-C or q ends"
    assert Banner.quits(false, true) == "Ctrl-C ends"
    assert Banner.quits(false, false) == "Ctrl-C twice ends"
  end

  test "what is waited for are the paths, and keys only where they are read" do
    assert Banner.idle(["lib", "a\tb"], true) ==
             {:idle, ~S(waiting for changes of lib, "a\tb" · Enter runs it again, q ends)}

    assert Banner.idle(["."], false) == {:idle, "waiting for changes of #{File.cwd!()}"}
  end
end
