// Reads and writes the terms of Erlang's distribution protocol without decoding them: pids and
// references are copied as the bytes that came. Bytes in, bytes out: makes no system call. The
// classes of node/ call it.
//
// The tags: https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/byte_cursor.h"

namespace lookout {

// Reads terms one after another from untrusted bytes, without recursion. Each function returns
// nothing if another term, or none, comes next; then the reader must not be used any more.
class DistReader {
 public:
  explicit DistReader(std::string_view bytes) : bytes_(bytes), cursor_(bytes) {}

  bool version();                               // the version byte 131
  std::optional<std::uint32_t> tuple();         // the arity; the elements follow
  std::optional<std::string_view> atom();       // the characters as they are encoded
  std::optional<std::string_view> term();       // any term, as bytes
  std::optional<std::string_view> pid();        // a pid, as bytes
  std::optional<std::string_view> reference();  // a reference, as bytes
  std::optional<std::string_view> binary();     // the content
  std::optional<std::uint64_t> natural();       // 0 to 2^64-1
  // The reference of a list [alias | Reference], as bytes.
  std::optional<std::string_view> alias();

  std::uint8_t next_tag() const;  // 0 at the end
  std::string_view rest() const { return bytes_.substr(cursor_.position()); }
  bool at_end() const { return cursor_.left() == 0; }

 private:
  bool skip();
  std::optional<std::uint64_t> skip_one();  // returns how many terms must follow inside of it
  bool skip_bytes(std::optional<std::uint32_t> size);
  std::optional<std::string_view> tagged(std::uint8_t tag);

  std::string_view bytes_;
  ByteCursor cursor_;
};

// Append an encoded element. A tuple has at most 255 elements, an atom at most 255 bytes.
void put_number(std::string& out, std::uint64_t value, int bytes);  // big-endian
void put_tuple(std::string& out, std::uint8_t arity);
void put_atom(std::string& out, std::string_view text);
void put_small(std::string& out, std::uint8_t value);
void put_pid(std::string& out, std::string_view node, std::uint32_t id, std::uint32_t creation);
void put_reference(std::string& out, std::string_view node, std::uint64_t id,
                   std::uint32_t creation);

}  // namespace lookout
