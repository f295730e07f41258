#include "node/messages.h"

#include <cstdint>
#include <limits>

#include "bridge/etf.h"
#include "node/dist_terms.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxSessionName = 255;  // bytes

Message parse_call(DistReader& reader) {
  const bool pair = reader.tuple() == 2U;
  const auto from = pair ? reader.pid() : std::nullopt;
  if (!from) return OtherMessage{};
  const std::uint8_t tag_kind = reader.next_tag();
  DistReader ahead(reader.rest());
  const auto tag = reader.term();
  const auto request = tag ? reader.term() : std::nullopt;
  if (!request) return OtherMessage{};
  const auto alias = tag_kind == etf::kList ? ahead.alias() : std::nullopt;
  return Call{*from, *tag, alias.value_or(std::string_view{}), *request};
}

Message parse_open(DistReader& reader, std::string_view reference) {
  const auto name = reader.binary();
  const auto linger = name ? reader.natural() : std::nullopt;
  const auto last = linger ? reader.natural() : std::nullopt;
  if (!last || name->empty() || name->size() > kMaxSessionName ||
      *linger > std::numeric_limits<std::uint32_t>::max()) {
    return BadOpen{reference};
  }
  return OpenMessage{reference,
                     NamedOpen{std::string(*name), std::chrono::milliseconds(*linger), *last}};
}

Message parse_session(DistReader& reader, std::string_view reference) {
  DistReader ahead(reader.rest());
  if (const auto word = ahead.atom()) {
    if (*word == "open") return OpenMessage{reference, std::nullopt};
    if (*word == "close") return CloseMessage{reference};
    return OtherMessage{};
  }
  const auto arity = reader.tuple();
  const auto word = arity ? reader.atom() : std::nullopt;
  if (word == "command" && *arity == 2) return CommandMessage{reference, reader.rest()};
  if (word != "open") return OtherMessage{};
  return *arity == 4 ? parse_open(reader, reference) : Message(BadOpen{reference});
}

}  // namespace

Message parse_message(std::string_view term) {
  DistReader reader(term);
  const auto arity = reader.tuple();
  if (!arity) return OtherMessage{};
  if (*arity == 3) {
    return reader.atom() == "$gen_call" ? parse_call(reader) : Message(OtherMessage{});
  }
  const auto reference = *arity == 2 ? reader.reference() : std::nullopt;
  return reference ? parse_session(reader, *reference) : Message(OtherMessage{});
}

std::optional<std::string_view> parse_command_beginning(std::string_view term) {
  DistReader reader(term);
  if (reader.tuple() != 2U) return std::nullopt;
  const auto reference = reader.reference();
  if (!reference || reader.tuple() != 2U || reader.atom() != "command") return std::nullopt;
  return reference;
}

bool is_auth_request(std::string_view request) {
  DistReader reader(request);
  return reader.tuple() == 2U && reader.atom() == "is_auth";
}

bool is_atom(std::string_view request, std::string_view name) {
  return DistReader(request).atom() == name;
}

std::string call_answer(const Call& call, std::string_view answer) {
  std::string message;
  put_tuple(message, 2);
  message += call.tag;
  message += answer;
  return message;
}

}  // namespace lookout
