// The bytes of snapshots: what is written is read again, and nothing else is taken.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/crc32c.h"
#include "snapshot/decoder.h"
#include "snapshot/encoder.h"

namespace lookout {
namespace {

struct Content {
  SnapshotHeader header;
  std::vector<std::pair<SnapshotRecord, std::string>> records;  // and their names
  bool operator==(const Content& other) const = default;
};

SnapshotRecord record(SnapshotType type, std::uint32_t levels_up, std::uint64_t inode) {
  SnapshotRecord made;
  made.type = type;
  made.levels_up = levels_up;
  made.inode = inode;
  return made;
}

Content example() {
  Content content;
  content.header = {1'700'000'000'123'456'789,
                    7,
                    0x0123456789abcdef,
                    {{0x801, 0x1122334455667788, 0xef53, "/srv/in"}},
                    {{.path = "/srv/in", .inode = 2, .mode = 0755}}};
  SnapshotRecord directory = record(SnapshotType::directory, 0, 12);
  directory.mode = 0750;
  SnapshotRecord file = record(SnapshotType::file, 0, 13);
  file.stamp = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  content.records = {{directory, "d"}, {file, "a"}, {record(SnapshotType::symlink, 1, 11), "l"}};
  return content;
}

// Each field with another value than its default.
Content everything() {
  Content content = example();
  content.header.devices.push_back({0x16, 0, 0, "/mnt"});
  content.header.roots.push_back({.path = "/",
                                  .recursive = false,
                                  .single = true,
                                  .names = {"a b", "\xff"},
                                  .device = 1,
                                  .inode = ~std::uint64_t{0},
                                  .moment = -5});
  for (std::uint32_t depth = 0; depth < 12; ++depth) {
    content.records.emplace_back(record(SnapshotType::directory, 0, 1'000'000 - depth), "deep");
  }
  SnapshotRecord far = record(SnapshotType::directory, 12, 1);
  far.device = 1;
  far.linked = far.missed = true;
  far.moment = 42;
  far.mode = 07777;
  content.records.emplace_back(far, std::string(255, 'x'));
  SnapshotRecord other = record(SnapshotType::other, 1, ~std::uint64_t{0});
  other.root = 1;
  other.device = 1;
  other.written = other.altered = true;
  content.records.emplace_back(other, "\xff");
  return content;
}

std::string bytes_of(const Content& content) {
  SnapshotEncoder encoder(content.header);
  std::string bytes;
  for (const auto& [record, name] : content.records) {
    SnapshotRecord named = record;
    named.name = name;
    encoder.add(named);
    bytes += encoder.take();
  }
  encoder.finish();
  return bytes + encoder.take();
}

SnapshotDecoder::Source source(const std::string& bytes, std::size_t at_most) {
  return [left = std::string_view(bytes), at_most](char* out, std::size_t size) mutable {
    const std::size_t got = std::min({size, left.size(), at_most});
    std::memcpy(out, left.data(), got);
    left.remove_prefix(got);
    return Result<std::size_t>(got);
  };
}

Result<Content> read(const std::string& bytes, std::size_t at_most = 1 << 20) {
  SnapshotDecoder decoder(source(bytes, at_most), "/c/snapshot");
  Content content;
  auto header = decoder.header();
  if (auto* error = std::get_if<Error>(&header)) return *error;
  content.header = std::get<SnapshotHeader>(header);
  for (;;) {
    auto next = decoder.next();
    if (auto* error = std::get_if<Error>(&next)) return *error;
    const auto& record = std::get<std::optional<SnapshotRecord>>(next);
    if (!record) return content;
    content.records.emplace_back(*record, std::string(record->name));
    content.records.back().first.name = {};
  }
}

// The reason for which the bytes are refused; empty: they are not.
std::string reason(const std::string& bytes) {
  const auto content = read(bytes);
  const auto* error = std::get_if<Error>(&content);
  if (error == nullptr) return "";
  EXPECT_EQ(error->path, "/c/snapshot");
  EXPECT_NE(error->detail.find("; use "), std::string::npos) << error->detail;
  return error->reason;
}

// Corrects the checksums of a file whose frames were changed.
std::string summed(std::string bytes) {
  const auto put = [&](std::size_t at, std::uint32_t sum) {
    for (int i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(sum >> (8 * i));
  };
  put(12, crc32c(std::string_view(bytes).substr(0, 12)));
  for (std::size_t at = 16; at + 8 <= bytes.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at, 4);
    if (size > bytes.size() - at - 8) break;
    put(at + 4 + size, crc32c(std::string_view(bytes).substr(at, 4 + size)));
    at += 8 + size;
  }
  return bytes;
}

TEST(Crc32cTest, HasTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xe3069283U);
}

TEST(SnapshotTest, WhatIsWrittenIsReadAgain) {
  for (const Content& content : {example(), everything(), Content{}}) {
    for (const std::size_t at_most : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
      const auto content_read = read(bytes_of(content), at_most);
      ASSERT_TRUE(std::holds_alternative<Content>(content_read))
          << std::get<Error>(content_read).detail;
      EXPECT_TRUE(std::get<Content>(content_read) == content);
    }
  }
}

TEST(SnapshotTest, ManyEntriesTakeSeveralFramesAndFewBytes) {
  Content content = example();
  for (int i = 0; i < 50'000; ++i) {
    content.records.emplace_back(record(SnapshotType::file, 0, 100 + i),
                                 "file" + std::to_string(i));
  }
  const std::string bytes = bytes_of(content);
  EXPECT_LT(bytes.size(), content.records.size() * 13);
  EXPECT_EQ(reason(bytes), "");
  EXPECT_TRUE(std::get<Content>(read(bytes)) == content);
}

TEST(SnapshotTest, TheExampleOfTheDocumentIsRead) {
  std::ifstream file(LOOKOUT_SOURCE_DIR "/docs/snapshot-format.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string begin = "```snapshot\n";
  const std::size_t at = text.find(begin) + begin.size();
  ASSERT_GE(at, begin.size());
  std::istringstream digits(text.substr(at, text.find("```", at) - at));
  std::string bytes;
  for (std::string byte; digits >> byte;) {
    bytes += static_cast<char>(std::stoi(byte, nullptr, 16));
  }
  EXPECT_EQ(bytes, bytes_of(example()));
  EXPECT_EQ(reason(bytes), "");
}

TEST(SnapshotTest, AnyTruncatedFileIsBad) {
  const std::string bytes = bytes_of(everything());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(reason(bytes.substr(0, size)), "bad_snapshot") << size;
  }
}

TEST(SnapshotTest, AnyFlippedBitIsBad) {
  const std::string bytes = bytes_of(everything());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_EQ(reason(flipped), "bad_snapshot") << at << ' ' << bit;
    }
  }
}

