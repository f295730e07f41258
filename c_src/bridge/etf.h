// The tags of the External Term Format that are accepted in a frame to lookout_port. The names
// follow https://www.erlang.org/doc/apps/erts/erl_ext_dist.html. The classes of bridge/ and node/
// use them.
#pragma once

#include <cstdint>
#include <string>

namespace lookout::etf {

inline constexpr std::uint8_t kVersion = 131;

inline constexpr std::uint8_t kNewFloat = 70;
inline constexpr std::uint8_t kBitBinary = 77;
inline constexpr std::uint8_t kSmallInteger = 97;
inline constexpr std::uint8_t kInteger = 98;
inline constexpr std::uint8_t kAtom = 100;  // Latin-1
inline constexpr std::uint8_t kSmallTuple = 104;
inline constexpr std::uint8_t kLargeTuple = 105;
inline constexpr std::uint8_t kNil = 106;
inline constexpr std::uint8_t kString = 107;
inline constexpr std::uint8_t kList = 108;
inline constexpr std::uint8_t kBinary = 109;
inline constexpr std::uint8_t kSmallBig = 110;
inline constexpr std::uint8_t kSmallAtom = 115;  // Latin-1
inline constexpr std::uint8_t kMap = 116;
inline constexpr std::uint8_t kAtomUtf8 = 118;
inline constexpr std::uint8_t kSmallAtomUtf8 = 119;

// Describes any tag, also one that is not accepted, for an error message: "a pid (tag 88)".
std::string describe_tag(std::uint8_t tag);

}  // namespace lookout::etf
