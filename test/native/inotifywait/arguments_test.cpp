#include "inotifywait/arguments.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace lookout::inotifywait {
namespace {

std::string refused(const std::vector<std::string>& arguments) {
  const auto parsed = parse_arguments(arguments);
  const auto* error = std::get_if<Error>(&parsed);
  return error != nullptr ? error->detail : "accepted";
}

Arguments accepted(const std::vector<std::string>& arguments) {
  EXPECT_EQ(refused(arguments), "accepted");
  return std::get<Arguments>(parse_arguments(arguments));
}

TEST(InotifywaitArguments, TakesWhatFileSystemPasses) {
  const Arguments arguments = accepted(
      {"-e",      "modify", "-e", "close_write", "-e", "moved_to", "-e",       "moved_from",
       "-e",      "create", "-e", "delete",      "-e", "attrib",   "--format", "%w\x01%e\x01%f",
       "--quiet", "-m",     "-r", "/a b",        "/c"});
  EXPECT_TRUE(arguments.kinds.all());
  EXPECT_TRUE(arguments.quiet);
  EXPECT_TRUE(arguments.recursive);
  EXPECT_EQ(arguments.paths, (std::vector<std::string>{"/a b", "/c"}));
  EXPECT_EQ(arguments.format.write({"/c/", {"CREATE"}, "d"}),
            "/c/\x01"
            "CREATE\x01"
            "d\n");
}

TEST(InotifywaitArguments, TakesShortLongAndJoinedForms) {
  const Arguments arguments = accepted(
      {"a", "--monitor", "-qr", "--event=move", "-edelete,attrib", "--format=%f", "--", "-e"});
  EXPECT_EQ(arguments.kinds, kinds_named("move").value() | kinds_named("delete").value() |
                                 kinds_named("attrib").value());
  EXPECT_EQ(arguments.paths, (std::vector<std::string>{"a", "-e"}));
  EXPECT_EQ(arguments.format.write({"/c/", {"CREATE"}, "d"}), "d\n");
}

TEST(InotifywaitArguments, AreNotRecursiveOrQuietAndMeanAllEventsUnlessAsked) {
  const Arguments arguments = accepted({"-m", "a"});
  EXPECT_FALSE(arguments.recursive);
  EXPECT_FALSE(arguments.quiet);
  EXPECT_TRUE(arguments.kinds.all());
}

TEST(InotifywaitArguments, NameWhatIsNotAccepted) {
  EXPECT_NE(refused({"-m", "--exclude", "x", "a"}).find("got --exclude"), std::string::npos);
  EXPECT_NE(refused({"-m", "--quiet=1", "a"}).find("got --quiet=1"), std::string::npos);
  EXPECT_NE(refused({"-mrx", "a"}).find("got -mrx"), std::string::npos);
  EXPECT_NE(refused({"-mf", "%w", "a"}).find("got -mf"), std::string::npos);
  EXPECT_NE(refused({"-m", "@a"}).find("got \"@a\""), std::string::npos);
  EXPECT_NE(refused({"-m", "-"}).find("got -"), std::string::npos);
  EXPECT_NE(refused({"-m", "-e", "open", "a"}).find("got open"), std::string::npos);
  EXPECT_NE(refused({"-m", "-e", "", "a"}).find("-e: expected"), std::string::npos);
  EXPECT_NE(refused({"-m", "a", "-e"}).find("a value after -e"), std::string::npos);
  EXPECT_NE(refused({"-m", "--format", "%T", "a"}).find("got %T"), std::string::npos);
}

TEST(InotifywaitArguments, NameWhatIsMissing) {
  EXPECT_NE(refused({"-m", "-r"}).find("a path"), std::string::npos);
  EXPECT_NE(refused({"-r", "a"}).find("-m"), std::string::npos);
  EXPECT_TRUE(accepted({"--help"}).help);
}

}  // namespace
}  // namespace lookout::inotifywait
