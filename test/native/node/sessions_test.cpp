// The sessions of a node, without a peer: how many there may be (P7).
#include "node/sessions.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "node/bytes.h"
#include "watch/hung_mount.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

using namespace node_bytes;
using std::chrono::milliseconds;

// A node with room for one session, and a connection whose peer never reads.
class OneSession : private ConnectionEvents {
 public:
  OneSession() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_ = UniqueFd(ends[1]);
    ConnectionEvents& events = *this;
    connection_ = std::make_shared<Connection>(io_, UniqueFd(ends[0]), self_, buffer_, events);
  }

  // Opens the session "s", none of whose batches the owner has; returns why it was refused.
  std::string open(const std::string& reference) {
    reasons_.clear();
    sessions_.open(connection_, owner_, reference, NamedOpen{"s", milliseconds(60'000), 0});
    return reasons_.empty() ? "" : reasons_.back();
  }
  void leave(const std::string& reference) { sessions_.on_demonitored(*connection_, reference); }
  void watch(const std::string& reference, const std::string& path) {
    const std::string paths = std::string("l\0\0\0\1", 5) + binary(path) + "j";
    sessions_.on_command(*connection_, reference, tuple({atom("watch"), small(1), paths, "j"}));
  }
  template <class Reached>
  void run_until(Reached reached) {
    while (!reached()) {
      io_.restart();
      io_.run_one_for(milliseconds(100));
    }
  }

 private:
  void on_established(Connection& /*connection*/) override {}
  void on_frame(Connection& /*connection*/, std::string_view /*frame*/,
                std::size_t /*size*/) override {}
  void on_room(Connection& /*connection*/) override {}
  void on_closed(Connection& /*connection*/) override {}

  boost::asio::io_context io_;
  const NodeIdentity self_{"watch@storage", "cookie", 1, 0};
  const std::string owner_ = pid("app@host", 3);
  ReadBuffer buffer_{};
  UniqueFd peer_;
  ConnectionPointer connection_;
  std::vector<std::string> reasons_;  // why sessions have ended
  Sessions sessions_{io_, self_, pid("watch@storage", 1), SessionLimits{1, false},
                     [this](Connection& /*connection*/, const std::string& /*reference*/,
                            std::string_view reason) { reasons_.emplace_back(reason); }};
};

TEST(SessionsTest, ANameThatIsOpenedAgainNeedsNoFurtherSession) {
  OneSession node;
  EXPECT_EQ(node.open(reference(1)), "");
  node.leave(reference(1));
  EXPECT_EQ(node.open(reference(2)), "");
}

using StuckSessionsTest = OwnMountsTest;

TEST_F(StuckSessionsTest, P7AStuckSessionCountsWhenItsNameIsOpenedAgain) {
  home_.directory("remote");
  apart([&] {
    HungMount mount(home_.at("remote"));
    if (!mount.mounted()) {
      std::cerr << "there is no FUSE here\n";
      std::_Exit(0);
    }
    mount.hold();
    OneSession node;
    EXPECT_EQ(node.open(reference(1)), "");
    node.watch(reference(1), home_.at("remote"));
    node.run_until([&] { return mount.holds_calls(); });
    node.leave(reference(1));
    EXPECT_EQ(node.open(reference(2)), "eagain");
    mount.release();
  });
}

}  // namespace
}  // namespace lookout
