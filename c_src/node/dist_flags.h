// The capabilities that this node offers, and those that a peer must have. The next OTP release
// that makes one mandatory is met here. Handshake uses them.
//
// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags
#pragma once

#include <cstdint>

namespace lookout::dist_flags {

inline constexpr std::uint64_t kExtendedReferences = 0x4;
inline constexpr std::uint64_t kDistMonitor = 0x8;
inline constexpr std::uint64_t kFunTags = 0x10;
inline constexpr std::uint64_t kDistMonitorName = 0x20;
inline constexpr std::uint64_t kNewFunTags = 0x80;
inline constexpr std::uint64_t kExtendedPidsPorts = 0x100;
inline constexpr std::uint64_t kExportPtrTag = 0x200;
inline constexpr std::uint64_t kBitBinaries = 0x400;
inline constexpr std::uint64_t kNewFloats = 0x800;
inline constexpr std::uint64_t kSmallAtomTags = 0x4000;
inline constexpr std::uint64_t kUtf8Atoms = 0x10000;
inline constexpr std::uint64_t kMapTag = 0x20000;
inline constexpr std::uint64_t kBigCreation = 0x40000;
inline constexpr std::uint64_t kHandshake23 = 0x1000000;
inline constexpr std::uint64_t kUnlinkId = 0x2000000;
inline constexpr std::uint64_t kV4NumericNames = std::uint64_t{1} << 34U;
inline constexpr std::uint64_t kAlias = std::uint64_t{1} << 35U;

// What OTP 25 demands of every node.
inline constexpr std::uint64_t kMandatory =
    kExtendedReferences | kFunTags | kExtendedPidsPorts | kNewFunTags | kExportPtrTag |
    kBitBinaries | kNewFloats | kUtf8Atoms | kMapTag | kBigCreation | kHandshake23;

// With what OTP 26 demands in addition, and what a session needs. Not offered: fragments, the atom
// cache, exit payloads and spawning.
inline constexpr std::uint64_t kOffered = kMandatory | kUnlinkId | kV4NumericNames | kDistMonitor |
                                          kDistMonitorName | kSmallAtomTags | kAlias;

}  // namespace lookout::dist_flags
