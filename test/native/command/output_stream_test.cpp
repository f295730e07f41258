// A stream that a command writes to, over a pipe.
#include "command/output_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace lookout {
namespace {

// As Fswatch does: it grants what it got before it has used it.
TEST(OutputStream, CreditThatIsGrantedWithinTheHandlerLeavesTheBytesInOrder) {
  constexpr std::size_t kBytes = 3 * kChunkSize + 100;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ASSERT_GE(::fcntl(writer.get(), F_SETPIPE_SZ, 4 * kChunkSize), 0);
  std::string written;
  while (written.size() < kBytes) written += std::to_string(written.size()) + ' ';
  ASSERT_EQ(::write(writer.get(), written.data(), written.size()),
            static_cast<ssize_t>(written.size()));
  writer.reset();

  boost::asio::io_context io;
  std::string read;
  int ended = 0;
  OutputStream* granted = nullptr;
  OutputStream stream(io, std::move(reader),
                      {[&](std::string_view bytes) {
                         granted->grant(bytes.size());
                         read += bytes;
                       },
                       [&] { ++ended; }, [] { return true; }});
  granted = &stream;
  stream.grant(2 * kChunkSize);
  io.run();
  EXPECT_EQ(read.size(), written.size());
  EXPECT_TRUE(read == written);
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace lookout
