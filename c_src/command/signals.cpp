#include "command/signals.h"

#include <algorithm>
#include <array>
#include <csignal>

namespace lookout {
namespace {

struct NamedSignal {
  std::string_view name;
  int number;
};

constexpr std::array<NamedSignal, 31> kSignals{{
    {"hup", SIGHUP},   {"int", SIGINT},       {"quit", SIGQUIT}, {"ill", SIGILL},
    {"trap", SIGTRAP}, {"abrt", SIGABRT},     {"bus", SIGBUS},   {"fpe", SIGFPE},
    {"kill", SIGKILL}, {"usr1", SIGUSR1},     {"segv", SIGSEGV}, {"usr2", SIGUSR2},
    {"pipe", SIGPIPE}, {"alrm", SIGALRM},     {"term", SIGTERM}, {"stkflt", SIGSTKFLT},
    {"chld", SIGCHLD}, {"cont", SIGCONT},     {"stop", SIGSTOP}, {"tstp", SIGTSTP},
    {"ttin", SIGTTIN}, {"ttou", SIGTTOU},     {"urg", SIGURG},   {"xcpu", SIGXCPU},
    {"xfsz", SIGXFSZ}, {"vtalrm", SIGVTALRM}, {"prof", SIGPROF}, {"winch", SIGWINCH},
    {"io", SIGIO},     {"pwr", SIGPWR},       {"sys", SIGSYS},
}};

}  // namespace

std::optional<int> signal_number(std::string_view name) {
  const auto* found = std::find_if(kSignals.begin(), kSignals.end(),
                                   [name](const NamedSignal& known) { return known.name == name; });
  if (found == kSignals.end()) return std::nullopt;
  return found->number;
}

std::string signal_name(int number) {
  const auto* found =
      std::find_if(kSignals.begin(), kSignals.end(),
                   [number](const NamedSignal& known) { return known.number == number; });
  if (found != kSignals.end()) return std::string(found->name);
  // The C library reserves the first real-time signals.
  if (number < SIGRTMIN) return "sig" + std::to_string(number);
  return "rtmin_" + std::to_string(number - SIGRTMIN);
}

}  // namespace lookout
