#include "bridge/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace lookout {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, ReadsCharactersOfEveryLength) {
  EXPECT_EQ(first_utf8_char("a").code_point, U'a');
  EXPECT_EQ(first_utf8_char("\xC3\xBC").code_point, U'\u00FC');
  EXPECT_EQ(first_utf8_char("\xE2\x82\xAC").code_point, U'\u20AC');
  EXPECT_EQ(first_utf8_char("\xF4\x8F\xBF\xBF").code_point, U'\U0010FFFF');
  EXPECT_EQ(first_utf8_char("\xF4\x8F\xBF\xBF").length, 4U);
  EXPECT_EQ(first_utf8_char("\0"sv).length, 1U);
}

TEST(Utf8, RefusesWhatIsNoCharacter) {
  for (const std::string_view bytes : {""sv, "\x80"sv, "\xFF"sv, "\xC3"sv, "\xC3("sv, "\xE2\x82"sv,
                                       "\xC0\x80"sv,          // overlong NUL
                                       "\xE0\x80\xAF"sv,      // overlong slash
                                       "\xF0\x80\x80\xAF"sv,  // overlong slash
                                       "\xED\xA0\x80"sv,      // surrogate
                                       "\xF4\x90\x80\x80"sv,  // above U+10FFFF
                                       "\xF8\x88\x80\x80\x80"sv}) {
    EXPECT_EQ(first_utf8_char(bytes).length, 0U) << std::string(bytes);
  }
}

}  // namespace
}  // namespace lookout
