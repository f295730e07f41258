#include "bridge/term_writer.h"

#include <ei.h>

#include <new>

#include "bridge/ei_library.h"

namespace lookout {
namespace {

// Memory that a large term has taken is given back when the next one begins.
constexpr int kKeptSize = 1024 * 1024;

// ei's encoders fail only where they get no memory.
void check(int status) {
  if (status != 0) throw std::bad_alloc();
}

}  // namespace

struct TermWriter::Buffer {
  Buffer() { check(ei_x_new(&x)); }
  ~Buffer() { ei_x_free(&x); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  ei_x_buff x{};
};

TermWriter::TermWriter() {
  ensure_ei();
  buffer_ = std::make_unique<Buffer>();
}

TermWriter::~TermWriter() = default;

void TermWriter::begin() {
  if (buffer_->x.buffsz > kKeptSize) buffer_ = std::make_unique<Buffer>();
  buffer_->x.index = 0;
  check(ei_x_encode_version(&buffer_->x));
}

void TermWriter::tuple(std::size_t arity) {
  check(ei_x_encode_tuple_header(&buffer_->x, static_cast<long>(arity)));
}

void TermWriter::map(std::size_t pairs) {
  check(ei_x_encode_map_header(&buffer_->x, static_cast<long>(pairs)));
}

void TermWriter::list(std::size_t size) {
  check(ei_x_encode_list_header(&buffer_->x, static_cast<long>(size)));
}

void TermWriter::empty_list() {
  check(ei_x_encode_empty_list(&buffer_->x));
}

void TermWriter::atom(std::string_view utf8) {
  check(ei_x_encode_atom_len_as(&buffer_->x, utf8.data(), static_cast<int>(utf8.size()),
                                ERLANG_UTF8, ERLANG_UTF8));
}

void TermWriter::binary(std::string_view bytes) {
  check(ei_x_encode_binary(&buffer_->x, bytes.data(), static_cast<int>(bytes.size())));
}

void TermWriter::natural(std::uint64_t value) {
  check(ei_x_encode_ulonglong(&buffer_->x, value));
}

void TermWriter::integer(std::int64_t value) {
  check(ei_x_encode_longlong(&buffer_->x, value));
}

std::string_view TermWriter::bytes() const {
  return {buffer_->x.buff, static_cast<std::size_t>(buffer_->x.index)};
}

}  // namespace lookout
