// The program itself: started as a port is, with pipes on its standard streams.
#include "bridge/port_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "bridge/etf_builder.h"
#include "bridge/frame.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

using namespace etf_builder;

const std::string kHello = hello();

TEST(PortProgram, SaysHelloAndEndsWithItsInput) {
  Program program;
  EXPECT_EQ(program.hear(kHello.size()), kHello);
  program.close_input();
  EXPECT_EQ(program.hear_all(), "");
  EXPECT_EQ(program.wait(), 0);
}

// P6. Where nothing is watched the program would end for want of anything to wait for.
TEST(PortProgram, EndsWithItsInputAlsoWhileItWatches) {
  Program program;
  program.hear(kHello.size());
  const std::string reply = framed(term(tuple({atom("reply"), integer(1), atom("ok")})));
  program.say(framed(term(tuple({atom("watch"), integer(1), list({binary(testing::TempDir())}),
                                 list({tuple({atom("recursive"), atom("false")})})}))));
  EXPECT_EQ(program.hear(reply.size()), reply);
  program.close_input();
  EXPECT_EQ(program.hear_all(), "");
  EXPECT_EQ(program.wait(), 0);
}

// P8. Without an engine its counters would be made up.
TEST(PortProgram, AnswersInfoWithTheReasonIfTheEngineCannotBeCreated) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer itself needs descriptors when an exception is thrown";
#endif
  Program program;
  program.hear(kHello.size());
  const rlimit none{0, 0};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  program.say(framed(term(tuple({atom("info"), integer(7)}))));
  program.close_input();
  const std::string reply = program.hear_all();
  EXPECT_NE(reply.find("emfile"), std::string::npos);
  EXPECT_NE(reply.find("inotify_init"), std::string::npos);
  EXPECT_EQ(program.wait(), 0);
}

TEST(PortProgram, AnswersARequestAndWhatIsNone) {
  Program program;
  program.hear(kHello.size());
  program.say(framed("no term") + framed(term(tuple({atom("ping"), integer(7)}))));
  program.close_input();
  const std::string answers = program.hear_all();
  EXPECT_NE(answers.find("bad_term"), std::string::npos);
  EXPECT_TRUE(answers.ends_with(framed(term(tuple({atom("reply"), integer(7), atom("ok")})))));
  EXPECT_EQ(program.wait(), 0);
}

// What no free memory of the process can hold is asked for, so that it does not depend on that how
// soon this fails.
TEST(PortProgram, EndsWithAMessageWhereItGetsNoMemory) {
  std::signal(SIGPIPE, SIG_IGN);  // it ends in the middle of the frame
  Program program;
  program.hear(kHello.size());
  const rlimit no_more{1, 1};
  ASSERT_EQ(::prlimit(program.pid(), RLIMIT_AS, &no_more, nullptr), 0);
  program.offer(framed(std::string(kMaxFrame, 'x')));
  EXPECT_EQ(program.hear_all(), "");
  EXPECT_EQ(program.wait(), 1);
#ifndef __SANITIZE_ADDRESS__  // which has a message of its own
  EXPECT_EQ(program.errors(), "lookout_port: out of memory\n");
#endif
}

// P5. LOOKOUT_CRAWL_ENTRIES=610000 makes it the size that the promise was measured with.
TEST(PortProgram, AnswersInTheMiddleOfACrawl) {
  // No other thread is there yet. NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const wanted = std::getenv("LOOKOUT_CRAWL_ENTRIES");
  const long entries = wanted != nullptr ? std::atol(wanted) : 40'000;
  std::string home = testing::TempDir() + "lookout-crawl-XXXXXX";
  ASSERT_NE(::mkdtemp(home.data()), nullptr);
  for (long i = 0; i < entries; ++i) {
    const std::string directory = home + "/" + std::to_string(i / 100);
    if (i % 100 == 0) std::filesystem::create_directory(directory);
    const std::string file = directory + "/" + std::to_string(i);
    UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  }
  const auto reply = [](std::int64_t id) {
    return framed(term(tuple({atom("reply"), integer(id), atom("ok")})));
  };
  Program program;
  program.hear(kHello.size());
  program.say(framed(term(tuple({atom("watch"), integer(1), list({binary(home)}), nil()}))));
  int answered = 0;
  for (bool crawling = true; crawling;) {
    program.say(framed(term(tuple({atom("ping"), integer(2)}))));
    const std::string said = program.hear(reply(2).size());
    ASSERT_TRUE(said == reply(1) || said == reply(2)) << "it said something else";
    crawling = said == reply(2);
    if (crawling) ++answered;
  }
  // The first is read with the request to watch, the second in a pause of the crawl.
  EXPECT_GE(answered, 2);
  std::filesystem::remove_all(home);
}

