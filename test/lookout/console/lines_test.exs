defmodule Lookout.Console.LinesTest do
  use ExUnit.Case, async: true

  alias Lookout.Event
  alias Lookout.Console.Lines

  defp line(change, path, fields \\ []) do
    Lines.line(struct!(%Event{change: change, type: :file, path: path}, fields), "/srv/in/")
  end

  test "a path is told relative to the only directory" do
    assert line(:created, "/srv/in/a/b") == "created     a/b"
    assert Lines.base(["/srv/in"]) == "/srv/in/"
    assert Lines.base(["/srv/in", "/srv/out"]) == ""
  end

  test "a path of a directory beside it stays absolute" do
    assert line(:created, "/srv/input") == "created     /srv/input"
  end

  test "every path is below the root directory" do
    assert Lines.line(%Event{change: :created, type: :file, path: "/a"}, Lines.base(["/"])) == "created     a"
  end

  test "a directory ends in a slash, a rename has both names" do
    assert line(:deleted, "/srv/in/a", type: :directory) == "deleted     a/"
    assert line(:renamed, "/srv/in/b", from: "/srv/in/a") == "renamed     a -> b"
  end

  test "no byte of a name reaches the terminal raw but those of plain text" do
    for {name, shown} <- [
          {"two\nlines", ~S("two\nlines")},
          {"\e[31mred", ~S("\u{1B}[31mred")},
          {<<0xFF, "a">>, ~S("\xFFa")},
          {<<0xC2, 0x9B, "31m">>, ~S("\u{9B}31m")},
          {"gpj\u202Eexe", ~S("gpj\u{202E}exe")},
          {"\u2028", ~S("\u{2028}")},
          {~S(a\b"c), ~S("a\\b\"c")}
        ] do
      assert line(:created, "/srv/in/" <> name) == "created     " <> shown
    end
  end

  test "letters of any script are plain text" do
    assert line(:created, "/srv/in/été 文書") == "created     été 文書"
  end

  test "a name that could be taken for something else is quoted" do
    assert line(:created, "/srv/in/a -> b") == ~S(created     "a -> b")
    assert line(:created, "/srv/in/ a ") == ~S(created     " a ")
  end

  test "a shell takes a word of a command line as the word that it is, and it is plain text" do
    for {word, shown} <- [
          {"--only=*.ex", "'--only=*.ex'"},
          {"a b", "'a b'"},
          {"", "''"},
          {"it's", ~S('it'\''s')},
          {"$HOME `x` ; \"", ~S('$HOME `x` ; "')},
          {"lib/été_文書-1.ex,@%+=:", "lib/été_文書-1.ex,@%+=:"},
          {"two\nlines\t1", ~S($'two\nlines\t1')},
          {<<"it's \\ ", 0xFF, "7\e[2J">>, ~S($'it\'s \\ \3777\033[2J')},
          {"gpj\u202Eexe", ~S($'gpj\342\200\256exe')}
        ] do
      assert Lines.shell_word(word) == shown
      assert System.cmd("bash", ["-c", "printf '<%s>' " <> shown]) == {"<" <> word <> ">", 0}
    end
  end

  test "each notice is a line" do
    for notice <- [
          {:overflow, "/d"},
          {:unreadable, "/d", :eacces},
          {:watch_limit, "/d", :poll},
          {:root_deleted, "/d"},
          {:root_created, "/d"},
          {:self_triggered, ["/d/a", "/d/b"]}
        ] do
      assert Lines.notice_line(notice) =~ ~r"\Anotice      .*/d.*\z"
    end

    assert Lines.notice_line(:restarted) =~ "restarted"
    assert Lines.notice_line({:new_one, 1}) == "notice      {:new_one, 1}"
  end

  test "words are broken before the width, with a hanging indent; a path stays whole" do
    assert Lines.wrap("notice      cannot read /srv/a/long/name (eacces)", 24, 12) ==
             "notice      cannot read\n            /srv/a/long/name\n            (eacces)"

    assert Lines.wrap("a b", 3, 2) == "a b"
    assert Lines.wrap("a b", 2, 2) == "a\n  b"
    assert Lines.wrap("", 10, 2) == ""
  end
end
