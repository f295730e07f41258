#include "bridge/term_check.h"

#include <gtest/gtest.h>

#include "bridge/etf_builder.h"

namespace lookout {
namespace {

using namespace std::string_literals;
using namespace etf_builder;

bool passes(const std::string& bytes) {
  return std::holds_alternative<Done>(check_term(bytes));
}

// Why the bytes are refused; empty when they are not.
std::string objection(const std::string& bytes) {
  const auto result = check_term(bytes);
  const auto* error = std::get_if<Error>(&result);
  if (error == nullptr) return "";
  EXPECT_EQ(error->reason, "bad_term");
  EXPECT_EQ(error->operation, "decode");
  return error->detail;
}

std::string nested(std::size_t levels, const std::string& inner) {
  std::string bytes;
  for (std::size_t i = 0; i < levels; ++i) bytes += "h\1";
  return term(bytes + inner);
}

TEST(TermCheck, TakesEveryKindOfPlainTerm) {
  EXPECT_TRUE(passes(term(integer(255))));
  EXPECT_TRUE(passes(term(integer(-1))));
  EXPECT_TRUE(passes(term(integer(INT64_MAX))));
  EXPECT_TRUE(passes(term("n\xFF\1"s + std::string(255, '\x7F'))));
  EXPECT_TRUE(passes(term("F"s + std::string(8, '\0'))));
  EXPECT_TRUE(passes(term(atom("watch"))));
  EXPECT_TRUE(passes(term(atom("watch", Atoms::latin1))));
  EXPECT_TRUE(passes(term("s\5watch")));
  EXPECT_TRUE(passes(term("v\0\2\xC3\xBC"s)));
  EXPECT_TRUE(passes(term(atom(""))));
  EXPECT_TRUE(passes(term(binary(""))));
  EXPECT_TRUE(passes(term(binary("/srv/in"))));
  EXPECT_TRUE(passes(term("M\0\0\0\1\3\xE0"s)));
  EXPECT_TRUE(passes(term("k\0\3\1\2\3"s)));
  EXPECT_TRUE(passes(term(nil())));
  EXPECT_TRUE(passes(term(tuple({}))));
  EXPECT_TRUE(passes(term(tuple({integer(1), list({nil(), tuple({})})}))));
  EXPECT_TRUE(passes(term("i\0\0\0\1j"s)));
  EXPECT_TRUE(passes(term("t\0\0\0\1"s + integer(1) + nil())));
  EXPECT_TRUE(passes(term("t\0\0\0\0"s)));
  EXPECT_TRUE(passes(term(list({integer(1)}, integer(2)))));  // improper, and well-formed
}

TEST(TermCheck, RefusesAnotherVersionAndNothingAtAll) {
  EXPECT_EQ(objection(""), "expected a term, got nothing at byte 0");
  EXPECT_EQ(objection("\x82j"), "expected the version byte 131, got 130 at byte 0");
}

TEST(TermCheck, RefusesWhatFollowsTheTerm) {
  EXPECT_EQ(objection(term(nil()) + "jj"), "expected the end, got 2 bytes more at byte 2");
}

TEST(TermCheck, NamesTheKindsOfTermThatAreNotTaken) {
  EXPECT_EQ(objection("\x83P\0\0\0\1x"s),
            "expected a plain term, got a compressed term (tag 80) at byte 1");
  EXPECT_EQ(objection(term("X")), "expected a plain term, got a pid (tag 88) at byte 1");
  EXPECT_EQ(objection(term("o\0\0\1\0"s)),
            "expected a plain term, got an integer of more than 255 bytes (tag 111) at byte 1");
  EXPECT_EQ(objection(term("\xFF")),
            "expected a plain term, got an unknown term (tag 255) at byte 1");
}

TEST(TermCheck, TakesSixtyFourLevelsAndNoMore) {
  EXPECT_TRUE(passes(nested(64, nil())));
  EXPECT_EQ(objection(nested(65, nil())),
            "expected at most 64 levels of nesting, got more at byte 129");
}

TEST(TermCheck, IsNotBroughtDownByDeepNesting) {
  EXPECT_NE(objection(nested(200'000, nil())), "");
  std::string lists = "\x83";
  for (int i = 0; i < 200'000; ++i) lists += "l\0\0\0\1"s;
  EXPECT_NE(objection(lists), "");
}

TEST(TermCheck, IsNotHeldUpByAnAnnouncedArity) {
  for (const auto& header : {"l\x7F\xFF\xFF\xFF"s, "i\xFF\xFF\xFF\xFF"s, "t\xFF\xFF\xFF\xFF"s}) {
    EXPECT_NE(objection(term(header)).find("elements, got 0 bytes for them"), std::string::npos);
  }
}

TEST(TermCheck, BoundsTheElementsInAll) {
  const auto list_of = [](std::size_t count) {
    return term("l" + big_endian(count, 4) + std::string(count, 'j') + "j");
  };
  EXPECT_TRUE(passes(list_of(kMaxTermElements - 1)));  // the tail is one more
  EXPECT_NE(objection(list_of(kMaxTermElements)).find("at most 262144 elements"),
            std::string::npos);
  // Each list is small enough; together they are not.
  const std::string half = "l" + big_endian(150'000, 4) + std::string(150'001, 'j');
  EXPECT_NE(objection(term(tuple({half, half}))), "");
}

TEST(TermCheck, RefusesLengthsBeyondTheBytes) {
  for (const auto& body : {"a"s, "b\0\0\0"s, "F\0"s, "m\xFF\xFF\xFF\xFFx"s, "m\0\0"s, "k\xFF\xFF"s,
                           "w\5ab"s, "d\0\5ab"s, "n\x8"s, "n\x8\0abc"s, "M\0\0\0\2\1x"s, "h"s,
                           "h\1"s, "l\0\0\0\1j"s, "t\0\0\0\1j"s}) {
    EXPECT_NE(objection(term(body)), "") << body;
  }
}

TEST(TermCheck, RefusesMalformedAtoms) {
  EXPECT_TRUE(passes(term("d\0\xFF"s + std::string(255, 'a'))));
  EXPECT_NE(objection(term("d\1\0"s + std::string(256, 'a'))), "");
  std::string umlauts;
  for (int i = 0; i < 255; ++i) umlauts += "\xC3\xBC";
  EXPECT_TRUE(passes(term("v\1\xFE"s + umlauts)));
  EXPECT_NE(objection(term("v\2\0"s + umlauts + "\xC3\xBC")), "");
  EXPECT_NE(objection(term("w\2\xC3("s)), "");
  EXPECT_NE(objection(term("w\1\xFF"s)), "");
}

TEST(TermCheck, RefusesMalformedNumbersAndBitstrings) {
  EXPECT_NE(objection(term("n\1\2x"s)), "");
  EXPECT_NE(objection(term("M\0\0\0\1\0x"s)), "");
  EXPECT_NE(objection(term("M\0\0\0\1\x9x"s)), "");
  EXPECT_NE(objection(term("M\0\0\0\0\1"s)), "");
}

TEST(TermCheck, RefusesAListHeaderWithoutElements) {
  EXPECT_NE(objection(term("l\0\0\0\0j"s)), "");
}

TEST(TermCheck, RefusesAListWithoutItsTail) {
  EXPECT_NE(objection(term("l\0\0\0\1a\1"s)), "");
}

}  // namespace
}  // namespace lookout
