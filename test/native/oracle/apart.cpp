#include "oracle/apart.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "mutator/random.h"

namespace lookout::oracle {
namespace {

constexpr std::array kNumbers{&Outcome::batches, &Outcome::events, &Outcome::rests,
                              &Outcome::overflows, &Outcome::false_reports};
constexpr std::array kTexts{&Outcome::failure, &Outcome::skipped, &Outcome::script};

std::string packed(const Outcome& outcome) {
  std::string text;
  const auto put = [&](std::uint64_t number) {
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  put(outcome.interrupted ? 1 : 0);
  for (const auto number : kNumbers) put(outcome.*number);
  for (const auto part : kTexts) {
    put((outcome.*part).size());
    text += outcome.*part;
  }
  return text;
}

Outcome unpacked(std::string_view text) {
  const auto take = [&] {
    std::uint64_t number = 0;
    if (text.size() < sizeof number) throw std::runtime_error("a trial in a child ended early");
    std::memcpy(&number, text.data(), sizeof number);
    text.remove_prefix(sizeof number);
    return number;
  };
  Outcome outcome;
  outcome.interrupted = take() != 0;
  for (const auto number : kNumbers) outcome.*number = take();
  for (const auto part : kTexts) {
    outcome.*part = text.substr(0, take());
    text.remove_prefix((outcome.*part).size());
  }
  return outcome;
}

bool put(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

// What kept the namespaces from being entered; empty: nothing.
std::string enter(const TrialOptions& options) {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return std::string("no user namespace can be had here: ") + std::strerror(errno);
  if (!put("/proc/self/uid_map", "0 " + user + " 1") || !put("/proc/self/setgroups", "deny") ||
      !put("/proc/self/gid_map", "0 " + group + " 1"))
    return "the user cannot be mapped";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return std::string("the mounts cannot be made private: ") + std::strerror(errno);
  if (options.fault != Fault::watches) return {};
  Random random(options.seed * 16 + 9);
  const char* limit = "/proc/sys/user/max_inotify_watches";
  return put(limit, std::to_string(random.between(10, 60))) ? ""
                                                            : std::string(limit) + " is refused";
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void run_child(const TrialOptions& options, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // it cleans up then
  Outcome outcome;
  outcome.skipped = enter(options);
  if (outcome.skipped.empty()) outcome = run_trial(options);
  write_all(output, packed(outcome));
  ::_exit(0);
}

}  // namespace

bool needs_namespaces(Fault fault) {
  return fault == Fault::watches || fault == Fault::mounts || fault == Fault::lost_roots;
}

Outcome run_trial_apart(const TrialOptions& options) {
  if (!needs_namespaces(options.fault)) return run_trial(options);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) run_child(options, ends[1]);
  ::close(ends[1]);
  std::string text;
  std::array<char, 65536> buffer{};
  for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) != 0;) {
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return unpacked(text);
}

}  // namespace lookout::oracle