TEST(SnapshotTest, ForeignAndLongerFilesAreBad) {
  EXPECT_EQ(reason("#!/bin/sh\nexit 0\n"), "bad_snapshot");
  EXPECT_EQ(reason(std::string(100, '\0')), "bad_snapshot");
  EXPECT_EQ(reason(bytes_of(example()) + '\0'), "bad_snapshot");
  EXPECT_EQ(reason(bytes_of(example()) + bytes_of(example())), "bad_snapshot");
}

TEST(SnapshotTest, ALaterVersionIsSaidToBeOne) {
  std::string bytes = bytes_of(example());
  bytes[8] = 2;
  EXPECT_EQ(reason(summed(bytes)), "newer_snapshot");
  bytes[8] = 0;
  EXPECT_EQ(reason(summed(bytes)), "bad_snapshot");
}

TEST(SnapshotTest, P9WhatCouldNotBeReadAgainIsKnownBeforeItIsCommitted) {
  const Content content = example();
  SnapshotEncoder encoder(content.header);
  SnapshotRecord record;
  const std::string longest(kMaxSnapshotName, 'x');
  const std::string longer = longest + 'x';
  record.name = longest;
  encoder.add(record);
  EXPECT_TRUE(encoder.fits());
  record.name = longer;
  encoder.add(record);
  EXPECT_FALSE(encoder.fits());

  SnapshotHeader many_names = content.header;
  many_names.roots[0].single = true;
  many_names.roots[0].names.assign(kMaxSnapshotFrame / longest.size() + 1, longest);
  EXPECT_FALSE(SnapshotEncoder(many_names).fits());
}

