defmodule Lookout.Console.JsonTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Console.Json

  defp event(path, fields \\ []) do
    IO.iodata_to_binary(Json.event(struct!(%Event{change: :created, type: :file, path: path}, fields), 7))
  end

  defp notice(notice), do: IO.iodata_to_binary(Json.notice(notice))

  test "a change is an object, a rename has both names" do
    assert event("/a") == ~S({"change":"created","type":"file","path":"/a","seq":7})

    assert event("/b", change: :renamed, from: "/a") ==
             ~S({"change":"renamed","type":"file","path":"/b","from":"/a","seq":7})
  end

  test "what RFC 8259 wants escaped is, and no byte below a space is left" do
    assert event(~s(/"\\\b\f\n\r\t)) =~ ~S("path":"/\"\\\b\f\n\r\t")
    all = for byte <- 1..31, into: "/", do: <<byte>>
    refute event(all) =~ ~r/[\x00-\x1F]/
    assert event(<<"/", 1, 0x1F, 0x7F>>) =~ ~S("path":"/\u0001\u001F\u007F")
  end

  test "letters of any script are kept" do
    assert event("/été 文🙂") =~ ~s("path":"/été 文🙂")
  end

  test "a name that is not UTF-8 stands in base64 under its own key" do
    assert event(<<"/a", 0xFF>>) =~ ~s("path_base64":"#{Base.encode64(<<"/a", 0xFF>>)}")
    refute event(<<"/a", 0xFF>>) =~ ~s("path":)

    assert event("/b", change: :renamed, from: <<0xC3>>) =~ ~S("path":"/b","from_base64":"ww==")
  end

  test "notices are objects" do
    assert notice({:root_deleted, "/a"}) == ~S({"notice":"root_deleted","path":"/a"})

    assert notice({:unreadable, "/a", :eacces}) ==
             ~S({"notice":"unreadable","path":"/a","reason":"eacces"})

    assert notice({:watch_limit, "/a", :poll}) == ~S({"notice":"watch_limit","path":"/a","covered_by":"poll"})
    assert notice({:polled, "/a", :nfs}) == ~S({"notice":"polled","path":"/a","file_system":"nfs"})
    assert notice({:unwatched, "/a", :proc}) == ~S({"notice":"unwatched","path":"/a","file_system":"proc"})
    assert notice({:omitted, "/a", 3}) == ~S({"notice":"omitted","path":"/a","count":3})
    assert notice({:cursor_lost, :bad_snapshot}) == ~S({"notice":"cursor_lost","reason":"bad_snapshot"})
    assert notice(:restarted) == ~S({"notice":"restarted"})
    assert notice({:new_one, 1}) == ~S({"notice":"{:new_one, 1}"})
  end
end
