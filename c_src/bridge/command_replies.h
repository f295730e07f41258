// What the program says of a command unasked, as docs/protocol.md says it.
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

// So many bytes of its input have been taken by the command.
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
