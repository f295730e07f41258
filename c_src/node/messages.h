// The messages that processes of other nodes send to the registered names `net_kernel` and
// `lookout`: requests of GenServer.call, and the messages that open, use and close a session. Node
// calls parse_message() for each REG_SEND. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace lookout {

// What a named session is opened with.
struct NamedOpen {
  std::string name;
  std::chrono::milliseconds linger{};
  // The number, epoch included, of the last batch that the owner has processed; 0: none.
  std::uint64_t last_batch = 0;
};

// A GenServer.call. All fields are encoded terms.
struct Call {
  std::string_view from;   // a pid
  std::string_view tag;    // comes back with the answer
  std::string_view alias;  // a reference to which the answer goes; empty: to the pid
  std::string_view request;
};

// {Reference, open} and {Reference, {open, Name, Linger, LastBatch}}.
struct OpenMessage {
  std::string_view reference;
  std::optional<NamedOpen> named;
};

// {Reference, {open, ...}} with other elements than it must have.
struct BadOpen {
  std::string_view reference;
};

// {Reference, {command, Request}}.
struct CommandMessage {
  std::string_view reference;
  std::string_view request;
};

// {Reference, close}.
struct CloseMessage {
  std::string_view reference;
};

struct OtherMessage {};

using Message =
    std::variant<Call, OpenMessage, BadOpen, CommandMessage, CloseMessage, OtherMessage>;

// `term` is one whole term, without the version byte.
Message parse_message(std::string_view term);
// The reference of {Reference, {command, ...}}, of which only the beginning is there.
std::optional<std::string_view> parse_command_beginning(std::string_view term);
// Whether the request of a call is {is_auth, Node}, which net_adm:ping/1 sends to `net_kernel`.
bool is_auth_request(std::string_view request);
// Whether it is this atom.
bool is_atom(std::string_view request, std::string_view name);

// {Tag, Answer}: the answer to a call.
std::string call_answer(const Call& call, std::string_view answer);

}  // namespace lookout
