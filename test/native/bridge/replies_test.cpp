// The common forms are tested against docs/protocol.md in protocol_test.cpp; here stand the edges.
#include "bridge/replies.h"

#include <gtest/gtest.h>

#include "bridge/etf_builder.h"
#include "bridge/term_check.h"

namespace lookout {
namespace {

using namespace etf_builder;

template <class Message>
std::string encoded(const Message& message) {
  TermWriter writer;
  encode(writer, message);
  return std::string(writer.bytes());
}

TEST(Replies, KeepPathsAsRawBytes) {
  const std::string odd("/\xFF\n\0\"", 5);
  EXPECT_EQ(encoded(EventBatch{1, {{Change::created, EntryType::other, odd, ""}}}),
            term(tuple({atom("events"), integer(1),
                        list({tuple({atom("created"), atom("other"), binary(odd)})})})));
}

TEST(Replies, CarryTheExtremesOfEveryNumber) {
  const Entry entry{EntryType::file, "/a", UINT64_MAX, EntryStat{UINT64_MAX, INT64_MIN, 0xFFFF}};
  const std::string largest =
      "n" + big_endian(8, 1) + std::string(1, '\0') + std::string(8, '\xFF');
  EXPECT_EQ(encoded(Entries{INT64_MAX, {entry}, true}),
            term(tuple({atom("entries"), integer(INT64_MAX),
                        list({tuple({atom("file"), binary("/a"), largest, largest,
                                     integer(INT64_MIN), integer(0xFFFF)})})})));
}

TEST(Replies, LeaveTheStatOutUnlessItWasAskedFor) {
  const Entry entry{EntryType::file, "/a", 1, EntryStat{2, 3, 4}};
  EXPECT_EQ(encoded(Entries{1, {entry}, false}),
            term(tuple({atom("entries"), integer(1),
                        list({tuple({atom("file"), binary("/a"), integer(1)})})})));
}

TEST(Replies, OfAnEmptyListingAreAnEmptyList) {
  EXPECT_EQ(encoded(Entries{1, {}, false}), term(tuple({atom("entries"), integer(1), nil()})));
}

TEST(Replies, WriteAnErrorWithoutAPathAsNil) {
  EXPECT_EQ(encoded(Reply{std::nullopt, Error{"eio", "read", "", "broken"}}),
            term(tuple({atom("reply"), atom("nil"),
                        tuple({atom("error"), tuple({atom("eio"), atom("read"), atom("nil"),
                                                     binary("broken")})})})));
}

TEST(Replies, AreTermsOfAnySizeAndTheWriterServesThemAll) {
  std::vector<Event> events;
  events.reserve(256);
  for (int i = 0; i < 256; ++i) {
    events.push_back({Change::renamed, EntryType::file, std::string(100, 'x'),
                      "/" + std::string(static_cast<std::size_t>(i), 'y')});
  }
  TermWriter writer;
  encode(writer, EventBatch{1, events});
  EXPECT_TRUE(std::holds_alternative<Done>(check_term(writer.bytes())));
  encode(writer, Reply{1, Done{}});
  EXPECT_EQ(writer.bytes(), term(tuple({atom("reply"), integer(1), atom("ok")})));
}

}  // namespace
}  // namespace lookout
