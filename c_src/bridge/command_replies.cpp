#include "bridge/command_replies.h"

#include "command/signals.h"

namespace lookout {
namespace {

void put_begin(TermWriter& out, std::string_view name) {
  out.begin();
  out.tuple(2);
  out.atom(name);
}

void put_status(TermWriter& out, const ExitStatus& status) {
  if (status.signal == 0) return out.natural(static_cast<std::uint64_t>(status.code));
  out.tuple(3);
  out.atom("signal");
  out.atom(signal_name(status.signal));
  out.natural(static_cast<std::uint64_t>(status.signal));
}

// [killed: true]
void put_killed(TermWriter& out) {
  out.list(1);
  out.tuple(2);
  out.atom("killed");
  out.atom("true");
  out.empty_list();
}

}  // namespace

void encode(TermWriter& out, const CommandOutput& output) {
  put_begin(out, output.stream == OutputStreamName::output ? "stdout" : "stderr");
  out.binary(output.bytes);
}

void encode(TermWriter& out, const InputTaken& taken) {
  put_begin(out, "stdin_taken");
  out.natural(taken.bytes);
}

void encode(TermWriter& out, const InputBroken& /*broken*/) {
  put_begin(out, "stdin_closed");
  out.atom("epipe");
}

void encode(TermWriter& out, const CommandExit& exit) {
  out.begin();
  out.tuple(exit.killed ? 3 : 2);
  out.atom("exit");
  put_status(out, exit.status);
  if (exit.killed) put_killed(out);
}

}  // namespace lookout
