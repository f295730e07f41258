// The two halves around ei: what the writer writes, and what the reader takes apart.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "bridge/etf_builder.h"
#include "bridge/term_check.h"
#include "bridge/term_reader.h"
#include "bridge/term_writer.h"

namespace lookout {
namespace {

using namespace std::string_literals;
using namespace etf_builder;

TEST(TermReader, TakesEachKindAndStaysWhereAnotherStands) {
  const std::string bytes = term(tuple({atom("watch"), binary("/a"), integer(7), nil()}));
  TermReader reader(bytes);
  EXPECT_FALSE(reader.list());
  EXPECT_FALSE(reader.atom());
  EXPECT_EQ(reader.tuple(), 4);
  EXPECT_FALSE(reader.binary());
  EXPECT_FALSE(reader.natural());
  EXPECT_EQ(reader.atom(), "watch");
  EXPECT_FALSE(reader.atom());
  EXPECT_EQ(reader.binary(), "/a");
  EXPECT_FALSE(reader.empty_list());
  EXPECT_EQ(reader.natural(), 7U);
  EXPECT_TRUE(reader.empty_list());
  EXPECT_EQ(reader.rest(), "");
}

TEST(TermReader, TakesAtomsInEveryEncoding) {
  for (const auto& body : {"d\0\1\xFC"s, "s\1\xFC"s, "w\2\xC3\xBC"s, "v\0\2\xC3\xBC"s}) {
    const std::string bytes = term(body);
    EXPECT_EQ(TermReader(bytes).atom(), "\xC3\xBC");
  }
}

TEST(TermReader, DoesNotTakeAnAtomWithANulForItsBeginning) {
  for (const auto& body : {"w\7sync\0xy"s, "d\0\5sync\0"s}) {
    const std::string bytes = term(body);
    EXPECT_FALSE(TermReader(bytes).atom());
  }
  const std::string empty = term(atom(""));
  EXPECT_EQ(TermReader(empty).atom(), "");
}

TEST(TermReader, TakesNaturalsUpToTheirBound) {
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{255}, std::int64_t{256},
                                   std::int64_t{INT32_MAX}, std::int64_t{1} << 40U, INT64_MAX}) {
    const std::string bytes = term(integer(value));
    EXPECT_EQ(TermReader(bytes).natural(), static_cast<std::uint64_t>(value));
  }
  for (const auto& body : {integer(-1), integer(INT64_MIN), "n\x8\0\0\0\0\0\0\0\0\x80"s,
                           "n\x9\0\0\0\0\0\0\0\0\0\1"s, "n\x1\1\1"s}) {
    const std::string bytes = term(body);
    EXPECT_FALSE(TermReader(bytes).natural());
  }
}

TEST(TermReader, TakesTheCompactFormForNoListOfTerms) {
  const std::string bytes = term("k\0\2\1\2"s);
  EXPECT_FALSE(TermReader(bytes).list());
}

TEST(TermWriter, WritesTheSmallForms) {
  TermWriter writer;
  writer.begin();
  writer.tuple(5);
  writer.atom("ok");
  writer.binary("\xFF\0"s);
  writer.natural(200);
  writer.integer(-1);
  writer.list(1);
  writer.empty_list();
  writer.empty_list();
  EXPECT_EQ(writer.bytes(),
            term(tuple({atom("ok"), binary("\xFF\0"s), integer(200), integer(-1), list({nil()})})));
}

TEST(TermWriter, WritesLargeNumbersWhole) {
  TermWriter writer;
  writer.begin();
  writer.natural(UINT64_MAX);
  EXPECT_EQ(writer.bytes(), term("n\x8\0"s + std::string(8, '\xFF')));
  writer.begin();
  writer.integer(INT64_MIN);
  EXPECT_EQ(writer.bytes(), term(integer(INT64_MIN)));
}

TEST(TermWriter, ForgetsTheTermBeforeAlsoAfterALargeOne) {
  TermWriter writer;
  writer.begin();
  writer.binary(std::string(3'000'000, 'x'));
  EXPECT_EQ(writer.bytes().size(), 3'000'006U);
  writer.begin();
  writer.atom("ok");
  EXPECT_EQ(writer.bytes(), term(atom("ok")));
}

TEST(TermWriter, SaysThatATermCannotBeEncoded) {
  TermWriter writer;
  writer.begin();
  EXPECT_THROW(writer.atom(std::string(256, 'a')), std::length_error);
}

TEST(TermWriter, WritesWhatTheCheckTakes) {
  TermWriter writer;
  writer.begin();
  writer.map(1);
  writer.atom("memory");
  writer.natural(1U << 30U);
  EXPECT_TRUE(std::holds_alternative<Done>(check_term(writer.bytes())));
}

}  // namespace
}  // namespace lookout
