#include "node/dist_terms.h"

#include "bridge/etf.h"

namespace lookout {
namespace {

// Tags that a request does not take and a message of the distribution may have.
constexpr std::uint8_t kNewPort = 89;
constexpr std::uint8_t kNewPid = 88;
constexpr std::uint8_t kNewerReference = 90;
constexpr std::uint8_t kLargeBig = 111;
constexpr std::uint8_t kNewFunction = 112;
constexpr std::uint8_t kExport = 113;
constexpr std::uint8_t kV4Port = 120;

constexpr std::uint32_t kFixedPidBytes = 12;     // id, serial and creation
constexpr std::uint32_t kFixedPortBytes = 8;     // id and creation
constexpr std::uint32_t kFixedV4PortBytes = 12;  // id of 8 bytes, and creation
constexpr std::uint32_t kMaxReferenceWords = 5;

bool is_atom(std::uint8_t tag) {
  return tag == etf::kAtom || tag == etf::kSmallAtom || tag == etf::kAtomUtf8 ||
         tag == etf::kSmallAtomUtf8;
}

// A node name has at most 255 characters. A peer that sends longer pids would be remembered at any
// size.
constexpr std::size_t kMaxIdentifier = 1'100;  // bytes

std::optional<std::string_view> short_enough(std::optional<std::string_view> identifier) {
  return identifier && identifier->size() <= kMaxIdentifier ? identifier : std::nullopt;
}

}  // namespace

std::uint8_t DistReader::next_tag() const {
  return at_end() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes_[cursor_.position()]);
}

bool DistReader::version() {
  return cursor_.number(1) == etf::kVersion;
}

std::optional<std::uint32_t> DistReader::tuple() {
  const auto tag = cursor_.number(1);
  if (tag == etf::kSmallTuple) return cursor_.number(1);
  if (tag == etf::kLargeTuple) return cursor_.number(4);
  return std::nullopt;
}

std::optional<std::string_view> DistReader::atom() {
  const std::uint8_t tag = next_tag();
  if (!is_atom(tag)) return std::nullopt;
  cursor_.take(1);
  const bool is_short = tag == etf::kSmallAtom || tag == etf::kSmallAtomUtf8;
  const auto size = cursor_.number(is_short ? 1 : 2);
  return size ? cursor_.take(*size) : std::nullopt;
}

std::optional<std::string_view> DistReader::term() {
  const std::size_t start = cursor_.position();
  if (!skip()) return std::nullopt;
  return bytes_.substr(start, cursor_.position() - start);
}

std::optional<std::string_view> DistReader::tagged(std::uint8_t tag) {
  return next_tag() == tag ? term() : std::nullopt;
}

std::optional<std::string_view> DistReader::pid() {
  return short_enough(tagged(kNewPid));
}

std::optional<std::string_view> DistReader::reference() {
  return short_enough(tagged(kNewerReference));
}

std::optional<std::string_view> DistReader::binary() {
  if (cursor_.number(1) != etf::kBinary) return std::nullopt;
  const auto size = cursor_.number(4);
  return size ? cursor_.take(*size) : std::nullopt;
}

std::optional<std::uint64_t> DistReader::natural() {
  const auto tag = cursor_.number(1);
  if (tag == etf::kSmallInteger) return cursor_.number(1);
  if (tag == etf::kInteger) {
    const auto value = cursor_.number(4);
    return value && *value <= INT32_MAX ? std::optional<std::uint64_t>(*value) : std::nullopt;
  }
  if (tag != etf::kSmallBig) return std::nullopt;
  const auto size = cursor_.number(1);
  const auto sign = cursor_.number(1);
  if (!size || *size > 8 || sign != 0U) return std::nullopt;
  const auto digits = cursor_.take(*size);
  if (!digits) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = digits->size(); i > 0; --i) {
    value = (value << 8U) | static_cast<unsigned char>((*digits)[i - 1]);
  }
  return value;
}

std::optional<std::string_view> DistReader::alias() {
  if (cursor_.number(1) != etf::kList || cursor_.number(4) != 1U || atom() != "alias") {
    return std::nullopt;
  }
  return reference();
}

