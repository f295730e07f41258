// MD5 (RFC 1321), which Erlang's handshake uses. It protects nothing else. Handshake calls it.
#pragma once

#include <string>
#include <string_view>

namespace lookout {

// The digest, of 16 bytes.
std::string md5(std::string_view message);

}  // namespace lookout
