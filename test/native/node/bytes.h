// Bytes of the distribution protocol, written out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node/dist_flags.h"
#include "node/dist_terms.h"
#include "node/handshake.h"

namespace lookout::node_bytes {

inline NodeIdentity watch_node() {
  return {"watch@storage", "secret", 0x11223344, 4370};
}

// A packet of the handshake, with its length.
inline std::string packet(std::string_view content, int width = 2) {
  std::string bytes;
  put_number(bytes, content.size(), width);
  bytes += content;
  return bytes;
}

inline std::string name_packet(std::string_view name, std::uint64_t flags = dist_flags::kOffered) {
  std::string content = "N";
  put_number(content, flags, 8);
  put_number(content, 7, 4);
  put_number(content, name.size(), 2);
  return content + std::string(name);
}

inline std::string challenge_reply(std::uint32_t challenge, std::string_view digest) {
  std::string content = "r";
  put_number(content, challenge, 4);
  return content + std::string(digest);
}

inline std::string atom(std::string_view text) {
  std::string bytes;
  put_atom(bytes, text);
  return bytes;
}

inline std::string pid(std::string_view node, std::uint32_t id) {
  std::string bytes;
  put_pid(bytes, node, id, 1);
  return bytes;
}

inline std::string reference(std::uint64_t id) {
  std::string bytes;
  put_reference(bytes, "app@host", id, 1);
  return bytes;
}

inline std::string tuple(std::initializer_list<std::string> elements) {
  std::string bytes;
  put_tuple(bytes, static_cast<std::uint8_t>(elements.size()));
  for (const std::string& element : elements) bytes += element;
  return bytes;
}

inline std::string small(std::uint8_t value) {
  std::string bytes;
  put_small(bytes, value);
  return bytes;
}

inline std::string binary(std::string_view content) {
  std::string bytes = "\x6d";
  put_number(bytes, content.size(), 4);
  return bytes + std::string(content);
}

// A frame without its length: a control message, and a message where there is one.
inline std::string frame(const std::string& control, const std::string& message = "") {
  return "p\x83" + control + (message.empty() ? "" : "\x83" + message);
}

}  // namespace lookout::node_bytes
