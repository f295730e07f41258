// A pipe, and frames to send through it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "bridge/etf_builder.h"
#include "support/unique_fd.h"

namespace lookout {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  UniqueFd reading;
  UniqueFd writing;
};

// {packet, 4}
inline std::string framed(std::string_view payload) {
  return etf_builder::big_endian(payload.size(), 4) + std::string(payload);
}

}  // namespace lookout
