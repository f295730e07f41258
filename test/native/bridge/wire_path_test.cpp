#include "bridge/wire_path.h"

#include <gtest/gtest.h>

namespace lookout {
namespace {

using namespace std::string_literals;

std::string taken(std::string_view raw) {
  auto path = take_path(raw, "watch");
  if (const auto* error = std::get_if<Error>(&path)) return error->detail;
  return std::get<std::string>(path);
}

TEST(WirePath, IsTakenWithoutEmptyAndDotParts) {
  EXPECT_EQ(taken("/srv/in"), "/srv/in");
  EXPECT_EQ(taken("/srv/in/"), "/srv/in");
  EXPECT_EQ(taken("//srv/.//in/./"), "/srv/in");
  EXPECT_EQ(taken("/"), "/");
  EXPECT_EQ(taken("//./"), "/");
}

TEST(WirePath, KeepsNamesThatOnlyLookSpecial) {
  EXPECT_EQ(taken("/.../..a/.b/a.."), "/.../..a/.b/a..");
  EXPECT_EQ(taken("/ /\xFF\n"), "/ /\xFF\n");
}

TEST(WirePath, IsRefusedWithTheReason) {
  EXPECT_EQ(taken(""), "expected a path, got \"\"");
  EXPECT_EQ(taken("srv"), "expected an absolute path, got \"srv\"");
  EXPECT_EQ(taken("~/in"), "expected an absolute path, got \"~/in\"");
  EXPECT_EQ(taken("/a\0b"s), "expected a path without a NUL byte, got \"/a\\x00b\"");
  EXPECT_EQ(taken("/a//b/../c"), "expected an expanded path, without .. parts, got \"/a//b/../c\"");
  EXPECT_EQ(taken("/a/.."), "expected an expanded path, without .. parts, got \"/a/..\"");
}

TEST(WirePath, NamesTheOperationAndThePath) {
  const auto path = take_path("a", "unwatch");
  const auto& error = std::get<Error>(path);
  EXPECT_EQ(error.reason, "bad_request");
  EXPECT_EQ(error.operation, "unwatch");
  EXPECT_EQ(error.path, "a");
}

}  // namespace
}  // namespace lookout
