#include "bridge/term_print.h"

#include <gtest/gtest.h>

#include "bridge/etf_builder.h"

namespace lookout {
namespace {

using namespace std::string_literals;
using namespace etf_builder;

TEST(TermPrint, ShowsTermsInElixirsSyntax) {
  EXPECT_EQ(print_term(tuple({atom("watch"), integer(1), list({binary("/a")}),
                              list({option("recursive", atom("true"))})})),
            R"({:watch, 1, ["/a"], [{:recursive, true}]})");
  EXPECT_EQ(print_term(list({integer(1), integer(-300)}, integer(INT64_MAX))),
            "[1, -300 | 9223372036854775807]");
  EXPECT_EQ(print_term(integer(INT64_MIN)), "-9223372036854775808");
  EXPECT_EQ(print_term("k\0\2\1\2"s), "[1, 2]");
  EXPECT_EQ(print_term("t\0\0\0\1"s + atom("a") + nil()), "%{:a => []}");
  EXPECT_EQ(print_term("F\x3F\xF8\0\0\0\0\0\0"s), "1.5");
  EXPECT_EQ(print_term("F\x3F\xF0\0\0\0\0\0\0"s), "1.0");
  EXPECT_EQ(print_term("F\x3F\xB9\x99\x99\x99\x99\x99\x9A"s), "0.1");
  EXPECT_EQ(print_term("F\x44\x15\xAF\x1D\x78\xB5\x8C\x40"s), "1.0e+20");
  EXPECT_EQ(print_term("M\0\0\0\1\3\xE0"s), "a bitstring");
  EXPECT_EQ(print_term("n\x9\1"s + std::string(9, 'x')), "-an integer of 9 bytes");
  EXPECT_EQ(print_term(atom("two words")), R"(:"two words")");
  EXPECT_EQ(print_term("d\0\1\xFC"s), ":\"\xC3\xBC\"");
  EXPECT_EQ(print_term(atom("nil")), "nil");
}

TEST(TermPrint, EscapesWhatATerminalOrAReaderCouldMistake) {
  EXPECT_EQ(print_binary("a\"b\\c\n\x1B[2J\x7F\xFF"), R"("a\"b\\c\n\x1B[2J\x7F\xFF")");
  EXPECT_EQ(print_binary("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
  EXPECT_EQ(print_binary("\xC2\x9B"), R"("\xC2\x9B")");                  // a control of eight bits
  EXPECT_EQ(print_binary("\xE2\x80\xAE"), R"("\xE2\x80\xAE")");          // right-to-left override
  EXPECT_EQ(print_binary("\xD8\x9C"), R"("\xD8\x9C")");                  // Arabic letter mark
  EXPECT_EQ(print_binary("a\xC2\xAD"), R"("a\xC2\xAD")");                // soft hyphen
  EXPECT_EQ(print_binary("\xF3\xA0\x80\xA0"), R"("\xF3\xA0\x80\xA0")");  // tag space
  EXPECT_EQ(print_binary(std::string_view("\0", 1)), R"("\x00")");
}

TEST(TermPrint, CutsLongTermsAndSaysSo) {
  EXPECT_EQ(print_binary(std::string(1000, 'x'), 10), "\"xxxxxxxxx...");
  EXPECT_EQ(print_term("k\xFF\xFF"s + std::string(65535, '\7'), 10), "[7, 7, 7, ...");
  EXPECT_EQ(print_term(atom(std::string(200, 'x')), 10), ":xxxxxxxxx...");
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "h\2a\1";
  EXPECT_EQ(print_term(deep + "j", 12), "{1, {1, {1, ...");
}

TEST(TermPrint, StaysWithinItsBoundForEveryBreadth) {
  for (const std::size_t count : {1U, 1000U, 100'000U}) {
    const std::string wide = "l" + big_endian(count, 4) + std::string(count + 1, 'j');
    EXPECT_LE(print_term(wide, 100).size(), 110U);
  }
}

}  // namespace
}  // namespace lookout
