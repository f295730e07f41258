// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4. SnapshotEncoder and SnapshotDecoder call it.
#pragma once

#include <cstdint>
#include <string_view>

namespace lookout {

// The checksum of some bytes; `before` is the checksum of the bytes before them.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace lookout
