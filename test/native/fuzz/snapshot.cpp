// P7: any bytes are a snapshot or are refused with a reason. A tree that was read from a snapshot
// and written again is the same tree; the entries of a directory may come in another order. The
// checksums of the input are corrected first, so that what is behind them is reached.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expect.h"
#include "snapshot/crc32c.h"
#include "snapshot/decoder.h"
#include "watch/model/tree.h"
#include "watch/model/tree_loader.h"
#include "watch/model/tree_saver.h"

namespace {

using namespace lookout;

void put_sum(std::string& bytes, std::size_t at, std::size_t begin) {
  const std::uint32_t sum = crc32c(std::string_view(bytes).substr(begin, at - begin));
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>((sum >> (8 * i)) & 0xff);
}

std::string summed(std::string bytes) {
  if (bytes.size() < 16) return bytes;
  put_sum(bytes, 12, 0);
  for (std::size_t at = 16; at + 8 <= bytes.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at, 4);
    if (size > bytes.size() - at - 8) break;
    put_sum(bytes, at + 4 + size, at);
    at += 8 + std::size_t{size};
  }
  return bytes;
}

SnapshotDecoder::Source source_of(const std::string& bytes) {
  return [left = std::string_view(bytes)](char* out, std::size_t size) mutable {
    const std::size_t got = std::min(size, left.size());
    std::memcpy(out, left.data(), got);
    left.remove_prefix(got);
    return Result<std::size_t>(got);
  };
}

// The bytes of what was read; nullopt where it was refused.
std::optional<std::string> reread(const std::string& bytes) {
  SnapshotDecoder decoder(source_of(bytes), "/snapshot");
  auto header = decoder.header();
  if (const auto* error = std::get_if<Error>(&header)) {
    fuzz::expect(!error->detail.empty() && !error->reason.empty(), "a refusal has a reason");
    return std::nullopt;
  }
  SnapshotHeader read = std::get<SnapshotHeader>(header);
  std::vector<TreeLoader::Device> devices;
  for (std::size_t i = 0; i < read.devices.size(); ++i) {
    read.devices[i].number = i;  // two of one number would be one
    devices.push_back({i, false});
  }
  Tree tree;
  TreeLoader loader(tree, std::move(decoder), read, true);
  bool whole = !loader.begin(devices).has_value();
  while (whole) {
    const auto more = loader.step();
    whole = std::holds_alternative<bool>(more);
    if (whole && !std::get<bool>(more)) break;
  }
  if (!whole) {
    while (loader.undo()) continue;
    fuzz::expect(tree.directories() == 0 && tree.others() == 0, "what was read is removed again");
    return std::nullopt;
  }
  std::vector<std::pair<NodeId, std::int64_t>> moments = loader.moments();
  TreeSaver saver(
      tree, read, loader.roots(),
      [&](NodeId node) -> std::optional<std::int64_t> {
        for (const auto& [directory, moment] : moments) {
          if (directory == node) return moment;
        }
        return std::nullopt;
      },
      [](NodeId) { return false; });
  while (saver.step()) continue;
  return saver.take();
}

struct Content {
  SnapshotHeader header;
  std::map<std::string, SnapshotRecord> entries;  // by root and path
  bool operator==(const Content&) const = default;
};

// What a snapshot says, apart from the order of its records. The bytes must be right.
Content content_of(const std::string& bytes) {
  SnapshotDecoder decoder(source_of(bytes), "/snapshot");
  Content content;
  content.header = std::get<SnapshotHeader>(decoder.header());
  std::vector<std::string> directories;
  std::optional<std::uint32_t> root;
  for (;;) {
    const auto next = decoder.next();
    const auto& record = std::get<std::optional<SnapshotRecord>>(next);
    if (!record) return content;
    if (record->root != root) directories = {std::to_string(record->root)};
    root = record->root;
    directories.resize(directories.size() - record->levels_up);
    const std::string path = directories.back() + '/' + std::string(record->name);
    if (record->type == SnapshotType::directory) directories.push_back(path);
    SnapshotRecord& entry = content.entries[path] = *record;
    entry.levels_up = 0;
    entry.name = {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  reread(bytes);
  const auto once = reread(summed(bytes));
  if (!once) return 0;
  const auto twice = reread(*once);
  fuzz::expect(twice.has_value(), "what was written is read");
  fuzz::expect(content_of(*twice) == content_of(*once), "and is the same");
  return 0;
}
