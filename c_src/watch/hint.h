// What a hint source says about an entry. A hint is never believed, only looked into; but what it
// says of an entry's content is itself the evidence, since two writes within one tick of the
// clock leave the same time and size.
#pragma once

#include <cstdint>
#include <string_view>

namespace lookout {

using Hints = std::uint32_t;

namespace hint {
inline constexpr Hints kCreated = 1U << 0;     // the name appeared by creation or a new link
inline constexpr Hints kMovedTo = 1U << 1;     // the name appeared by a rename
inline constexpr Hints kDeleted = 1U << 2;     // the name was removed
inline constexpr Hints kMovedFrom = 1U << 3;   // the name left by a rename
inline constexpr Hints kWritten = 1U << 4;     // content or size changed
inline constexpr Hints kAttributes = 1U << 5;  // mode, owner, times or the like changed
inline constexpr Hints kClosed = 1U << 6;      // a writer closed it: a reason to compare
inline constexpr Hints kPassedOn = 1U << 7;    // comes from another link of the same file
inline constexpr Hints kSuspect = 1U << 8;     // hints were lost: compare times too
inline constexpr Hints kRootGone = 1U << 9;    // of a watched directory itself: look at its place
inline constexpr Hints kUnpaired = 1U << 10;   // moved here from where no hint speaks of it
inline constexpr Hints kCompare = 1U << 11;    // passed on with no more than a doubt
inline constexpr Hints kWaited = 1U << 12;  // checked once, and waits for the others of the round

inline constexpr Hints kContent = kWritten | kAttributes;
inline constexpr Hints kPlace = kCreated | kMovedTo | kDeleted | kMovedFrom;

// What two hints of one place say together: what comes from another link as well as from here is
// this one's own.
inline constexpr Hints merged(Hints one, Hints other) {
  return ((one | other) & ~kPassedOn) | (one & other & kPassedOn);
}
}  // namespace hint

// One message of a hint source.
struct Hint {
  int watch = -1;  // the watch descriptor; -1 with `overflow`
  Hints hints = 0;
  std::string_view name;     // empty: the watched directory itself; valid until the next read
  std::uint32_t cookie = 0;  // the same for both halves of a rename
  bool alone = false;        // of a directory itself, and no hint in the one above speaks of it too
  bool overflow = false;     // messages were lost: anything may have changed
  bool ended = false;        // the watch is no more (its directory was deleted or unmounted)
};

}  // namespace lookout
