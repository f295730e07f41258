// Messages of lookout_port about a command, apart from replies, as in docs/protocol.md.
// ProcessCommanding sends them through Outbox, which calls the encoders.
#pragma once

#include <cstddef>
#include <string_view>

#include "bridge/term_writer.h"
#include "command/launch_spec.h"

namespace lookout {

struct CommandOutput {
  OutputStreamName stream;
  std::string_view bytes;
};

// The command has taken this many bytes of its input.
struct InputTaken {
  std::size_t bytes;
};

struct InputBroken {};

struct CommandExit {
  ExitStatus status;
  bool killed = false;
};

void encode(TermWriter& out, const CommandOutput& output);
void encode(TermWriter& out, const InputTaken& taken);
void encode(TermWriter& out, const InputBroken& broken);
void encode(TermWriter& out, const CommandExit& exit);

}  // namespace lookout