TEST(SnapshotTest, ImpossibleNamesAreBadThoughTheChecksumIsRight) {
  for (const std::string& name :
       {std::string("a/b"), std::string("."), std::string(".."), std::string(""),
        std::string("a\0b", 3), std::string(8193, 'a')}) {
    Content content = example();
    content.records[1].second = name;
    EXPECT_EQ(reason(bytes_of(content)), "bad_snapshot") << name;
  }
}

TEST(SnapshotTest, P7WhatIsWatchedTwiceIsBadThoughTheChecksumIsRight) {
  const SnapshotRoot directory{.path = "/srv/in"};
  const auto files = [](std::vector<std::string> names) {
    return SnapshotRoot{.path = "/srv/in", .single = true, .names = std::move(names)};
  };
  const auto reason_with = [](std::vector<SnapshotRoot> roots) {
    return reason(bytes_of({{.devices = {{.path = "/srv/in"}}, .roots = std::move(roots)}, {}}));
  };
  EXPECT_EQ(reason_with({directory, directory}), "bad_snapshot");
  EXPECT_EQ(reason_with({directory, {.path = "/srv/in", .recursive = false}}), "bad_snapshot");
  EXPECT_EQ(reason_with({files({"a", "a"})}), "bad_snapshot");
  EXPECT_EQ(reason_with({files({"a", "b"}), files({"b", "c"})}), "bad_snapshot");
  // Files that are watched with different options.
  EXPECT_EQ(reason_with({directory, files({"a", "b"}), files({"c"})}), "");
}

TEST(SnapshotTest, P5MoreRootsThanAStepCanReadAreBadAndNotWritten) {
  const auto fits = [](const std::vector<SnapshotRoot>& roots) {
    const Content content{{.devices = {{.path = "/"}}, .roots = roots}, {}};
    const bool written = SnapshotEncoder(content.header).fits();
    EXPECT_EQ(reason(bytes_of(content)), written ? "" : "bad_snapshot");
    return written;
  };
  std::vector<SnapshotRoot> directories(kMaxSnapshotRoots);
  SnapshotRoot files{.path = "/", .single = true};
  for (std::size_t i = 0; i < kMaxSnapshotRoots; ++i) {
    directories[i].path = "/" + std::to_string(i);
    files.names.push_back(std::to_string(i));
  }
  EXPECT_TRUE(fits(directories));
  EXPECT_TRUE(fits({files}));
  EXPECT_FALSE(fits({files, {.path = "/0", .single = true, .names = {"a"}}}));
  directories.push_back({.path = "/more"});
  EXPECT_FALSE(fits(directories));
  std::vector<SnapshotRoot> file_roots;
  for (std::size_t i = 0; i < kMaxSnapshotFileRoots; ++i) {
    file_roots.push_back({.path = "/", .single = true, .names = {std::to_string(i)}});
  }
  EXPECT_TRUE(fits(file_roots));
  file_roots.push_back({.path = "/", .single = true});
  EXPECT_FALSE(fits(file_roots));
  std::vector<SnapshotRoot> long_paths;
  for (char c = 'a'; c <= 'z'; ++c) {
    for (int i = 0; i < 16; ++i) {
      long_paths.push_back({.path = "/" + std::string(kMaxSnapshotPath - 1 - i, c)});
    }
  }
  EXPECT_FALSE(fits(long_paths));
}

TEST(SnapshotTest, WhatIsOutOfRangeIsBadThoughTheChecksumIsRight) {
  Content device = example();
  device.records[0].first.device = 1;
  EXPECT_EQ(reason(bytes_of(device)), "bad_snapshot");
  Content mode = example();
  mode.records[0].first.mode = 010000;
  EXPECT_EQ(reason(bytes_of(mode)), "bad_snapshot");
  Content linked = example();
  linked.records[1].first.linked = true;
  EXPECT_EQ(reason(bytes_of(linked)), "bad_snapshot");
  Content path = example();
  path.header.roots[0].path = "srv/in";
  EXPECT_EQ(reason(bytes_of(path)), "bad_snapshot");
  Content root = example();
  root.header.roots[0].device = 9;
  EXPECT_EQ(reason(bytes_of(root)), "bad_snapshot");
}

}  // namespace
}  // namespace lookout
