#include "inotifywait/line_format.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

namespace lookout::inotifywait {
namespace {

using namespace std::string_literals;

std::string written(std::string_view format, const Line& line) {
  const auto parsed = LineFormat::parse(format);
  if (const auto* error = std::get_if<Error>(&parsed)) return "error: " + error->detail;
  return std::get<LineFormat>(parsed).write(line);
}

const Line kLine{"/srv/app/", {"CREATE", "ISDIR"}, "lib"};

TEST(InotifywaitLineFormat, DefaultIsThatOfInotifywait) {
  EXPECT_EQ(LineFormat().write(kLine), "/srv/app/ CREATE,ISDIR lib\n");
}

TEST(InotifywaitLineFormat, ReplacesEachConversion) {
  EXPECT_EQ(written("%w\x01%e\x01%f", kLine),
            "/srv/app/\x01"s
            "CREATE,ISDIR\x01"
            "lib\n");
  EXPECT_EQ(written("[%:e] 100%% of %w%f", kLine), "[CREATE:ISDIR] 100% of /srv/app/lib\n");
  EXPECT_EQ(written("%w%f%0", kLine), "/srv/app/lib\0\n"s);
  EXPECT_EQ(written("%f%n%w", kLine), "lib\n/srv/app/\n");
}

TEST(InotifywaitLineFormat, RefusesOtherConversionsByName) {
  EXPECT_NE(written("%w %T", kLine).find("got %T"), std::string::npos);
  EXPECT_NE(written("%", kLine).find("got %"), std::string::npos);
}

// file_system's parser ends with a CaseClauseError on a field too many, and takes what follows a
// newline for a line.
TEST(InotifywaitLineFormat, WritesWhatWouldEndALineOrAFieldAsAnEscape) {
  const Line odd{"/srv/a\nb/",
                 {"MODIFY"},
                 "c\x01"
                 "d, e\tf"};
  EXPECT_EQ(written("%w\x01%e\x01%f", odd),
            "/srv/a\\012b/\x01"
            "MODIFY\x01"
            "c\\001d, e\tf\n");
  EXPECT_EQ(written("%f", {"/", {}, "ends\r"}), "ends\\015\n");
  EXPECT_EQ(LineFormat().write(odd),
            "/srv/a\\012b/ MODIFY c\x01"
            "d, e\tf\n");
}

}  // namespace
}  // namespace lookout::inotifywait
