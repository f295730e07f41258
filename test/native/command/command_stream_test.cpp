// P3: streams by credit, and input that is not read.
#include <fcntl.h>
#include <unistd.h>

#include "command/command_test.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

using CommandStreamTest = CommandTest;
using std::chrono::milliseconds;

void spin(boost::asio::io_context& io) {
  io.restart();
  while (io.poll() > 0) {
  }
}

TEST_F(CommandStreamTest, P3NothingIsReadWithoutCreditAndNoMoreThanWasGranted) {
  spawn(actor({"print"}));
  EXPECT_EQ(listener.output, "");
  command.grant(OutputStreamName::output, 100'000);
  ASSERT_TRUE(run_until([&] { return listener.output.size() == 100'000; }));
  EXPECT_LE(listener.largest, kChunkSize);
  spin(io);
  EXPECT_EQ(listener.output.size(), 100'000U);
  command.grant(OutputStreamName::output, 1);
  ASSERT_TRUE(run_until([&] { return listener.output.size() == 100'001; }));
  stop(milliseconds(0));
  command.grant(OutputStreamName::output, kPlenty);
  exit_status();
}

TEST_F(CommandStreamTest, CreditOfOneStreamIsNotThatOfTheOther) {
  spawn(actor({"say:out", "error:err", "exit:0"}));
  command.grant(OutputStreamName::errors, kPlenty);
  ASSERT_TRUE(run_until([&] { return listener.errors == "err\n"; }));
  EXPECT_EQ(listener.output, "");
  EXPECT_FALSE(listener.status);
  command.grant(OutputStreamName::output, 4);
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_EQ(listener.output, "out\n");
}

TEST_F(CommandStreamTest, ExitWaitsForTheOutputButNotForCreditWhereThereIsNone) {
  spawn(actor({"exit:1"}));
  EXPECT_EQ(exit_status(), (ExitStatus{1, 0}));
}

// It has opened the output of the command, and writes for each piece that is read another one.
TEST_F(CommandStreamTest, ExitDoesNotWaitForAWriterOutsideOfTheTree) {
  const auto pid = std::get<std::uint64_t>(spawn(shell("echo x; exec sleep 1000")));
  const std::string path = "/proc/" + std::to_string(pid) + "/fd/1";
  const UniqueFd writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(writer);
  command.grant(OutputStreamName::output, 1);
  ASSERT_TRUE(run_until([&] { return listener.output == "x"; }));
  stop(milliseconds(0));
  stop_outcome();
  int most = 1000;
  listener.at_output = [&] {
    if (most-- > 0 && ::write(writer.get(), "y", 1) != 1) ADD_FAILURE();
  };
  command.grant(OutputStreamName::output, kPlenty);
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
  EXPECT_EQ(listener.output, "x\n");
}

TEST_F(CommandStreamTest, P3ReadingPausesWhileThereIsNoRoom) {
  listener.room = false;
  start(actor({"say:x", "exit:0"}));
  command.grant(OutputStreamName::output, kPlenty);
  spin(io);
  EXPECT_EQ(listener.output, "");
  listener.room = true;
  command.resume();
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_EQ(listener.output, "x\n");
}

TEST_F(CommandStreamTest, SignalIsNotBehindDataThatNobodyReads) {
  spawn(actor({"print"}));
  // One byte of the first write, which has more: the rest is in the pipe when the process ends.
  command.grant(OutputStreamName::output, 1);
  ASSERT_TRUE(run_until([&] { return !listener.output.empty(); }));
  EXPECT_TRUE(std::holds_alternative<Done>(signal(SIGTERM)));
  ASSERT_TRUE(run_until([&] { return std::holds_alternative<Error>(signal(SIGCONT)); }));
  EXPECT_FALSE(listener.status);
  command.grant(OutputStreamName::output, kPlenty);
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
}

TEST_F(CommandStreamTest, InputIsWrittenAndClosed) {
  LaunchSpec spec;
  spec.argv = {"/bin/cat"};
  spec.input = true;
  start(spec);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string part(10'000, static_cast<char>('a' + i % 26));
    all += part;
    ASSERT_TRUE(std::holds_alternative<Done>(command.write(part)));
    ASSERT_TRUE(run_until([&] { return all.size() - listener.taken < kInputWindow - 10'000; }));
  }
  command.close_input();
  EXPECT_EQ(std::get<Error>(command.write("x")).reason, "closed");
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_EQ(listener.taken, all.size());
  EXPECT_TRUE(listener.output == all);
}

TEST_F(CommandStreamTest, P3InputOfACommandThatDoesNotReadIsBounded) {
  LaunchSpec spec = actor({"pause"});
  spec.input = true;
  start(spec);
  std::size_t sent = 0;
  Result<Done> outcome = Done{};
  while (std::holds_alternative<Done>(outcome) && sent < 16 * kInputWindow) {
    outcome = command.write(std::string(kChunkSize, 'x'));
    sent += kChunkSize;
    spin(io);
  }
  EXPECT_EQ(std::get<Error>(outcome).reason, "overrun");
  stop(milliseconds(0));
  EXPECT_EQ(exit_status(), (ExitStatus{0, SIGTERM}));
}

TEST_F(CommandStreamTest, CommandThatClosesItsInputIsTold) {
  LaunchSpec spec = shell("exec 0<&-; echo closed; exec sleep 1000");
  spec.input = true;
  start(spec);
  ASSERT_TRUE(run_until([&] { return listener.output == "closed\n"; }));
  // The guardian may hold the other end for a moment longer.
  ASSERT_TRUE(run_until([&] {
    if (!listener.broken) command.write("x");
    return listener.broken;
  }));
  EXPECT_EQ(std::get<Error>(command.write("x")).reason, "epipe");
  stop(milliseconds(0));
  exit_status();
}

TEST_F(CommandStreamTest, WithoutInputThereIsNoWriting) {
  start(actor({"pause"}));
  EXPECT_EQ(std::get<Error>(command.write("x")).reason, "closed");
  stop(milliseconds(0));
  exit_status();
}

}  // namespace
}  // namespace lookout
