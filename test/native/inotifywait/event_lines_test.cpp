#include "inotifywait/event_lines.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace lookout::inotifywait {
namespace {

EventKinds all() {
  return EventKinds().set();
}

std::string lines(const Event& event, std::vector<WatchedPath> paths = {{"/r", "/r"}},
                  EventKinds kinds = all()) {
  std::string out;
  EXPECT_EQ(EventLines(std::move(paths), kinds, LineFormat()).append(event, out), 0);
  return out;
}

TEST(InotifywaitEventLines, AFileIsCreatedWrittenAndClosed) {
  EXPECT_EQ(lines({Change::created, EntryType::file, "/r/d/a", ""}),
            "/r/d/ CREATE a\n/r/d/ MODIFY a\n/r/d/ CLOSE_WRITE,CLOSE a\n");
  EXPECT_EQ(lines({Change::modified, EntryType::file, "/r/a", ""}),
            "/r/ MODIFY a\n/r/ CLOSE_WRITE,CLOSE a\n");
}

TEST(InotifywaitEventLines, ADirectoryCarriesIsdir) {
  EXPECT_EQ(lines({Change::created, EntryType::directory, "/r/d", ""}), "/r/ CREATE,ISDIR d\n");
  EXPECT_EQ(lines({Change::deleted, EntryType::directory, "/r/d", ""}), "/r/ DELETE,ISDIR d\n");
  EXPECT_EQ(lines({Change::attributes, EntryType::directory, "/r/d", ""}), "/r/ ATTRIB,ISDIR d\n");
}

TEST(InotifywaitEventLines, ARenameHasBothHalves) {
  EXPECT_EQ(lines({Change::renamed, EntryType::file, "/r/b/y", "/r/a/x"}),
            "/r/a/ MOVED_FROM x\n/r/b/ MOVED_TO y\n");
  EXPECT_EQ(lines({Change::renamed, EntryType::directory, "/r/y", "/r/x"}),
            "/r/ MOVED_FROM,ISDIR x\n/r/ MOVED_TO,ISDIR y\n");
}

TEST(InotifywaitEventLines, ALinkHasNoContent) {
  EXPECT_EQ(lines({Change::created, EntryType::symlink, "/r/l", ""}), "/r/ CREATE l\n");
}

TEST(InotifywaitEventLines, OnlyTheEventsAskedForArePrinted) {
  EXPECT_EQ(lines({Change::created, EntryType::file, "/r/a", ""}, {{"/r", "/r"}},
                  kinds_named("close_write").value()),
            "/r/ CLOSE_WRITE,CLOSE a\n");
  EXPECT_EQ(lines({Change::renamed, EntryType::file, "/r/b", "/r/a"}, {{"/r", "/r"}},
                  kinds_named("moved_to").value()),
            "/r/ MOVED_TO b\n");
}

TEST(InotifywaitEventLines, PathsBeginAsTheyWereGiven) {
  const auto given = [](std::string_view path) {
    return std::vector<WatchedPath>{watched_path(path, "/home/me")};
  };
  const Event event{Change::deleted, EntryType::file, "/home/me/lib/web/a.ex", ""};
  EXPECT_EQ(lines(event, given("lib")), "lib/web/ DELETE a.ex\n");
  EXPECT_EQ(lines(event, given("./lib//")), "./lib/web/ DELETE a.ex\n");
  EXPECT_EQ(lines(event, given(".")), "./lib/web/ DELETE a.ex\n");
  EXPECT_EQ(lines(event, given("/")), "/home/me/lib/web/ DELETE a.ex\n");
  EXPECT_EQ(lines(event, given("../me")), "../me/lib/web/ DELETE a.ex\n");
  EXPECT_EQ(lines(event, given("lib/web/a.ex")), "lib/web/a.ex DELETE \n");
}

TEST(InotifywaitEventLines, TheInnermostWatchedPathNamesTheEntry) {
  const Event event{Change::deleted, EntryType::file, "/r/in/a", ""};
  EXPECT_EQ(lines(event, {{"/r", "outer"}, {"/r/in", "inner"}}), "inner/ DELETE a\n");
  EXPECT_EQ(lines(event, {{"/r/i", "prefix"}, {"/r", "outer"}}), "outer/in/ DELETE a\n");
}

// A longer line would come to file_system in two parts, and its parser ends with a CaseClauseError.
TEST(InotifywaitEventLines, ALineThatIsTooLongIsLeftOutAndCounted) {
  const EventLines event_lines({{"/r", "/r"}}, all(), LineFormat());
  const std::string name(EventLines::kLongestLine, 'x');
  std::string out;
  EXPECT_EQ(event_lines.append({Change::modified, EntryType::file, "/r/" + name, ""}, out), 2);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace lookout::inotifywait
