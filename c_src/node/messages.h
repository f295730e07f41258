// The messages that other nodes send to the registered processes of this one. Pure.
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
  // The number, epoch included, of the last batch that the owner has dealt with; 0: none.
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
// Whether the request of a call is {is_auth, Node}, which a ping asks.
bool is_ping(std::string_view request);
// Whether it is this atom.
bool is_atom(std::string_view request, std::string_view name);

// {Tag, Answer}: the answer to a call.
std::string call_answer(const Call& call, std::string_view answer);

}  // namespace lookout
