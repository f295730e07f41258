// The transport over real pipes; the test holds the other ends. Each test runs the loop until what
// it expects has happened, and waits for no time.
#include "bridge/port_transport.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>

#include "bridge/etf_builder.h"
#include "bridge/pipe.h"

namespace lookout {
namespace {

using etf_builder::big_endian;

// Answers each payload with "re:" and the payload, and remembers what happened.
class EchoReceiver : public Receiver {
 public:
  explicit EchoReceiver(PortTransport& transport) : transport_(transport) {}
  void on_payload(std::string_view payload) override {
    payloads.emplace_back(payload);
    transport_.send("re:" + std::string(payload));
  }
  void on_room() override { ++rooms; }
  void on_broken(const Error& error) override {
    broken = error;
    transport_.send("broken");
  }

  std::vector<std::string> payloads;
  int rooms = 0;
  std::optional<Error> broken;

 private:
  PortTransport& transport_;
};

class PortTransportTest : public ::testing::Test {
 protected:
  PortTransportTest() { std::signal(SIGPIPE, SIG_IGN); }

  void open(PortLimits limits = {}) {
    transport.emplace(
        io, std::move(to_program.reading), std::move(from_program.writing),
        [this](StreamEnd how) {
          EXPECT_FALSE(end) << "ended twice";
          end = how;
        },
        limits);
    receiver.emplace(*transport);
    transport->start(*receiver);
  }

