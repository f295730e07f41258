// The requests about a command, as in docs/protocol.md. decode_request() calls the functions;
// Session handles the requests.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "bridge/request_fields.h"
#include "bridge/request_id.h"
#include "command/launch_spec.h"

namespace lookout {

inline constexpr std::size_t kMaxArguments = 65'536;  // in one request; same limit for variables
inline constexpr std::uint64_t kMaxWait = 3'600'000;  // milliseconds, for linger and grace
inline constexpr std::uint64_t kUnlimitedBytes = std::numeric_limits<std::uint64_t>::max();

struct SpawnRequest {
  RequestId id = 0;
  LaunchSpec spec;
  std::uint64_t credit = 0;  // bytes, for each stream
};

struct InputRequest {
  std::string bytes;
};

struct CloseInputRequest {
  RequestId id = 0;
};

struct SignalRequest {
  RequestId id = 0;
  int number = 0;
};

struct StopRequest {
  RequestId id = 0;
  std::chrono::milliseconds grace{};
};

struct ResizeRequest {
  RequestId id = 0;
  WindowSize size;
};

struct StatsRequest {
  RequestId id = 0;
};

struct ReadRequest {
  OutputStreamName stream{};
  std::uint64_t bytes = 0;  // kUnlimitedBytes removes the limit
};

// Each function reads the fields after the name and the id. It returns nothing after a refusal.
std::optional<SpawnRequest> read_spawn(Fields& fields, RequestId id);
std::optional<InputRequest> read_input(Fields& fields);
std::optional<SignalRequest> read_signal(Fields& fields, RequestId id);
std::optional<StopRequest> read_stop(Fields& fields, RequestId id);
std::optional<ResizeRequest> read_resize(Fields& fields, RequestId id);
std::optional<ReadRequest> read_read(Fields& fields);

}  // namespace lookout
