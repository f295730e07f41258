// lookout_port under an injector, spoken to as an Erlang port would.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "inject/injector.h"
#include "inject/term.h"
#include "mutator/disk.h"

namespace lookout::inject {

// A promise that was broken.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// lookout_port has ended by itself, with an error status and a reason on standard error or in a
// :fatal message. What an owner notices, and so no silence.
struct Ended : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// No measure of speed: what takes so long is taken to hang.
constexpr std::chrono::seconds kHangs{20};

// What waits as long as calls fail over and over may do so: they end after this time, which is
// several times that for which lookout_port tries again.
constexpr std::chrono::seconds kPersistence{4};

class Port {
 public:
  using MessageHandler = std::function<void(const Term&)>;

  // `path` is absolute, without symbolic links. Messages that are no reply go to `handler`.
  Port(const std::string& path, Rule rule, MessageHandler handler);
  // Kills what is left.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // Each throws Ended, or Broken where the end has no reason, or nothing comes for kHangs.
  void await_hello();
  // Sends {name, id | rest}, and returns the reply.
  Term request(const std::string& name, const std::string& elements = "", int count = 0);
  void cast(const std::string& term);
  // Handles messages until the condition holds.
  void await(const std::string& what, const std::function<bool()>& reached);

  // Closes the input; lookout_port must end with this status (128 and a signal), and nothing that
  // it started be left.
  void finish(int status = 0);

  // Something had to wait until the failures were ended.
  bool waited() const { return waited_; }

  std::size_t open_descriptors() const;
  // The children of lookout_port, ended or not.
  std::string children() const;

  pid_t pid() const { return injector_->pid(); }
  Injector& injector() { return *injector_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void handle(const Term& message);
  bool is_over(TimePoint begin);
  std::optional<Term> next_message();
  bool read_some();
  [[noreturn]] void report_end();
  std::string errors();
  int wait_for_end();
  void end_all(bool demand);

  MessageHandler handler_;
  oracle::Descriptor to_;
  oracle::Descriptor from_;
  oracle::Descriptor errors_;
  std::unique_ptr<Injector> injector_;
  std::string received_;
  std::int64_t last_id_ = 0;
  std::optional<Term> reply_;
  bool hello_ = false;
  bool fatal_ = false;
  bool reaped_ = false;
  bool persistent_;  // the failures have no end of their own
  bool waited_ = false;
};

// The processes that descend from this one, with their state and name.
std::string descendants();

}  // namespace lookout::inject
