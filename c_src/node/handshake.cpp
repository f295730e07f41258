#include "node/handshake.h"

#include <utility>

#include "bridge/byte_cursor.h"
#include "node/dist_flags.h"
#include "node/dist_terms.h"
#include "node/md5.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxName = 255;  // bytes
constexpr std::size_t kDigestSize = 16;

// Requests to epmd, and a response. A node that listens on port 4369 replies instead of an epmd.
constexpr char kPortPlease2 = 122;
constexpr char kPort2Response = 119;
constexpr char kNames = 110;

// Takes the same time for all contents, so that the time reveals nothing about the expected digest.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

bool is_node_name(std::string_view name) {
  const std::size_t at = name.find('@');
  if (name.size() > kMaxName || at == 0 || at == std::string_view::npos) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ') return false;
  }
  return at + 1 < name.size() && name.find('@', at + 1) == std::string_view::npos;
}

}  // namespace

std::string challenge_digest(std::string_view cookie, std::uint32_t challenge) {
  return md5(std::string(cookie) + std::to_string(challenge));
}

Handshake::State Handshake::take(std::string_view bytes, std::string& reply) {
  received_ += bytes;
  while (state_ == State::running && take_packet(reply)) continue;
  return state_;
}

// The length before a packet has two bytes; four if a proxy terminates TLS. The first length shows
// which: no packet is empty, and none is longer than kMaxHandshakePacket.
bool Handshake::take_packet(std::string& reply) {
  if (width_ == 0) {
    if (received_.size() < 2) return false;
    width_ = received_[0] == 0 && received_[1] == 0 ? 4 : 2;
  }
  ByteCursor cursor(received_);
  const auto size = cursor.number(static_cast<std::size_t>(width_));
  if (!size) return false;
  if (*size == 0 || *size > kMaxHandshakePacket) {
    state_ = State::ended;
    return false;
  }
  const auto packet = cursor.take(*size);
  if (!packet) return false;
  state_ = on_packet(*packet, reply);
  received_.erase(0, cursor.position());
  return true;
}

Handshake::State Handshake::on_packet(std::string_view packet, std::string& reply) {
  if (name_received_) return on_challenge_reply(packet, reply);
  switch (packet.front()) {
    case 'N':
      return on_name(packet.substr(1), reply);
    case kPortPlease2:
      return on_port_please(packet.substr(1), reply);
    case kNames:
      return on_names(reply);
    default:
      return State::ended;
  }
}

Handshake::State Handshake::on_name(std::string_view packet, std::string& reply) {
  ByteCursor cursor(packet);
  const auto high = cursor.number(4);
  const auto low = cursor.number(4);
  const auto creation = cursor.number(4);
  const auto size = cursor.number(2);
  const auto name = size ? cursor.take(*size) : std::nullopt;
  if (!high || !low || !creation || !name) return State::ended;
  const std::uint64_t flags = (std::uint64_t{*high} << 32U) | *low;
  if (!is_node_name(*name) || *name == self_.name ||
      (flags & dist_flags::kMandatory) != dist_flags::kMandatory) {
    send("snot_allowed", reply);
    return State::ended;
  }
  name_received_ = true;
  peer_ = *name;
  send("sok", reply);
  std::string challenge = "N";
  put_number(challenge, dist_flags::kOffered, 8);
  put_number(challenge, challenge_, 4);
  put_number(challenge, self_.creation, 4);
  put_number(challenge, self_.name.size(), 2);
  send(challenge + self_.name, reply);
  return State::running;
}

Handshake::State Handshake::on_challenge_reply(std::string_view packet, std::string& reply) {
  ByteCursor cursor(packet);
  if (cursor.number(1) != static_cast<unsigned char>('r')) return State::ended;
  const auto challenge = cursor.number(4);
  const auto digest = cursor.take(kDigestSize);
  if (!challenge || !digest ||
      !equal_in_constant_time(*digest, challenge_digest(self_.cookie, challenge_))) {
    return State::ended;
  }
  send("a" + challenge_digest(self_.cookie, *challenge), reply);
  return State::established;
}

// Replies like epmd: without a length, and the caller then closes the connection.
Handshake::State Handshake::on_port_please(std::string_view name, std::string& reply) {
  reply += kPort2Response;
  if (name != self_.alive_name()) {
    reply += '\x01';
    return State::ended;
  }
  reply += '\0';
  put_number(reply, self_.port, 2);
  reply += kHiddenNode;
  reply += '\0';  // TCP
  put_number(reply, kDistVersion, 2);
  put_number(reply, kDistVersion, 2);
  put_number(reply, name.size(), 2);
  reply += name;
  put_number(reply, 0, 2);
  return State::ended;
}

Handshake::State Handshake::on_names(std::string& reply) {
  put_number(reply, self_.port, 4);
  reply +=
      "name " + std::string(self_.alive_name()) + " at port " + std::to_string(self_.port) + "\n";
  return State::ended;
}

void Handshake::send(std::string_view packet, std::string& reply) const {
  put_number(reply, packet.size(), width_);
  reply += packet;
}

}  // namespace lookout
