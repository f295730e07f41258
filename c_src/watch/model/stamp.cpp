#include "watch/model/stamp.h"

#include <algorithm>

#include "watch/model/hash.h"

namespace lookout {
namespace {

constexpr std::uint32_t kManyLinks = 15;
constexpr std::uint16_t kPermissions = 07777;

std::uint16_t bits(std::uint64_t hash, unsigned from) {
  return static_cast<std::uint16_t>(hash >> from);
}

// A table has a stamp of zeros where none is known.
bool is_known(const Stamp& stamp) {
  return stamp != Stamp{};
}

}  // namespace

Stamp stamp_of(const FileStatus& seen, std::uint64_t salt) {
  Stamp stamp;
  stamp.size = bits(mix(seen.size ^ salt, 1), 16);
  const std::uint64_t mtime =
      mix((static_cast<std::uint64_t>(seen.mtime) + seen.mtime_excess) ^ salt, 2);
  stamp.mtime = {bits(mtime, 0), bits(mtime, 16)};
  const std::uint64_t ctime = mix(static_cast<std::uint64_t>(seen.ctime) ^ salt, 3);
  stamp.ctime = {bits(ctime, 0), bits(ctime, 16)};
  if (seen.birth) {
    const std::uint16_t birth = bits(mix(static_cast<std::uint64_t>(*seen.birth) ^ salt, 4), 16);
    stamp.birth = std::max<std::uint16_t>(birth, 1);
  }
  const std::uint32_t links = std::clamp<std::uint32_t>(seen.links, 1, kManyLinks);
  stamp.mode_and_links = static_cast<std::uint16_t>((seen.mode & kPermissions) | (links << 12));
  return stamp;
}

StampDifference difference(const Stamp& known, const Stamp& seen) {
  const auto changed = static_cast<unsigned>(known.mode_and_links ^ seen.mode_and_links);
  return {known.size != seen.size,
          known.mtime != seen.mtime,
          known.ctime != seen.ctime,
          (changed & kPermissions) != 0,
          (changed & ~unsigned{kPermissions}) != 0,
          known.birth != 0 && seen.birth != 0 && known.birth != seen.birth};
}

const Stamp* StampTable::find(std::uint32_t node) const {
  const std::size_t at = node >> kChunkBits;
  if (at >= chunks_.size() || !chunks_[at]) return nullptr;
  const Stamp& stamp = chunks_[at]->stamps[node % kChunk];
  return is_known(stamp) ? &stamp : nullptr;
}

void StampTable::set(std::uint32_t node, const Stamp& stamp) {
  const std::size_t at = node >> kChunkBits;
  if (at >= chunks_.size()) chunks_.resize(at + 1);
  if (!chunks_[at]) {
    chunks_[at] = std::make_unique<Chunk>();
    ++used_chunks_;
  }
  Stamp& known = chunks_[at]->stamps[node % kChunk];
  if (!is_known(known)) ++chunks_[at]->known;
  known = stamp;
}

void StampTable::erase(std::uint32_t node) {
  const std::size_t at = node >> kChunkBits;
  if (at >= chunks_.size() || !chunks_[at]) return;
  Stamp& known = chunks_[at]->stamps[node % kChunk];
  if (!is_known(known)) return;
  known = {};
  if (--chunks_[at]->known > 0) return;
  chunks_[at].reset();
  --used_chunks_;
}

}  // namespace lookout