// Counts the terms that are missing, instead of descending into each.
bool DistReader::skip() {
  std::uint64_t missing = 1;
  while (missing > 0) {
    const auto inside = skip_one();
    if (!inside) return false;
    missing += *inside - 1;
    if (missing > cursor_.left()) return false;  // a term takes at least a byte
  }
  return true;
}

bool DistReader::skip_bytes(std::optional<std::uint32_t> size) {
  return size && cursor_.take(*size);
}

std::optional<std::uint64_t> DistReader::skip_one() {
  const std::uint8_t tag = next_tag();
  if (is_atom(tag)) return atom() ? std::optional<std::uint64_t>(0) : std::nullopt;
  const auto when = [](bool done) { return done ? std::optional<std::uint64_t>(0) : std::nullopt; };
  const auto times = [](std::optional<std::uint32_t> count, std::uint64_t factor) {
    return count ? std::optional<std::uint64_t>(*count * factor) : std::nullopt;
  };
  if (!cursor_.take(1)) return std::nullopt;
  switch (tag) {
    case etf::kSmallInteger:
      return when(skip_bytes(1));
    case etf::kInteger:
      return when(skip_bytes(4));
    case etf::kNewFloat:
      return when(skip_bytes(8));
    case etf::kNil:
      return 0;
    case etf::kString:
      return when(skip_bytes(cursor_.number(2)));
    case etf::kBinary:
      return when(skip_bytes(cursor_.number(4)));
    case etf::kBitBinary: {
      const auto size = cursor_.number(4);
      return when(skip_bytes(1) && skip_bytes(size));
    }
    case etf::kSmallBig: {
      const auto size = cursor_.number(1);
      return when(skip_bytes(1) && skip_bytes(size));
    }
    case kLargeBig: {
      const auto size = cursor_.number(4);
      return when(skip_bytes(1) && skip_bytes(size));
    }
    case etf::kSmallTuple:
      return times(cursor_.number(1), 1);
    case etf::kLargeTuple:
      return times(cursor_.number(4), 1);
    case etf::kMap:
      return times(cursor_.number(4), 2);
    case etf::kList: {
      const auto count = cursor_.number(4);
      return count ? std::optional<std::uint64_t>(std::uint64_t{*count} + 1) : std::nullopt;
    }
    case kNewPid:
      return when(atom() && skip_bytes(kFixedPidBytes));
    case kNewPort:
      return when(atom() && skip_bytes(kFixedPortBytes));
    case kV4Port:
      return when(atom() && skip_bytes(kFixedV4PortBytes));
    case kNewerReference: {
      const auto words = cursor_.number(2);
      return when(words && *words <= kMaxReferenceWords && atom() &&
                  skip_bytes(4 + 4 * *words));  // the creation and the words
    }
    case kNewFunction: {
      const auto size = cursor_.number(4);  // its own four bytes included
      return when(size && *size >= 4 && skip_bytes(*size - 4));
    }
    case kExport:
      return 3;
    default:
      return std::nullopt;
  }
}

void put_number(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i)
    out += static_cast<char>(value >> (8U * static_cast<unsigned>(i)));
}

void put_tuple(std::string& out, std::uint8_t arity) {
  out += static_cast<char>(etf::kSmallTuple);
  out += static_cast<char>(arity);
}

void put_atom(std::string& out, std::string_view text) {
  out += static_cast<char>(etf::kSmallAtomUtf8);
  out += static_cast<char>(text.size());
  out += text;
}

void put_small(std::string& out, std::uint8_t value) {
  out += static_cast<char>(etf::kSmallInteger);
  out += static_cast<char>(value);
}

void put_pid(std::string& out, std::string_view node, std::uint32_t id, std::uint32_t creation) {
  out += static_cast<char>(kNewPid);
  put_atom(out, node);
  put_number(out, id, 4);
  put_number(out, 0, 4);  // the serial
  put_number(out, creation, 4);
}

void put_reference(std::string& out, std::string_view node, std::uint64_t id,
                   std::uint32_t creation) {
  out += static_cast<char>(kNewerReference);
  put_number(out, 3, 2);
  put_atom(out, node);
  put_number(out, creation, 4);
  put_number(out, id & 0x3ffffU, 4);  // the first word has 18 bits
  put_number(out, (id >> 18U) & 0xffffffffU, 4);
  put_number(out, id >> 50U, 4);
}

}  // namespace lookout
