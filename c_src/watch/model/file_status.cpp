#include "watch/model/file_status.h"

#include "watch/model/hash.h"

namespace lookout {
namespace {

constexpr std::int64_t kWholeSecond = 1'000'000'000;

}  // namespace

std::uint32_t FileStatus::signature() const {
  const std::uint64_t sizes = mix(size ^ hash_seed(), 1);
  const std::uint64_t time = static_cast<std::uint64_t>(mtime) + mtime_excess;
  const std::uint64_t times = mix(time ^ hash_seed(), mode);
  const auto hash = static_cast<std::uint32_t>((sizes & 0xffff0000) | (times & 0xffff));
  return hash == 0 ? 1 : hash;
}

std::int64_t grain(std::int64_t stamp) {
  return stamp % kWholeSecond == 0 ? kWholeSecond : kWholeSecond / 100;
}

}  // namespace lookout
