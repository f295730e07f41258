// Starts a program and lets chosen system calls of it, and of all that it forks, fail.
//
// A seccomp filter (seccomp_unotify(2)) hands each chosen call to a thread of this process, which
// lets the kernel carry it out or answers with an errno instead. All other calls run at full speed.
// What the program executes (the commands of lookout_port) is never hit: only processes that still
// run the program itself, and from its main() on.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct seccomp_notif;

namespace lookout::inject {

// Thrown where this system does not permit the injection; the text says why.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Call {
  int number = 0;  // of the system call
  pid_t thread = 0;
  std::uint64_t arguments[6]{};
};

// Which of the chosen calls fail: the first-th, then each step-th up to the last-th, of those that
// are plausible. They are counted over all processes.
struct Rule {
  std::vector<int> calls;  // empty: all are counted, none fails
  int error = 0;
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  std::uint64_t step = 1;
  // Whether this call could fail with this errno at all; nullptr: each could.
  std::function<bool(const Call&)> plausible = nullptr;
};

class Injector {
 public:
  struct Streams {
    int input;
    int output;
    int errors;
  };

  // Starts the program, whose path is argv[0]. Throws Unavailable.
  Injector(Rule rule, const std::vector<std::string>& argv,
           const std::vector<std::string>& environment, Streams streams);
  // All processes that were started must have ended: what is left would be without a judge.
  ~Injector();
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  pid_t pid() const { return pid_; }

  // From now on nothing fails.
  void disarm() { armed_ = false; }

  std::uint64_t injected() const { return injected_; }
  // How often each system call was made by the program.
  std::map<int, std::uint64_t> counts() const;
  // The first of the calls that failed, one a line.
  std::string log() const;

 private:
  void serve();
  void answer(const seccomp_notif& notification);
  bool fails(const Call& call);
  bool runs_program(pid_t thread) const;
  void note(const Call& call);

  Rule rule_;
  std::string program_;
  pid_t pid_ = -1;
  int listener_ = -1;
  std::atomic<bool> begun_{false};  // main() was reached
  std::atomic<bool> armed_{true};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<std::uint64_t> injected_{0};
  mutable std::mutex mutex_;  // of what follows
  std::map<int, std::uint64_t> counts_;
  std::string log_;
  std::thread server_;
};

// The number of a system call by its name, and back; -1 and "" where there is none.
int call_number(const std::string& name);
std::string call_name(int number);

// What the descriptor of a thread refers to: "pipe:[123]", "anon_inode:[eventfd]", a path.
std::string descriptor_target(pid_t thread, std::uint64_t descriptor);

}  // namespace lookout::inject
