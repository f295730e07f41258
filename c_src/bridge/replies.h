// The messages of lookout_port, as in docs/protocol.md: one type and one encoder each. Outbox and
// NodeSession call the encoders.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/command_replies.h"
#include "bridge/requests.h"
#include "bridge/term_writer.h"
#include "command/usage.h"
#include "support/error.h"
#include "watch/engine.h"
#include "watch/model/entry.h"

namespace lookout {

inline constexpr std::uint64_t kProtocolVersion = 1;

// The first message; it answers no request.
struct Hello {
  std::string_view version;  // of lookout_port
};

struct Reply {
  std::optional<RequestId> id;  // none if it could not be read
  std::variant<Done, std::uint64_t, EngineInfo, CommandStats, Error>
      outcome;  // :ok, {:ok, seq or process id}, {:ok, map}, error
};

// A part of the list that a request asked for.
struct Entries {
  RequestId id;
  std::vector<Entry> entries;
  bool with_stat;
};

struct EventBatch {
  std::uint64_t seq;
  const std::vector<Event>& events;
};

// The beginning of a named session, or of a new owner's part of it. Over Erlang distribution only.
struct SessionBegin {
  std::uint64_t epoch;
  std::optional<std::uint64_t> resumed;  // after this batch; none: the session is new
};

// The final message before an exit with a non-zero status.
struct Fatal {
  Error error;
};

// Each function writes a whole payload. The transport adds the frame length.
void encode(TermWriter& out, const Hello& hello);
void encode(TermWriter& out, const Reply& reply);
void encode(TermWriter& out, const Entries& chunk);
void encode(TermWriter& out, const EventBatch& batch);
void encode(TermWriter& out, const Notice& notice);
void encode(TermWriter& out, const SessionBegin& begin);
void encode(TermWriter& out, const Fatal& fatal);

}  // namespace lookout