TEST(PortProgram, SaysWhyAFrameTooLargeIsTheEnd) {
  Program program;
  program.say(big_endian(kMaxFrame + 1, 4));
  EXPECT_NE(program.hear_all().find("frame_too_large"), std::string::npos);
  EXPECT_EQ(program.wait(), 1);
}

TEST(PortProgram, SaysThatItsInputEndedWithinAFrame) {
  Program program;
  program.say(big_endian(9, 4) + "half");
  program.close_input();
  EXPECT_NE(program.hear_all().find("truncated_frame"), std::string::npos);
  EXPECT_EQ(program.wait(), 1);
}

TEST(PortProgram, EndsWhenNobodyHearsItAnyMore) {
  Program program;
  program.hear(kHello.size());
  program.close_output();
  program.say(framed(term(tuple({atom("ping"), integer(7)}))));
  EXPECT_EQ(program.wait(), 0);
}

// A service manager, or a terminal, sends them to every process: the VM decides when this one ends.
TEST(PortProgram, P10IsEndedByItsInputAndByNoSignalThatAsksItTo) {
  Program program;
  program.hear(kHello.size());
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    ::kill(program.pid(), number);
    program.say(framed(term(tuple({atom("ping"), integer(number)}))));
    const std::string reply = framed(term(tuple({atom("reply"), integer(number), atom("ok")})));
    ASSERT_EQ(program.hear(reply.size()), reply) << number;
  }
  program.close_input();
  EXPECT_EQ(program.wait(), 0);
}

TEST(PortProgram, KeepsNoDirectoryInUseAndNoPipeOnItsStandardStreams) {
  Program program;
  program.hear(kHello.size());
  const std::string proc = "/proc/" + std::to_string(program.pid());
  std::array<char, 256> target{};
  const auto link = [&](const std::string& name) {
    const ssize_t size = ::readlink((proc + name).c_str(), target.data(), target.size());
    return std::string(target.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  };
  EXPECT_EQ(link("/cwd"), "/");
  EXPECT_EQ(link("/fd/0"), "/dev/null");
  EXPECT_EQ(link("/fd/1"), link("/fd/2"));
}

TEST(PortProgram, TellsItsUsageAndItsVersion) {
  Program help({{"--help"}, -1, 0});
  EXPECT_NE(help.hear_all().find("Usage: lookout_port"), std::string::npos);
  EXPECT_EQ(help.wait(), 0);
  Program version({{"--version"}, -1, 0});
  EXPECT_EQ(version.hear_all(), "lookout_port " LOOKOUT_VERSION " (protocol 1)\n");
  EXPECT_EQ(version.wait(), 0);
}

TEST(PortProgram, RefusesArgumentsThatItDoesNotKnow) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--verbose"}, {""}, {"--help", "--version"}}) {
    Program program({arguments, -1, 0});
    EXPECT_NE(program.errors().find("Usage: lookout_port"), std::string::npos);
    EXPECT_EQ(program.hear_all(), "");
    EXPECT_EQ(program.wait(), 2);
  }
}

TEST(PortProgram, SaysWhatItIsOnATerminalAndSendsItNoBinary) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  std::array<char, 128> name{};
  ASSERT_EQ(::ptsname_r(terminal.get(), name.data(), name.size()), 0);
  const UniqueFd side(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(side);
  Program program({{}, side.get(), 0});
  EXPECT_NE(program.errors().find("not for a terminal"), std::string::npos);
  EXPECT_EQ(program.hear_all(), "");
  EXPECT_EQ(program.wait(), 2);
}

TEST(PortProgram, SaysWhyItCannotWatchWithoutAnInotifyInstanceAndLivesOn) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer itself needs descriptors to look at an object";
#endif
  // Three standard descriptors and those that the streams and the loop take.
  Program program({{}, -1, 8});
  program.say(framed(term(tuple({atom("watch"), integer(1), list({binary("/")}), nil()}))) +
              framed(term(tuple({atom("ping"), integer(2)}))));
  program.close_input();
  const std::string said = program.hear_all();
  EXPECT_NE(said.find("emfile"), std::string::npos);
  EXPECT_NE(said.find("inotify_init"), std::string::npos);
  EXPECT_TRUE(said.ends_with(framed(term(tuple({atom("reply"), integer(2), atom("ok")})))));
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace
}  // namespace lookout
