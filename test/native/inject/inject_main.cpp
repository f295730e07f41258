// lookout_inject: lets the system calls of lookout_port fail, one after the other. Exit status 0
// when every trial passed, 1 when one failed (it says what failed and how to repeat it), 2 where
// the arguments are wrong, 3 where this system does not permit the injection.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "inject/errnos.h"
#include "inject/trial.h"

namespace {

using namespace lookout::inject;

constexpr const char* kUsage =
    "usage: lookout_inject --port LOOKOUT_PORT [--quick] [--jobs N] [--dir D] [--backend B]\n"
    "                      [--rule FIRST LAST STEP ERRNO] [watch|command|ended|killed|SYSCALL]...\n"
    "  --quick   the first call, and each third, with one errno\n"
    "  --rule    only this: each STEP-th of the calls from FIRST to LAST fails with this number\n"
    "  SYSCALL   these only; \"memory\" is all calls by which malloc gets some\n";

constexpr std::uint64_t kForEver = UINT64_MAX;
constexpr std::uint64_t kSingles = 50;
constexpr int kMaxFailures = 3;  // of one task; then it ends

struct Settings {
  TrialOptions trial;
  bool quick = false;
  std::size_t jobs = 1;
  std::vector<Rule> rules;  // one, or none
  std::vector<Work> works;
  std::vector<std::string> calls;
};

// All trials of one system call with one errno.
struct Task {
  Work work;
  std::string name;
  std::vector<int> calls;
  int error;
};

const std::map<std::string, Work>& works() {
  static const std::map<std::string, Work> all{{"watch", Work::watch},
                                               {"command", Work::command},
                                               {"ended", Work::ended},
                                               {"killed", Work::killed}};
  return all;
}

std::string name_of(Work work) {
  for (const auto& [name, each] : works()) {
    if (each == work) return name;
  }
  return "";
}

Settings parse(int argc, char** argv) {
  Settings settings;
  int at = 1;
  auto text = [&]() -> std::string {
    if (at >= argc) throw std::runtime_error("a value is missing");
    return argv[at++];
  };
  while (at < argc) {
    const std::string word = text();
    if (word == "--port") {
      settings.trial.port = std::filesystem::canonical(text());
    } else if (word == "--quick") {
      settings.quick = true;
    } else if (word == "--jobs") {
      settings.jobs = std::stoull(text());
    } else if (word == "--dir") {
      settings.trial.directory = text();
    } else if (word == "--backend") {
      settings.trial.backend = text();
    } else if (word == "--rule") {
      Rule rule;
      rule.first = std::stoull(text());
      rule.last = std::stoull(text());
      rule.step = std::stoull(text());
      rule.error = std::stoi(text());
      settings.rules.push_back(rule);
    } else if (works().contains(word)) {
      settings.works.push_back(works().at(word));
    } else if (word == "memory" || call_number(word) >= 0) {
      settings.calls.push_back(word);
    } else {
      throw std::runtime_error("unknown argument " + word);
    }
  }
  if (settings.trial.port.empty()) throw std::runtime_error("--port is missing");
  if (settings.works.empty()) {
    for (const auto& [name, work] : works()) settings.works.push_back(work);
  }
  return settings;
}

bool is_wanted(const Settings& settings, const std::string& call) {
#ifdef LOOKOUT_INJECT_SANITIZED
  // The sanitizers give up without memory, and use pipes to find out what may be read.
  for (const char* own :
       {"brk", "mmap", "mremap", "mprotect", "munmap", "madvise", "memory", "pipe2"}) {
    if (call == own) return false;
  }
#endif
  return settings.calls.empty() ||
         std::find(settings.calls.begin(), settings.calls.end(), call) != settings.calls.end();
}

// The calls that lookout_port makes, counted in a run without failures.
std::vector<Task> tasks_of(const Settings& settings, Work work) {
  TrialOptions trial = settings.trial;
  trial.work = work;
  const Outcome outcome = run_trial(trial);
  if (!outcome.failure.empty()) {
    std::printf("FAILED: %s without any failure: %s\n", name_of(work).c_str(),
                outcome.failure.c_str());
    std::exit(1);
  }
  std::vector<Task> tasks;
  std::string sound;
  for (const auto& [number, count] : outcome.counts) {
    const std::string name = call_name(number);
    const std::vector<int> errors = plausible_errors(name, work == Work::watch);
    if (errors.empty()) sound += ' ' + name;
    if (!is_wanted(settings, name)) continue;
    for (const int error : errors) {
      tasks.push_back({work, name, {number}, error});
      if (settings.quick) break;
    }
  }
  if (is_wanted(settings, "memory")) {
    tasks.push_back({work, "memory", {SYS_brk, SYS_mmap, SYS_mremap}, ENOMEM});
  }
  std::printf("%s: %zu calls; these cannot fail:%s\n", name_of(work).c_str(), outcome.counts.size(),
              sound.c_str());
  return tasks;
}

// Waiting for a call that never succeeds would have no end.
bool may_always_fail(int error) {
  return error != EINTR && error != EAGAIN;
}

std::vector<Rule> rules_of(const Settings& settings, const Task& task) {
  if (!settings.rules.empty()) return settings.rules;
  std::vector<Rule> rules;
  const auto add = [&](std::uint64_t first, std::uint64_t last, std::uint64_t step) {
    rules.push_back({{}, 0, first, last, step, nullptr});
  };
  const std::uint64_t length = task.calls.size() > 1 ? 10 : 1;  // malloc tries more than one way
  for (std::uint64_t n = 1; n <= kSingles; ++n) {
    if (!settings.quick || n == 1) add(n, n + length - 1, 1);
  }
  add(1, kForEver, 3);
  if (settings.quick) return rules;
  if (may_always_fail(task.error)) add(1, kForEver, 1);
  add(2, kForEver, 2);
  add(10, kForEver, 7);
  add(25, kForEver, 50);
  return rules;
}

std::string again(const Settings& settings, const Task& task, const Rule& rule) {
  return "lookout_inject --port " + settings.trial.port + " --rule " + std::to_string(rule.first) +
         ' ' + std::to_string(rule.last) + ' ' + std::to_string(rule.step) + ' ' +
         std::to_string(rule.error) + ' ' + name_of(task.work) + ' ' + task.name;
}

// In a process of its own. The number of trials that failed.
int run(const Settings& settings, const Task& task) {
  std::map<std::string, int> seen;
  int trials = 0;
  int failed = 0;
  for (Rule rule : rules_of(settings, task)) {
    rule.calls = task.calls;
    rule.error = task.error;
    rule.plausible = [error = task.error](const Call& call) { return is_plausible(call, error); };
    TrialOptions trial = settings.trial;
    trial.work = task.work;
    trial.rule = rule;
    trial.seed = rule.first + rule.step;
    const Outcome outcome = run_trial(trial);
    if (outcome.injected == 0 && outcome.failure.empty()) {
      if (rule.step == 1 && rule.last != kForEver) continue;  // so often it was not called
      break;
    }
    ++trials;
    ++seen[outcome.failure.empty() ? outcome.seen.substr(0, 100) : "FAILED"];
    if (outcome.failure.empty()) continue;
    std::printf("FAILED: %s %s %s\n  %s  Again: %s\n", name_of(task.work).c_str(),
                task.name.c_str(), strerrorname_np(task.error), outcome.failure.c_str(),
                again(settings, task, rule).c_str());
    if (++failed >= kMaxFailures) break;
  }
  std::printf("%s %s %s: %d trials\n", name_of(task.work).c_str(), task.name.c_str(),
              strerrorname_np(task.error), trials);
  for (const auto& [what, count] : seen) {
    std::string line = what.substr(0, what.find('\n'));
    std::printf("    %4d %s\n", count, line.c_str());
  }
  std::fflush(stdout);
  return failed;
}

pid_t start(const Settings& settings, const Task& task) {
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  int failed = 1;
  try {
    failed = run(settings, task);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s %s: %s\n", name_of(task.work).c_str(), task.name.c_str(), error.what());
  }
  std::fflush(stdout);
  ::_exit(failed == 0 ? 0 : 1);
}

// The number of tasks that failed.
std::size_t run_all(const Settings& settings, const std::vector<Task>& tasks) {
  std::size_t failed = 0;
  std::size_t running = 0;
  const auto await_one = [&] {
    int status = 0;
    ::waitpid(-1, &status, 0);
    --running;
    if (status != 0) ++failed;
  };
  for (const Task& task : tasks) {
    while (running >= settings.jobs) await_one();
    start(settings, task);
    ++running;
  }
  while (running > 0) await_one();
  return failed;
}

}  // namespace

int main(int argc, char** argv) try {
  const Settings settings = parse(argc, argv);
  std::vector<Task> tasks;
  for (const Work work : settings.works) {
    for (Task& task : tasks_of(settings, work)) tasks.push_back(std::move(task));
  }
  const std::size_t failed = run_all(settings, tasks);
  std::printf("%zu system calls and errors, %zu failed\n", tasks.size(), failed);
  return failed == 0 ? 0 : 1;
} catch (const Unavailable& reason) {
  std::fprintf(stderr, "lookout_inject: cannot inject here: %s\n", reason.what());
  return 3;
} catch (const std::exception& error) {
  std::fprintf(stderr, "lookout_inject: %s\n%s", error.what(), kUsage);
  return 2;
}
