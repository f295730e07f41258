// The accepting side of the handshake, byte by byte.
#include "node/handshake.h"

#include <gtest/gtest.h>

#include "node/bytes.h"
#include "node/md5.h"

namespace lookout {
namespace {

using namespace node_bytes;
using State = Handshake::State;

constexpr std::uint32_t kChallenge = 0xfedcba98;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(byte) >> 4U];
    text += kDigits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

// The messages of RFC 1321, A.5, and of the lengths at which the padding changes.
TEST(Md5, IsThatOfRfc1321) {
  EXPECT_EQ(hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(md5("12345678901234567890123456789012345678901234567890123456789012345678901234567"
                    "890")),
            "57edf4a22be3c955ac49da2e2107b67a");
  EXPECT_EQ(hex(md5(std::string(55, 'a'))), "ef1772b6dff9a122358552954ad0df65");
  EXPECT_EQ(hex(md5(std::string(56, 'a'))), "3b0c8ac703f828b04c6c197006d17218");
  EXPECT_EQ(hex(md5(std::string(64, 'a'))), "014842d480b571495a4a0363793f7367");
}

class HandshakeTest : public ::testing::Test {
 protected:
  NodeIdentity self_ = watch_node();
  Handshake handshake_{self_, kChallenge};
  std::string reply_;

  State take(const std::string& bytes) {
    reply_.clear();
    return handshake_.take(bytes, reply_);
  }
};

TEST_F(HandshakeTest, APeerThatKnowsTheCookieIsEstablishedAndTheNextBytesAreKept) {
  EXPECT_EQ(take(packet(name_packet("app@host"))), State::running);
  std::string challenge = "N";
  put_number(challenge, dist_flags::kOffered, 8);
  put_number(challenge, kChallenge, 4);
  put_number(challenge, self_.creation, 4);
  put_number(challenge, self_.name.size(), 2);
  EXPECT_EQ(reply_, packet("sok") + packet(challenge + self_.name));

  const std::string answer = challenge_reply(5, challenge_digest("secret", kChallenge));
  EXPECT_EQ(take(packet(answer) + "more"), State::established);
  EXPECT_EQ(reply_, packet("a" + challenge_digest("secret", 5)));
  EXPECT_EQ(handshake_.rest(), "more");
  EXPECT_EQ(handshake_.peer(), "app@host");
}

TEST_F(HandshakeTest, BytesMayComeOneByOne) {
  const std::string bytes = packet(name_packet("app@host")) +
                            packet(challenge_reply(5, challenge_digest("secret", kChallenge)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const State state = take(bytes.substr(i, 1));
    EXPECT_EQ(state, i + 1 < bytes.size() ? State::running : State::established);
  }
}

TEST_F(HandshakeTest, BehindAProxyThatEndsTlsLengthsHaveFourBytes) {
  EXPECT_EQ(take(packet(name_packet("app@host"), 4)), State::running);
  EXPECT_EQ(reply_.substr(0, 7), packet("sok", 4));
  EXPECT_EQ(take(packet(challenge_reply(5, challenge_digest("secret", kChallenge)), 4)),
            State::established);
}

TEST_F(HandshakeTest, AnotherCookieEndsItWithoutAWord) {
  take(packet(name_packet("app@host")));
  EXPECT_EQ(take(packet(challenge_reply(5, challenge_digest("guess", kChallenge)))), State::ended);
  EXPECT_EQ(reply_, "");
}

TEST_F(HandshakeTest, ANameThatIsNoneOrOurOwnOrAPeerOfAnOldReleaseIsNotAllowed) {
  for (const char* name : {"app", "@host", "app@", "a@b@c", "a b@c", "watch@storage"}) {
    Handshake handshake(self_, kChallenge);
    std::string reply;
    EXPECT_EQ(handshake.take(packet(name_packet(name)), reply), State::ended) << name;
    EXPECT_EQ(reply, packet("snot_allowed")) << name;
  }
  EXPECT_EQ(take(packet(name_packet("app@host", dist_flags::kMandatory & ~dist_flags::kMapTag))),
            State::ended);
}

TEST_F(HandshakeTest, ALengthOverTheLimitEndsItBeforeItsBytesCome) {
  std::string length;
  put_number(length, kMaxHandshakePacket + 1, 2);
  EXPECT_EQ(take(length), State::ended);
  Handshake other(self_, kChallenge);
  std::string reply;
  EXPECT_EQ(other.take(std::string("\0\0\xff\xff", 4), reply), State::ended);
}

TEST_F(HandshakeTest, ItAnswersAsEpmdDoesForItsOwnNameAlone) {
  EXPECT_EQ(take(packet("\x7awatch")), State::ended);
  EXPECT_EQ(reply_, std::string("\x77\0\x11\x12\x48\0\0\x06\0\x06\0\x05watch\0\0", 19));
  Handshake other(self_, kChallenge);
  std::string reply;
  EXPECT_EQ(other.take(packet("\x7aother"), reply), State::ended);
  EXPECT_EQ(reply, "\x77\x01");
}

}  // namespace
}  // namespace lookout
