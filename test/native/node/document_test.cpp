// The example packets of docs/protocol.md are those of a conversation that takes place here.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "bridge/byte_cursor.h"
#include "node/bytes.h"
#include "node/control.h"
#include "node/messages.h"

namespace lookout {
namespace {

using namespace node_bytes;

constexpr std::uint32_t kChallenge = 0xfedcba98;

// The bytes of the blocks ```packet NAME, by name.
std::map<std::string, std::string> packets() {
  std::ifstream document(LOOKOUT_SOURCE_DIR "/docs/protocol.md");
  const std::string fence = "```packet ";
  std::map<std::string, std::string> found;
  for (std::string line; std::getline(document, line);) {
    if (line.rfind(fence, 0) != 0) continue;
    std::string& bytes = found[line.substr(fence.size())];
    while (std::getline(document, line) && line != "```") {
      std::istringstream numbers(line);
      for (int byte = 0; numbers >> std::hex >> byte;) bytes += static_cast<char>(byte);
    }
  }
  return found;
}

class DocumentedPackets : public ::testing::Test {
 protected:
  std::map<std::string, std::string> packets_ = packets();
  NodeIdentity self_ = watch_node();
  const std::string owner_ = [] {
    std::string pid;
    put_pid(pid, "app@host", 3, 0x11);
    return pid;
  }();
  const std::string reference_ = [] {
    std::string reference;
    put_reference(reference, "app@host", 77, 0x11);
    return reference;
  }();

  std::string_view frame_of(const std::string& name) {
    const std::string_view bytes = packets_.at(name);
    EXPECT_EQ(bytes.size(), 4 + *ByteCursor(bytes).number(4)) << name;
    return bytes.substr(4);
  }
};

TEST_F(DocumentedPackets, ShowAHandshakeThatSucceeds) {
  Handshake handshake(self_, kChallenge);
  std::string reply;
  EXPECT_EQ(handshake.take(packets_.at("send_name"), reply), Handshake::State::running);
  EXPECT_EQ(reply, packets_.at("status") + packets_.at("challenge"));
  reply.clear();
  EXPECT_EQ(handshake.take(packets_.at("challenge_reply"), reply), Handshake::State::established);
  EXPECT_EQ(reply, packets_.at("challenge_ack"));
}

TEST_F(DocumentedPackets, ShowASession) {
  const ControlMessage monitor = parse_control_message(frame_of("monitor"));
  EXPECT_EQ(std::get<control::Monitor>(monitor).name, "lookout");
  EXPECT_EQ(std::get<control::Monitor>(monitor).reference, reference_);
  const ControlMessage open = parse_control_message(frame_of("open"));
  EXPECT_EQ(std::get<control::RegSend>(open).from, owner_);
  const Message opened = parse_message(std::get<control::RegSend>(open).message);
  EXPECT_EQ(std::get<OpenMessage>(opened).reference, reference_);
  const ControlMessage command = parse_control_message(frame_of("command"));
  const Message commanded = parse_message(std::get<control::RegSend>(command).message);
  EXPECT_EQ(std::get<CommandMessage>(commanded).request, tuple({atom("ping"), small(1)}));
  EXPECT_TRUE(std::holds_alternative<control::Tick>(parse_control_message(frame_of("tick"))));
}

TEST_F(DocumentedPackets, ShowWhatTheOwnerGets) {
  std::string ours;
  put_pid(ours, self_.name, 1, self_.creation);
  const std::string hello = tuple({atom("hello"), small(1), binary("0.1.0")});
  EXPECT_EQ(frame_of("hello"), data_prefix(ours, reference_) + hello);
}

TEST_F(DocumentedPackets, ShowTheAnswerToAQuestionForThePort) {
  Handshake handshake(self_, kChallenge);
  std::string reply;
  EXPECT_EQ(handshake.take(packets_.at("port_please"), reply), Handshake::State::ended);
  EXPECT_EQ(reply, packets_.at("port"));
}

}  // namespace
}  // namespace lookout
