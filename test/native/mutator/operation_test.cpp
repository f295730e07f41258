#include "mutator/operation.h"

#include <gtest/gtest.h>

#include "mutator/mutator.h"

namespace lookout::oracle {
namespace {

TEST(Operation, EveryLineIsReadBackAsWritten) {
  const std::vector<Operation> operations{
      {.verb = Verb::rename, .path = "r0/a b", .other = "side/new\nline"},
      {.verb = Verb::write, .path = "r0/\xff\\#\x01", .number = 17},
      {.verb = Verb::mkdir, .path = "r0/" + std::string(255, '\xf0') + "/" + std::string(15, 'L')},
      {.verb = Verb::hold_close},
      {.verb = Verb::pause, .number = 300},
      {.verb = Verb::rest},
  };
  for (const Operation& operation : operations) EXPECT_EQ(from_line(to_line(operation)), operation);
}

TEST(Operation, LongRunsOfOneByteAreCounted) {
  EXPECT_EQ(escape("a/" + std::string(255, 'L')), "a/\\{255*4c}");
}

TEST(Operation, WhatIsNoOperationIsRefused) {
  for (const char* line : {"", "frobnicate r0/a", "mkdir", "mkdir a b", "write a", "write a x",
                           "write a 1x", "mkdir \\", "mkdir \\x", "mkdir \\xg0", "mkdir \\{",
                           "mkdir \\{5*}", "mkdir \\{5*41", "mkdir \\{999*41}", "mkdir \\q"})
    EXPECT_EQ(from_line(line), std::nullopt) << line;
}

TEST(Script, AnUnknownLineIsNamed) {
  EXPECT_EQ(parse_script("# why\n\nmkdir r0/a\nrest\n").size(), 2u);
  EXPECT_THROW(parse_script("mkdir r0/a\nnonsense\n"), std::runtime_error);
}

}  // namespace
}  // namespace lookout::oracle
