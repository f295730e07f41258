// The requests to lookout_port, as in docs/protocol.md. Session calls decode_request().
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/command_requests.h"
#include "bridge/request_id.h"
#include "support/error.h"
#include "watch/engine.h"

namespace lookout {

inline constexpr std::size_t kMaxPaths = 4096;          // in one request
inline constexpr std::size_t kMaxPathSize = 64 * 1024;  // bytes
inline constexpr std::size_t kMaxPatterns = 4096;       // in one option
inline constexpr std::size_t kMaxPatternSize = 4096;    // bytes
inline constexpr std::uint64_t kMaxSettle = 3'600'000;  // milliseconds
inline constexpr std::uint64_t kMaxLongestSettle = 86'400'000;
inline constexpr std::uint64_t kMaxAwait = 86'400'000;
inline constexpr std::uint64_t kMinPollInterval = 10;
inline constexpr std::uint64_t kMaxPollInterval = 3'600'000;

struct WatchRequest {
  RequestId id = 0;
  std::vector<std::string> paths;
  WatchOptions options;
  Settings settings;
  std::uint64_t credit = 0;  // batches; Engine::kUnlimited removes the limit
  std::optional<CursorStart> cursor = {};
};

struct UnwatchRequest {
  RequestId id = 0;
  std::string path;
};

struct SyncRequest {
  RequestId id = 0;
};

struct SaveRequest {
  RequestId id = 0;
  std::string name;  // of the snapshot
};

struct ListRequest {
  RequestId id = 0;
  std::optional<std::string> under;
  bool with_stat = false;
};

struct InfoRequest {
  RequestId id = 0;
};

struct PingRequest {
  RequestId id = 0;
};

struct CreditRequest {
  std::uint64_t batches = 0;  // Engine::kUnlimited removes the limit
};

using Request =
    std::variant<WatchRequest, UnwatchRequest, SyncRequest, SaveRequest, ListRequest, InfoRequest,
                 PingRequest, CreditRequest, SpawnRequest, InputRequest, CloseInputRequest,
                 SignalRequest, StopRequest, ResizeRequest, StatsRequest, ReadRequest>;

// A payload that is not a request. The reason is `bad_term` if it is not an accepted term, else
// `bad_request` with a detail of what was expected and what was found.
struct RefusedRequest {
  std::optional<RequestId> id;  // none if it could not be read
  Error error;
};

// Decodes the payload of a frame. Safe for hostile bytes. Paths are returned without empty
// components, `.` components and a slash at the end.
std::variant<Request, RefusedRequest> decode_request(std::string_view payload);

}  // namespace lookout
