// With which options a trial watches, beside its fault.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>

#include "watch/model/watch_options.h"

namespace lookout::oracle {

enum class Filter : std::uint8_t {
  ignore,     // patterns of the trial's own
  only,       // patterns of the trial's own
  gitignore,  // files with patterns, which the mutator writes, moves and removes
  links,      // symbolic links to directories are followed, and the mutator makes many
  flat,       // not recursive
  await,      // files are told when their writers have closed them
  initial,    // what stands there is told as created first
};

constexpr std::size_t kFilters = 7;

using Filters = std::bitset<kFilters>;

inline bool has(const Filters& filters, Filter filter) {
  return filters.test(static_cast<std::size_t>(filter));
}

// Names with commas between; "none" is none.
std::optional<Filters> filters_named(const std::string& names);
std::string filter_names(const Filters& filters);
// One, two or three of them.
Filters draw_filters(std::uint64_t seed);

// The patterns and times are drawn from the seed.
WatchOptions watch_options(const Filters& filters, std::uint64_t seed);
// For messages: what was drawn; empty where nothing was.
std::string describe(const WatchOptions& options);

}  // namespace lookout::oracle
