// The accepting side of Erlang's distribution handshake, version 6 (OTP 23 and later), and the
// replies to epmd's requests PORT_PLEASE2 and NAMES, which have the same framing. Connection owns
// it, and passes it the bytes that it receives. Makes no system call.
//
// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lookout {

// How epmd knows this node: as a hidden node (node type 72), with this version of the distribution
// protocol.
inline constexpr char kHiddenNode = 72;
inline constexpr std::uint16_t kDistVersion = 6;

// The largest packet that is taken before the peer is authenticated, in bytes.
inline constexpr std::size_t kMaxHandshakePacket = 272;

// This node, as its peers see it.
struct NodeIdentity {
  std::string name;  // NAME@HOST
  std::string cookie;
  std::uint32_t creation = 0;
  std::uint16_t port = 0;  // where it listens

  // The part of the name before the @.
  std::string_view alive_name() const { return std::string_view(name).substr(0, name.find('@')); }
};

class Handshake {
 public:
  enum class State {
    running,      // more bytes are needed
    established,  // the peer knows the cookie; rest() belongs to the connection
    ended,        // the reply is the last; close
  };

  // `challenge` must be unpredictable. `self` must outlive the handshake.
  Handshake(const NodeIdentity& self, std::uint32_t challenge)
      : self_(self), challenge_(challenge) {}

  // Takes bytes from the peer and appends what must be sent to `reply`.
  State take(std::string_view bytes, std::string& reply);

  State state() const { return state_; }
  const std::string& peer() const { return peer_; }  // its name
  std::string_view rest() const { return received_; }

 private:
  bool take_packet(std::string& reply);
  State on_packet(std::string_view packet, std::string& reply);
  State on_name(std::string_view packet, std::string& reply);
  State on_challenge_reply(std::string_view packet, std::string& reply);
  State on_port_please(std::string_view name, std::string& reply);
  State on_names(std::string& reply);
  void send(std::string_view packet, std::string& reply) const;

  const NodeIdentity& self_;
  std::uint32_t challenge_;
  State state_ = State::running;
  std::string received_;
  int width_ = 0;  // bytes of a packet's length: 2 or 4; 0: not known yet
  bool name_received_ = false;
  std::string peer_;
};

// The answer to a challenge: MD5 of the cookie and the challenge in decimal.
std::string challenge_digest(std::string_view cookie, std::uint32_t challenge);

}  // namespace lookout
