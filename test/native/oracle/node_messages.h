// The messages of a session of a node, decoded, and requests to it, encoded: the other side of
// bridge/replies.h and bridge/requests.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/replies.h"
#include "bridge/requests.h"

namespace lookout::oracle {

struct HelloMessage {};

struct BatchMessage {
  std::uint64_t seq;
  std::vector<Event> events;
};

using NodeMessage =
    std::variant<HelloMessage, SessionBegin, Reply, Entries, BatchMessage, Notice, Fatal>;

// `term` is without its version byte. Throws Broken where it is none of these.
NodeMessage decode_message(std::string_view term);

// Terms without their version byte.
std::string encode_request(const WatchRequest& request);
std::string encode_request(const UnwatchRequest& request);
std::string encode_request(const SyncRequest& request);
std::string encode_request(const ListRequest& request);
std::string encode_request(const InfoRequest& request);
std::string encode_request(const PingRequest& request);
std::string encode_request(const CreditRequest& request);

}  // namespace lookout::oracle
