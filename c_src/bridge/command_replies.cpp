#include "bridge/command_replies.h"

#include "command/signals.h"

namespace lookout {
namespace {

void put_begin(TermWriter& out, std::string_view name) {
  out.begin();
  out.tuple(2);
  out.atom(name);
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
  put_begin(out, "exit");
  if (exit.status.signal == 0) {
    out.natural(static_cast<std::uint64_t>(exit.status.code));
    return;
  }
  out.tuple(3);
  out.atom("signal");
  out.atom(signal_name(exit.status.signal));
  out.natural(static_cast<std::uint64_t>(exit.status.signal));
}

}  // namespace lookout
