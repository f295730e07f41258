// P7: no bytes of a peer that is not authenticated establish a connection, and what is kept of them
// is bounded.
#include "node/handshake.h"

#include <cstdint>
#include <string_view>

#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lookout;
  static const NodeIdentity self{"watch@storage", "a cookie that no input has", 7, 4370};
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Handshake handshake(self, 0x12345678);
  std::string reply;
  // The input says by its first byte in which pieces it comes.
  const std::size_t piece = size == 0 ? 1 : 1 + static_cast<unsigned char>(bytes[0]) % 64;
  for (std::size_t at = 1; at < size && handshake.state() == Handshake::State::running;
       at += piece) {
    handshake.take(bytes.substr(at, piece), reply);
    fuzz::expect(handshake.rest().size() <= kMaxHandshakePacket + 4 + piece, "little is kept");
  }
  fuzz::expect(handshake.state() != Handshake::State::established, "nobody guesses the cookie");
  fuzz::expect(reply.size() < 1024, "little is answered");
  return 0;
}
