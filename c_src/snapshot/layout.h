// Numbers of the format that the encoder and the decoder share; docs/snapshot-format.md.
// SnapshotEncoder and SnapshotDecoder use them.
#pragma once

#include <cstdint>

namespace lookout::layout {

// The first byte of a frame's payload.
inline constexpr unsigned kHeader = 1;
inline constexpr unsigned kDevice = 2;
inline constexpr unsigned kRoot = 3;
inline constexpr unsigned kRecords = 4;
inline constexpr unsigned kEnd = 5;

// Flags of a root.
inline constexpr unsigned kRecursive = 1;
inline constexpr unsigned kSingle = 2;
inline constexpr unsigned kRootMoment = 4;
inline constexpr unsigned kRootFlags = 7;

// The first byte of a record: type, flags, levels up.
inline constexpr unsigned kTypeMask = 3;
inline constexpr unsigned kExtra = 4;  // a stamp; for a directory a moment
inline constexpr unsigned kOtherDevice = 8;
inline constexpr unsigned kMarks = 16;
inline constexpr unsigned kLevelsShift = 5;
inline constexpr std::uint32_t kManyLevels = 7;  // the rest of the number follows

// The byte of marks.
inline constexpr unsigned kLinked = 1;
inline constexpr unsigned kWritten = 2;
inline constexpr unsigned kAltered = 4;
inline constexpr unsigned kMissed = 8;
inline constexpr unsigned kAllMarks = 15;

}  // namespace lookout::layout
