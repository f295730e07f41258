#include "bridge/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "bridge/etf_builder.h"

namespace lookout {
namespace {

using etf_builder::big_endian;

std::string framed(std::string_view payload) {
  return big_endian(payload.size(), 4) + std::string(payload);
}

// All payloads of a stream that arrives in chunks of `size` bytes.
std::vector<std::string> read_all(FrameReader& reader, std::string_view stream, std::size_t size) {
  std::vector<std::string> payloads;
  while (!stream.empty()) {
    std::string_view chunk = stream.substr(0, size);
    stream.remove_prefix(chunk.size());
    while (true) {
      const auto outcome = reader.next(chunk);
      if (std::holds_alternative<NeedMore>(outcome)) break;
      EXPECT_TRUE(std::holds_alternative<Frame>(outcome));
      if (!std::holds_alternative<Frame>(outcome)) return payloads;
      payloads.emplace_back(std::get<Frame>(outcome).payload);
    }
  }
  return payloads;
}

TEST(FrameReader, GivesTheSameFramesWhateverTheChunks) {
  const std::vector<std::string> expected{"one", "", "three is longer", std::string(300, 'x'), ""};
  std::string stream;
  for (const auto& payload : expected) stream += framed(payload);
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    FrameReader reader;
    EXPECT_EQ(read_all(reader, stream, size), expected) << "chunks of " << size;
    EXPECT_FALSE(reader.at_end());
  }
}

TEST(FrameReader, GivesTheSameFramesForASplitAtEveryByte) {
  const std::string stream = framed("first") + framed("second");
  for (std::size_t split = 0; split <= stream.size(); ++split) {
    FrameReader reader;
    auto payloads = read_all(reader, std::string_view(stream).substr(0, split), stream.size());
    for (auto& payload : read_all(reader, std::string_view(stream).substr(split), stream.size())) {
      payloads.push_back(payload);
    }
    EXPECT_EQ(payloads, (std::vector<std::string>{"first", "second"})) << "split at " << split;
  }
}

TEST(FrameReader, NamesAStreamThatEndsWithinAFrame) {
  const std::string stream = framed("whole") + framed("cut off");
  for (std::size_t size = 0; size <= stream.size(); ++size) {
    FrameReader reader;
    read_all(reader, std::string_view(stream).substr(0, size), 4);
    const auto error = reader.at_end();
    const bool at_boundary = size == 0 || size == framed("whole").size() || size == stream.size();
    EXPECT_EQ(error.has_value(), !at_boundary) << "ended after " << size;
    EXPECT_EQ(error.value_or(Error{}).reason, at_boundary ? "" : "truncated_frame");
  }
}

TEST(FrameReader, TakesTheEndRightAfterAFrameThatWasSpreadOverChunks) {
  FrameReader reader;
  std::string_view first("\0\0\0\2a", 5);
  EXPECT_TRUE(std::holds_alternative<NeedMore>(reader.next(first)));
  std::string_view second("b");
  EXPECT_TRUE(std::holds_alternative<Frame>(reader.next(second)));
  EXPECT_FALSE(reader.at_end());
}

TEST(FrameReader, SaysHowMuchOfATruncatedFrameCame) {
  FrameReader in_header;
  read_all(in_header, framed("cut off").substr(0, 3), 3);
  EXPECT_EQ(in_header.at_end()->detail,
            "the stream ended after 3 of the 4 bytes of a frame's length");
  FrameReader in_payload;
  read_all(in_payload, framed("cut off").substr(0, 6), 6);
  EXPECT_EQ(in_payload.at_end()->detail, "the stream ended after 2 of the 7 bytes of a frame");
}

TEST(FrameReader, RefusesAFrameOverTheCapByItsLengthAlone) {
  FrameReader reader;
  const std::string header = big_endian(0xFFFFFFFF, 4);
  std::string_view chunk = header;
  const auto outcome = reader.next(chunk);
  ASSERT_TRUE(std::holds_alternative<Error>(outcome));
  EXPECT_EQ(std::get<Error>(outcome),
            (Error{"frame_too_large", "read", "",
                   "a frame of 4294967295 bytes was announced; at most 4194304 are taken"}));
}

TEST(FrameReader, TakesAFrameOfExactlyTheCapAndNoneLarger) {
  FrameReader taken(8);
  EXPECT_EQ(read_all(taken, framed("12345678"), 5), std::vector<std::string>{"12345678"});
  FrameReader refused(8);
  const std::string stream = framed("123456789");
  std::string_view chunk = stream;
  EXPECT_TRUE(std::holds_alternative<Error>(refused.next(chunk)));
}

TEST(FrameHeader, IsTheLengthInFourBytesBigEndian) {
  const auto header = frame_header(0x01020384);
  EXPECT_EQ(std::string(header.begin(), header.end()), "\x01\x02\x03\x84");
}

}  // namespace
}  // namespace lookout
