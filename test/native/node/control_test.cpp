// Messages of an established connection: parsed, and written.
#include "node/control.h"

#include <gtest/gtest.h>

#include "node/bytes.h"
#include "node/dist_frames.h"
#include "node/messages.h"

namespace lookout {
namespace {

using namespace node_bytes;

const std::string kFrom = pid("app@host", 3);
const std::string kOurs = pid("watch@storage", 1);
const std::string kRef = reference(77);

TEST(ControlMessage, AnEmptyFrameIsATick) {
  EXPECT_TRUE(std::holds_alternative<control::Tick>(parse_control_message("")));
}

TEST(ControlMessage, AMessageToANameIsFoundWithItsSender) {
  const std::string bytes =
      frame(tuple({small(6), kFrom, atom(""), atom("lookout")}), tuple({kRef, atom("open")}));
  const ControlMessage parsed = parse_control_message(bytes);
  const auto* send = std::get_if<control::RegSend>(&parsed);
  ASSERT_NE(send, nullptr);
  EXPECT_EQ(send->from, kFrom);
  EXPECT_EQ(send->name, "lookout");
  EXPECT_EQ(send->message, tuple({kRef, atom("open")}));
}

TEST(ControlMessage, ATracedMessageIsAMessage) {
  const std::string bytes =
      frame(tuple({small(16), kFrom, atom(""), atom("lookout"), tuple({small(1)})}), atom("hello"));
  const ControlMessage parsed = parse_control_message(bytes);
  ASSERT_TRUE(std::holds_alternative<control::RegSend>(parsed));
  EXPECT_EQ(std::get<control::RegSend>(parsed).message, atom("hello"));
}

TEST(ControlMessage, AMonitorNamesAProcessOrHasItsPid) {
  for (const std::string& process : {atom("lookout"), kOurs}) {
    const std::string bytes = frame(tuple({small(19), kFrom, process, kRef}));
    const ControlMessage parsed = parse_control_message(bytes);
    const auto* monitor = std::get_if<control::Monitor>(&parsed);
    ASSERT_NE(monitor, nullptr);
    EXPECT_EQ(monitor->process, process);
    EXPECT_EQ(monitor->name, process == kOurs ? "" : "lookout");
    EXPECT_EQ(monitor->reference, kRef);
  }
}

TEST(ControlMessage, LinksAndTheirEndsAreParsed) {
  const std::string link = frame(tuple({small(1), kFrom, kOurs}));
  EXPECT_EQ(std::get<control::Link>(parse_control_message(link)).to, kOurs);
  const std::string unlink = frame(tuple({small(35), small(9), kFrom, kOurs}));
  EXPECT_EQ(std::get<control::Unlink>(parse_control_message(unlink)).id, small(9));
  const std::string exit = frame(tuple({small(3), kFrom, kOurs, atom("kill")}));
  EXPECT_EQ(std::get<control::Exit>(parse_control_message(exit)).from, kFrom);
  const std::string down = frame(tuple({small(21), kFrom, kOurs, kRef, atom("normal")}));
  EXPECT_EQ(std::get<control::MonitorExit>(parse_control_message(down)).reference, kRef);
}

TEST(ControlMessage, WhatIsCutOffAnywhereIsMalformedOrIgnoredAndNeverReadBeyond) {
  const std::string whole =
      frame(tuple({small(6), kFrom, atom(""), atom("lookout")}), tuple({kRef, atom("open")}));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string cut(whole, 0, size);  // on the heap, for the sanitizer
    EXPECT_FALSE(std::holds_alternative<control::RegSend>(parse_control_message(cut))) << size;
  }
}

TEST(ControlMessage, ATermOfHugeCountsOrDeepNestingIsPassedOverWithoutRecursion) {
  std::string deep;
  for (int i = 0; i < 2'000'000; ++i) deep += "\x68\x01";
  deep += "\x6a";
  DistReader reader(deep);
  EXPECT_TRUE(reader.term().has_value());
  EXPECT_TRUE(reader.at_end());
  DistReader list(std::string_view("\x6c\xff\xff\xff\xff\x61\x01", 7));
  EXPECT_FALSE(list.term().has_value());
  DistReader map(std::string_view("\x74\xff\xff\xff\xff\x61\x01", 7));
  EXPECT_FALSE(map.term().has_value());
}

TEST(ControlMessage, AFrameThatIsWrittenIsParsedAgain) {
  const std::string monitor = monitor_frame(kOurs, kFrom, kRef);
  EXPECT_EQ(monitor.substr(0, 4), std::string("\0\0\0", 3) + static_cast<char>(monitor.size() - 4));
  const ControlMessage parsed = parse_control_message(std::string_view(monitor).substr(4));
  EXPECT_EQ(std::get<control::Monitor>(parsed).reference, kRef);
}

TEST(Messages, ASessionIsOpenedNamedCommandedAndClosed) {
  const std::string open = tuple({kRef, atom("open")});
  EXPECT_EQ(std::get<OpenMessage>(parse_message(open)).reference, kRef);

  const std::string named = tuple({kRef, tuple({atom("open"), binary("indexer"),
                                                std::string("\x62\0\0\x75\x30", 5), small(7)})});
  const Message parsed = parse_message(named);
  const auto& wanted = std::get<OpenMessage>(parsed).named;
  ASSERT_TRUE(wanted.has_value());
  EXPECT_EQ(wanted->name, "indexer");
  EXPECT_EQ(wanted->linger.count(), 30'000);
  EXPECT_EQ(wanted->last_batch, 7);

  const std::string request = tuple({atom("ping"), small(1)});
  const std::string command = tuple({kRef, tuple({atom("command"), request})});
  EXPECT_EQ(std::get<CommandMessage>(parse_message(command)).request, request);
  const std::string close = tuple({kRef, atom("close")});
  EXPECT_EQ(std::get<CloseMessage>(parse_message(close)).reference, kRef);
}

TEST(Messages, ABadOpenIsToldApartFromAMessageOfAnotherKind) {
  const std::string empty = tuple({kRef, tuple({atom("open"), binary(""), small(0), small(0)})});
  EXPECT_TRUE(std::holds_alternative<BadOpen>(parse_message(empty)));
  const std::string text = tuple({kRef, tuple({atom("open"), atom("a"), small(0), small(0)})});
  EXPECT_TRUE(std::holds_alternative<BadOpen>(parse_message(text)));
  EXPECT_TRUE(std::holds_alternative<OtherMessage>(parse_message(tuple({kRef, atom("what")}))));
  EXPECT_TRUE(std::holds_alternative<OtherMessage>(parse_message(atom("open"))));
}

TEST(Messages, ACallIsAnsweredToItsAliasWhereItHasOne) {
  const std::string tag = "\x6c" + std::string("\0\0\0\x01", 4) + atom("alias") + kRef;
  const std::string ping = tuple({atom("is_auth"), atom("app@host")});
  const std::string call = tuple({atom("$gen_call"), tuple({kFrom, tag}), ping});
  const Message parsed = parse_message(call);
  const auto& found = std::get<Call>(parsed);
  EXPECT_EQ(found.alias, kRef);
  EXPECT_TRUE(is_auth_request(found.request));
  EXPECT_EQ(call_answer(found, atom("yes")), tuple({tag, atom("yes")}));

  const std::string proper = "\x6c" + std::string("\0\0\0\x01", 4) + atom("alias") + "\x6a";
  const std::string other = tuple({atom("$gen_call"), tuple({kFrom, proper}), ping});
  EXPECT_EQ(std::get<Call>(parse_message(other)).alias, "");
}

TEST(DistFrames, AFrameThatIsTooLargeIsPassedOverAndTheNextIsRead) {
  std::string bytes;
  put_number(bytes, kMaxDistFrame + 1, 4);
  bytes += "begin" + std::string(kMaxDistFrame + 1 - 5, 'x');
  bytes += packet("next", 4) + packet("", 4);
  DistFrames frames;
  std::vector<std::string> seen;
  for (std::size_t at = 0; at < bytes.size(); at += 60'000) {
    std::string_view chunk = std::string_view(bytes).substr(at, 60'000);
    while (true) {
      const auto next = frames.next(chunk);
      if (std::holds_alternative<NeedMore>(next)) break;
      if (const auto* large = std::get_if<LargeFrame>(&next)) {
        EXPECT_EQ(large->size, kMaxDistFrame + 1);
        seen.emplace_back(large->beginning.substr(0, 5));
        EXPECT_LE(large->beginning.size(), kKeptOfLargeFrame);
      } else {
        seen.emplace_back(std::get<Frame>(next).payload);
      }
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"begin", "next", ""}));
}

}  // namespace
}  // namespace lookout
