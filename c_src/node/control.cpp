#include "node/control.h"

#include <initializer_list>
#include <optional>

#include "bridge/etf.h"
#include "node/dist_terms.h"

namespace lookout {
namespace {

using namespace control;

constexpr char kPassThrough = 112;  // precedes the terms of each frame

// Operations, the first element of a control message. Those with `Traced` have a token of seq_trace
// as one more element.
enum Operation : std::uint8_t {
  kLink = 1,
  kExit = 3,
  kUnlink = 4,
  kRegSend = 6,
  kExit2 = 8,
  kTracedExit = 13,
  kTracedRegSend = 16,
  kTracedExit2 = 18,
  kMonitor = 19,
  kDemonitor = 20,
  kMonitorExit = 21,
  kUnlinkId = 35,
  kUnlinkIdAck = 36,
  kSend = 2,
  kAliasSend = 33,
};

// A name or a pid.
struct Process {
  std::string_view term;
  std::string_view name;
};

std::optional<Process> read_process(DistReader& reader) {
  DistReader ahead(reader.rest());
  const auto name = ahead.atom();
  const auto term = name ? reader.term() : reader.pid();
  if (!term) return std::nullopt;
  return Process{*term, name.value_or(std::string_view{})};
}

ControlMessage parse_reg_send(DistReader& reader, bool traced, bool cut) {
  const auto from = reader.pid();
  const bool unused = from && reader.term();
  const auto name = unused ? reader.atom() : std::nullopt;
  if (!name || (traced && !reader.term()) || !reader.version()) return Malformed{};
  if (cut) return RegSend{*from, *name, reader.rest()};
  const auto message = reader.term();
  if (!message || !reader.at_end()) return Malformed{};
  return RegSend{*from, *name, *message};
}

ControlMessage parse_monitor(DistReader& reader) {
  const auto from = reader.pid();
  const auto process = from ? read_process(reader) : std::nullopt;
  const auto reference = process ? reader.reference() : std::nullopt;
  if (!reference) return Malformed{};
  return Monitor{*from, process->term, process->name, *reference};
}

ControlMessage parse_demonitor(DistReader& reader) {
  const auto from = reader.pid();
  const auto process = from ? read_process(reader) : std::nullopt;
  const auto reference = process ? reader.reference() : std::nullopt;
  if (!reference) return Malformed{};
  return Demonitor{*from, *reference};
}

ControlMessage parse_monitor_exit(DistReader& reader) {
  const auto process = read_process(reader);
  const bool to = process && reader.pid();
  const auto reference = to ? reader.reference() : std::nullopt;
  if (!reference) return Malformed{};
  return MonitorExit{*reference};
}

template <class Between>
ControlMessage parse_from_to(DistReader& reader) {
  const auto from = reader.pid();
  const auto to = from ? reader.pid() : std::nullopt;
  if (!to) return Malformed{};
  return Between{*from, *to};
}

ControlMessage parse_unlink(DistReader& reader, bool with_id) {
  std::string_view id;
  if (with_id) {
    const auto term = reader.term();
    if (!term) return Malformed{};
    id = *term;
  }
  const auto from = reader.pid();
  const auto to = from ? reader.pid() : std::nullopt;
  if (!to) return Malformed{};
  return Unlink{id, *from, *to};
}

std::string frame(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string bytes;
  put_number(bytes, size, 4);
  for (const std::string_view part : parts) bytes += part;
  return bytes;
}

// The beginning of a control message, its version included.
std::string head(std::uint8_t arity, Operation operation) {
  std::string bytes(1, kPassThrough);
  bytes += static_cast<char>(etf::kVersion);
  put_tuple(bytes, arity);
  put_small(bytes, operation);
  return bytes;
}

std::string atom(std::string_view text) {
  std::string bytes;
  put_atom(bytes, text);
  return bytes;
}

std::string versioned(std::string_view term) {
  std::string bytes(1, static_cast<char>(etf::kVersion));
  bytes += term;
  return bytes;
}

}  // namespace

ControlMessage parse_control_message(std::string_view frame, bool cut) {
  if (frame.empty()) return Tick{};
  if (frame.front() != kPassThrough) return Malformed{};
  DistReader reader(frame.substr(1));
  if (!reader.version()) return Malformed{};
  const auto arity = reader.tuple();
  const auto operation = arity ? reader.natural() : std::nullopt;
  if (!operation) return Malformed{};
  const auto is = [&](std::uint64_t number, std::uint32_t size) {
    return *operation == number && *arity == size;
  };
  if (is(kRegSend, 4)) return parse_reg_send(reader, false, cut);
  if (is(kTracedRegSend, 5)) return parse_reg_send(reader, true, cut);
  if (cut) return Ignored{};
  if (is(kMonitor, 4)) return parse_monitor(reader);
  if (is(kDemonitor, 4)) return parse_demonitor(reader);
  if (is(kMonitorExit, 5)) return parse_monitor_exit(reader);
  if (is(kLink, 3)) return parse_from_to<Link>(reader);
  if (is(kUnlink, 3)) return parse_unlink(reader, false);
  if (is(kUnlinkId, 4)) return parse_unlink(reader, true);
  if (is(kExit, 4) || is(kTracedExit, 5) || is(kExit2, 4) || is(kTracedExit2, 5)) {
    return parse_from_to<Exit>(reader);
  }
  return Ignored{};
}

std::string alias_send_frame(std::string_view from, std::string_view alias,
                             std::string_view message) {
  return frame({head(3, kAliasSend), from, alias, versioned(message)});
}

std::string send_frame(std::string_view to, std::string_view message) {
  return frame({head(3, kSend), atom(""), to, versioned(message)});
}

std::string monitor_frame(std::string_view from, std::string_view to, std::string_view reference) {
  return frame({head(4, kMonitor), from, to, reference});
}

std::string demonitor_frame(std::string_view from, std::string_view to,
                            std::string_view reference) {
  return frame({head(4, kDemonitor), from, to, reference});
}

std::string monitor_exit_frame(std::string_view process, std::string_view to,
                               std::string_view reference, std::string_view reason) {
  return frame({head(5, kMonitorExit), process, to, reference, atom(reason)});
}

std::string exit_frame(std::string_view from, std::string_view to, std::string_view reason) {
  return frame({head(4, kExit), from, to, atom(reason)});
}

std::string unlink_ack_frame(std::string_view id, std::string_view from, std::string_view to) {
  return frame({head(4, kUnlinkIdAck), id, from, to});
}

std::string data_prefix(std::string_view from, std::string_view reference) {
  std::string bytes = head(3, kAliasSend);
  bytes += from;
  bytes += reference;
  bytes += static_cast<char>(etf::kVersion);
  put_tuple(bytes, 2);
  bytes += reference;
  put_tuple(bytes, 2);
  put_atom(bytes, "data");
  return bytes;
}

}  // namespace lookout
