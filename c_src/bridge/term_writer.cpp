#include "bridge/term_writer.h"

#include <ei.h>

#include <stdexcept>

#include "bridge/ei_library.h"

namespace lookout {
namespace {

constexpr std::size_t kFirstSize = 4096;
// A buffer with a larger size is freed when the next term begins.
constexpr std::size_t kKeptSize = std::size_t{1024} * 1024;
// The largest encoding of any element in bytes, for atoms and binaries without their content.
constexpr std::size_t kMaxHead = 16;

// ei's encoders fail only for values that cannot be encoded, such as an atom that is too long.
void throw_if_refused(int status) {
  if (status != 0) throw std::length_error("a term that ei cannot encode");
}

}  // namespace

TermWriter::TermWriter() : buffer_(kFirstSize) {
  ensure_ei();
}

// Makes room for the head of an element and `bytes` more bytes, because ei's encoders do not check
// bounds. Returns the start of the buffer: the encoders add index_ to it.
char* TermWriter::room(std::size_t bytes) {
  const std::size_t needed = static_cast<std::size_t>(index_) + kMaxHead + bytes;
  if (needed > buffer_.size()) buffer_.resize(needed * 2);
  return buffer_.data();
}

void TermWriter::begin() {
  if (buffer_.size() > kKeptSize) std::vector<char>(kFirstSize).swap(buffer_);
  index_ = 0;
  throw_if_refused(ei_encode_version(room(0), &index_));
}

void TermWriter::tuple(std::size_t arity) {
  throw_if_refused(ei_encode_tuple_header(room(0), &index_, static_cast<int>(arity)));
}

void TermWriter::map(std::size_t pairs) {
  throw_if_refused(ei_encode_map_header(room(0), &index_, static_cast<int>(pairs)));
}

void TermWriter::list(std::size_t size) {
  throw_if_refused(ei_encode_list_header(room(0), &index_, static_cast<int>(size)));
}

void TermWriter::empty_list() {
  throw_if_refused(ei_encode_empty_list(room(0), &index_));
}

void TermWriter::atom(std::string_view utf8) {
  throw_if_refused(ei_encode_atom_len_as(room(utf8.size()), &index_, utf8.data(),
                                         static_cast<int>(utf8.size()), ERLANG_UTF8, ERLANG_UTF8));
}

void TermWriter::binary(std::string_view bytes) {
  throw_if_refused(
      ei_encode_binary(room(bytes.size()), &index_, bytes.data(), static_cast<long>(bytes.size())));
}

void TermWriter::natural(std::uint64_t value) {
  throw_if_refused(ei_encode_ulonglong(room(0), &index_, value));
}

void TermWriter::integer(std::int64_t value) {
  throw_if_refused(ei_encode_longlong(room(0), &index_, value));
}

std::string_view TermWriter::bytes() const {
  return {buffer_.data(), static_cast<std::size_t>(index_)};
}

}  // namespace lookout
