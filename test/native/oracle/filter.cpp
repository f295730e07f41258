#include "oracle/filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "mutator/generator.h"
#include "mutator/operation.h"
#include "mutator/random.h"

namespace lookout::oracle {
namespace {

constexpr std::array<std::string_view, kFilters> kNames{"ignore", "only",  "gitignore", "links",
                                                        "flat",   "await", "initial"};

}  // namespace

std::optional<Filters> filters_named(const std::string& names) {
  Filters filters;
  if (names == "none") return filters;
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    const auto found = std::find(kNames.begin(), kNames.end(), names.substr(begin, end - begin));
    if (found == kNames.end()) return std::nullopt;
    filters.set(static_cast<std::size_t>(found - kNames.begin()));
    begin = end + 1;
  }
  return filters;
}

std::string filter_names(const Filters& filters) {
  std::string names;
  for (std::size_t i = 0; i < kFilters; ++i) {
    if (filters.test(i)) names += (names.empty() ? "" : ",") + std::string(kNames[i]);
  }
  return names.empty() ? "none" : names;
}

Filters draw_filters(std::uint64_t seed) {
  Random random(seed * 32 + 17);
  Filters filters;
  for (std::uint64_t i = random.between(1, 3); i > 0; --i) filters.set(random.below(kFilters));
  return filters;
}

WatchOptions watch_options(const Filters& filters, std::uint64_t seed) {
  Random random(seed * 32 + 18);
  WatchOptions options;
  options.recursive = !has(filters, Filter::flat);
  options.report_existing = has(filters, Filter::initial);
  options.follow_symlinks = has(filters, Filter::links);
  options.gitignore = has(filters, Filter::gitignore);
  if (has(filters, Filter::await)) options.await = random.one_in(2) ? 10'000 : 20;
  if (has(filters, Filter::ignore)) options.ignore = draw_rules(random);
  if (has(filters, Filter::only)) options.only = draw_rules(random);
  return options;
}

std::string describe(const WatchOptions& options) {
  std::string text;
  for (const std::string& line : options.ignore) text += " ignore " + escape(line);
  for (const std::string& line : options.only) text += " only " + escape(line);
  if (options.await > 0) text += " await " + std::to_string(options.await);
  return text;
}

}  // namespace lookout::oracle