  void say(std::string_view bytes) const {
    EXPECT_EQ(::write(to_program.writing.get(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }

  // What the program wrote so far.
  std::string heard() const {
    std::string all;
    std::array<char, 65536> part{};
    pollfd ready{from_program.reading.get(), POLLIN, 0};
    while (::poll(&ready, 1, 0) == 1) {
      const ssize_t size = ::read(from_program.reading.get(), part.data(), part.size());
      if (size <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(size));
    }
    return all;
  }

  // Runs the loop until `reached`; a loop that has nothing left to do fails the test.
  template <class Condition>
  void run_until(Condition reached) {
    while (!reached()) {
      io.restart();
      ASSERT_GT(io.run_one(), 0U);
    }
  }

  // Fills the output before anything is sent.
  void fill_output() const {
    const int fd = from_program.writing.get();
    ASSERT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    const std::array<char, 4096> part{};
    while (::write(fd, part.data(), part.size()) > 0) continue;
  }

  // Fills the output until the kernel takes no more and `size` bytes wait in the transport.
  void stuff(std::size_t size) {
    for (std::size_t sent = 0; sent < size; sent += 4096) transport->send(std::string(4096, 'x'));
    while (io.poll() > 0) io.restart();
  }

  Pipe to_program;
  Pipe from_program;
  boost::asio::io_context io{1};
  std::optional<StreamEnd> end;
  std::optional<PortTransport> transport;
  std::optional<EchoReceiver> receiver;
};

TEST_F(PortTransportTest, CarriesFramesBothWays) {
  open();
  say(framed("one") + framed("two"));
  run_until([&] { return receiver->payloads.size() == 2; });
  EXPECT_EQ(receiver->payloads, (std::vector<std::string>{"one", "two"}));
  to_program.writing.reset();
  io.run();
  EXPECT_EQ(heard(), framed("re:one") + framed("re:two"));
}

TEST_F(PortTransportTest, EndOfInputEndsItOnceTheAnswersAreOut) {
  open();
  say(framed("one"));
  to_program.writing.reset();
  io.run();
  EXPECT_EQ(end, StreamEnd::closed);
  EXPECT_EQ(heard(), framed("re:one"));
}

TEST_F(PortTransportTest, EndOfInputEndsItAlsoWhenTheOutputIsNotRead) {
  PortLimits limits;
  limits.flush = std::chrono::milliseconds(1);
  open(limits);
  stuff(512 * 1024);
  to_program.writing.reset();
  io.run();
  EXPECT_EQ(end, StreamEnd::closed);
}

TEST_F(PortTransportTest, ReadsAndAnswersRequestsWhileTheOutputIsNotRead) {
  open();
  stuff(512 * 1024);
  say(framed("still here"));
  run_until([&] { return receiver->payloads.size() == 1; });
  EXPECT_EQ(receiver->payloads, std::vector<std::string>{"still here"});
}

TEST_F(PortTransportTest, ClosedOutputEndsIt) {
  open();
  from_program.reading.reset();
  transport->send("to nobody");
  io.run();
  EXPECT_EQ(end, StreamEnd::closed);
}

TEST_F(PortTransportTest, ClosedOutputEndsItWhileMuchWaits) {
  open();
  stuff(512 * 1024);
  from_program.reading.reset();
  io.run();
  EXPECT_EQ(end, StreamEnd::closed);
}

TEST_F(PortTransportTest, FrameOverTheCapBreaksTheStreamAndTheLastWordsAreWritten) {
  open();
  say(framed("one") + big_endian(kMaxFrame + 1, 4) + "whatever follows" + framed("two"));
  io.run();
  EXPECT_EQ(end, StreamEnd::broken);
  EXPECT_EQ(receiver->payloads, std::vector<std::string>{"one"});
  ASSERT_TRUE(receiver->broken);
  EXPECT_EQ(receiver->broken->reason, "frame_too_large");
  EXPECT_EQ(heard(), framed("re:one") + framed("broken"));
}

TEST_F(PortTransportTest, EndOfInputWithinAFrameBreaksTheStream) {
  open();
  say(framed("one").substr(0, 6));
  to_program.writing.reset();
  io.run();
  EXPECT_EQ(end, StreamEnd::broken);
  ASSERT_TRUE(receiver->broken);
  EXPECT_EQ(receiver->broken->reason, "truncated_frame");
  EXPECT_EQ(heard(), framed("broken"));
}

TEST_F(PortTransportTest, LastWordsThatNobodyReadsDoNotHoldUpTheEnd) {
  PortLimits limits;
  limits.flush = std::chrono::milliseconds(1);
  open(limits);
  stuff(512 * 1024);
  say("\xFF\xFF\xFF\xFF");
  io.run();
  EXPECT_EQ(end, StreamEnd::broken);
}

TEST_F(PortTransportTest, LastWordsAreWrittenAlsoWhenTheOutputIsReadLate) {
  PortLimits limits;
  limits.flush = std::chrono::hours(1);
  open(limits);
  stuff(512 * 1024);
  say("\xFF\xFF\xFF\xFF");
  run_until([&] { return receiver->broken.has_value(); });
  std::string all;
  run_until([&] {
    all += heard();
    return end.has_value();
  });
  all += heard();
  EXPECT_TRUE(all.ends_with(framed("broken")));
}

TEST_F(PortTransportTest, NothingMoreIsServedOnceTheStreamIsOver) {
  PortLimits limits;
  limits.backlog = 4;  // the first answer is too much
  fill_output();
  open(limits);
  say(framed("one") + framed("two"));
  io.run();
  EXPECT_EQ(receiver->payloads, std::vector<std::string>{"one"});
  EXPECT_EQ(end, StreamEnd::stalled);
}

TEST_F(PortTransportTest, RoomIsLostAboveTheLimitAndToldOnceAtHalf) {
  PortLimits limits;
  limits.room = 256 * 1024;
  open(limits);
  EXPECT_TRUE(transport->has_room());
  stuff(1024 * 1024);
  EXPECT_FALSE(transport->has_room());
  EXPECT_EQ(receiver->rooms, 0);
  run_until([&] {
    heard();
    return receiver->rooms > 0;
  });
  EXPECT_TRUE(transport->has_room());
  to_program.writing.reset();
  run_until([&] {
    heard();
    return end.has_value();
  });
  EXPECT_EQ(receiver->rooms, 1);
}

TEST_F(PortTransportTest, NothingIsLostOrReorderedWhenTheOutputIsReadLate) {
  open();
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string payload = "message " + std::to_string(i);
    transport->send(payload);
    expected += framed(payload);
  }
  std::string all;
  run_until([&] {
    all += heard();
    return all.size() >= expected.size();
  });
  EXPECT_EQ(all, expected);
}

TEST_F(PortTransportTest, OutputThatIsNeverReadIsBounded) {
  PortLimits limits;
  limits.backlog = 1024 * 1024;
  open(limits);
  stuff(2 * 1024 * 1024);
  io.run();
  EXPECT_EQ(end, StreamEnd::stalled);
}

TEST_F(PortTransportTest, FinishWritesWhatWaitsAndTakesNothingMore) {
  open();
  transport->send("last");
  transport->finish(StreamEnd::broken);
  transport->send("too late");
  say(framed("unheard"));
  io.run();
  EXPECT_EQ(end, StreamEnd::broken);
  EXPECT_EQ(heard(), framed("last"));
  EXPECT_TRUE(receiver->payloads.empty());
  EXPECT_FALSE(receiver->broken);
}

TEST_F(PortTransportTest, ReadsAFileAndWritesAFile) {
  std::array<char, 32> name{"/tmp/lookout_transport_XXXXXX"};
  UniqueFd file(::mkstemp(name.data()));
  ASSERT_TRUE(file);
  ::unlink(name.data());
  const std::string input = framed("from a file");
  ASSERT_EQ(::write(file.get(), input.data(), input.size()), static_cast<ssize_t>(input.size()));
  ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
  to_program.reading = std::move(file);
  open();
  io.run();
  EXPECT_EQ(end, StreamEnd::closed);
  EXPECT_EQ(receiver->payloads, std::vector<std::string>{"from a file"});
}

}  // namespace
}  // namespace lookout
