// Hints: what the events of a hint source state about an entry. A hint is not trusted, it only has
// the entry checked on disk. Changes of content and attributes are the exception: there the hint
// itself is the evidence, since two writes within one tick of the clock can leave the same time and
// size. HintSource reports them; the classes of reconcile/ read them.
#pragma once

#include <cstdint>
#include <string_view>

namespace lookout {

using Hints = std::uint32_t;

namespace hint {
inline constexpr Hints kCreated = 1U << 0;     // the name appeared by creation or a new link
inline constexpr Hints kMovedTo = 1U << 1;     // the name appeared by a rename
inline constexpr Hints kDeleted = 1U << 2;     // the name was removed
inline constexpr Hints kMovedFrom = 1U << 3;   // the name disappeared by a rename
inline constexpr Hints kWritten = 1U << 4;     // content or size changed
inline constexpr Hints kAttributes = 1U << 5;  // mode, owner, times or the like changed
inline constexpr Hints kClosed = 1U << 6;      // a writer closed the file: compare its signature
inline constexpr Hints kPassedOn = 1U << 7;    // passed on from another hard link of the file
inline constexpr Hints kSuspect = 1U << 8;     // events were lost: compare times too
inline constexpr Hints kSelfGone = 1U << 9;    // the watched entry was moved, deleted or unmounted
inline constexpr Hints kUnpaired = 1U << 10;   // moved here from a path that no events cover
inline constexpr Hints kCompare = 1U << 11;  // passed on by suspicion only, without a content event
inline constexpr Hints kWaited = 1U << 12;   // checked once, requeued behind all other dirty names

inline constexpr Hints kContent = kWritten | kAttributes;
inline constexpr Hints kNameChange = kCreated | kMovedTo | kDeleted | kMovedFrom;

// Merges the hints of two events about one name. kPassedOn remains only if both have it: hints that
// an event reported about this name are not marked as passed on from another hard link.
inline constexpr Hints merged(Hints one, Hints other) {
  return ((one | other) & ~kPassedOn) | (one & other & kPassedOn);
}
}  // namespace hint

// In place of a watch descriptor. The kernel numbers the watches of inotify from 1 to INT_MAX, and
// begins again after that; those of other sources are below kNoWatch.
inline constexpr int kNoWatch = -1;

// One message of a hint source.
struct Hint {
  int watch = kNoWatch;  // the watch descriptor; none with `overflow`
  Hints hints = 0;
  std::string_view name;     // empty: the watched directory itself; valid until the next read
  std::uint32_t cookie = 0;  // the same for both halves of a rename
  bool alone = false;        // of a directory itself, and its parent gets no hint about it
  bool overflow = false;     // the kernel dropped events: anything may have changed
  bool ended = false;        // the watch was removed (directory deleted or unmounted)
};

}  // namespace lookout
