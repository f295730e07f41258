#include "inject/watch_script.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bridge/etf_builder.h"
#include "inject/port.h"
#include "inject/workspace.h"
#include "mutator/mutator.h"
#include "oracle/judgement.h"
#include "oracle/mirror.h"

namespace lookout::inject {
namespace {

using namespace oracle;

constexpr int kTries = 4;              // of a request, until the failures end
constexpr std::size_t kInterval = 40;  // operations between two rests
constexpr int kFailingRests = 3;       // with failures; then they end
constexpr std::chrono::milliseconds kRecovery{1000};
// After changes a few timers follow, the last one within two seconds.
constexpr std::chrono::milliseconds kIdle{1000};
constexpr int kMaxIdleWindows = 10;

// The mutator, in a thread: what is a process here belongs to lookout_port.
class Changes {
 public:
  Changes(const std::string& workspace, std::uint64_t seed) {
    std::array<int, 2> go{};
    std::array<int, 2> words{};
    if (::pipe2(go.data(), O_CLOEXEC) != 0 || ::pipe2(words.data(), O_CLOEXEC) != 0) {
      throw Unavailable("no pipe");
    }
    go_ = Descriptor(go[1]);
    words_ = Descriptor(words[0]);
    MutatorOptions options;
    options.workspace = workspace;
    options.generator.seed = seed;
    options.generator.roots = 2;
    options.operations = (kFailingRests + 2) * kInterval;
    options.shortest = options.longest = kInterval;
    thread_ = std::thread([options, input = go[0], output = words[1]] {
      run_mutator(options, input, output);
      ::close(input);
      ::close(output);
    });
  }
  ~Changes() {
    go_.close();
    thread_.join();
  }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // False when all is done.
  bool await_rest() {
    std::string word;
    for (char c = 0; ::read(words_.get(), &c, 1) == 1 && c != '\n';) word += c;
    return word == "ready" || word == "rest";
  }
  void go_on() {
    if (::write(go_.get(), "go\n", 3) != 3) throw Unavailable("the mutator is gone");
  }

 private:
  Descriptor go_;
  Descriptor words_;
  std::thread thread_;
};

EntryType type_of(const Term& term) {
  for (const EntryType type :
       {EntryType::file, EntryType::directory, EntryType::symlink, EntryType::other}) {
    if (term.is_atom(type_name(type))) return type;
  }
  throw BadTerm("no type: " + print(term));
}

Event event_of(const Term& term) {
  const std::array<std::string, 5> changes{"created", "modified", "attributes", "deleted",
                                           "renamed"};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (!term.is_tuple(changes.at(i))) continue;
    const auto change = static_cast<Change>(i);
    return {change, type_of(term.at(1)), term.at(2).text,
            change == Change::renamed ? term.at(3).text : ""};
  }
  throw BadTerm("no event: " + print(term));
}

class WatchScript : public Script {
 public:
  explicit WatchScript(const TrialOptions& options)
      : options_(options),
        workspace_(options.directory),
        roots_{workspace_.path() + "/r0", workspace_.path() + "/r1"} {}

  void on_message(const Term& message) override {
    if (message.is_tuple("events")) return on_events(message);
    if (message.is_tuple("entries")) return on_entries(message);
    say(message);
    if (message.is_tuple("notice") && message.at(1).is_tuple("watch_limit")) polled_ = true;
  }

  void run(Port& port) override {
    port.await_hello();
    Changes changes(workspace_.path(), options_.seed);
    changes.await_rest();
    start(port);
    changes.go_on();
    for (int rest = 1; changes.await_rest(); ++rest) {
      if (rest == kFailingRests) {
        port.injector().disarm();
        recover(port);
      } else if (sync(port) && (said().empty() || rest > kFailingRests)) {
        judge_now(rest > kFailingRests && polled_ ? Recall::none : Recall::strict);
      }
      changes.go_on();
    }
    if (options_.rule.calls.empty() && options_.backend != "poll") expect_rest(port);
    port.finish();
  }

 private:
  // Until it succeeds: as long as calls fail it may have an error.
  Term insist(Port& port, const std::string& name, const std::string& elements, int count) {
    for (int tries = 1;; ++tries) {
      Term reply = port.request(name, elements, count);
      if (!reply.is_tuple("error")) return reply;
      if (tries > kTries) throw Broken(name + " still fails: " + print(reply));
      if (port.injector().injected() == 0) throw Broken(name + " fails: " + print(reply));
      say(reply);
      listed_.clear();
      if (tries == kTries) port.injector().disarm();
    }
  }

  void start(Port& port) {
    using namespace etf_builder;
    const std::string options =
        list({option("credit", atom("infinity")), option("poll_interval", integer(100)),
              option("backend", atom(options_.backend))});
    insist(port, "watch", list({binary(roots_[0]), binary(roots_[1])}) + options, 2);
    const std::int64_t seq = insist(port, "list", nil(), 1).at(1).number;
    Mirror mirror(roots_);
    for (const Entry& entry : listed_) require(mirror.insert(entry));
    mirror_.emplace(std::move(mirror));
    for (const auto& [number, event] : early_) {
      if (number > seq) require(mirror_->apply(event));
    }
  }

  static void require(const std::optional<std::string>& wrong) {
    if (wrong) throw Broken("not replayable: " + *wrong);
  }

  void on_entries(const Term& message) {
    for (const Term& entry : message.at(2).parts) {
      listed_.push_back({type_of(entry.at(0)), entry.at(1).text, 0, std::nullopt});
    }
  }

  void on_events(const Term& message) {
    const std::int64_t seq = message.at(1).number;
    if (seq != ++last_seq_) throw Broken("batch " + std::to_string(seq) + " is out of order");
    if (message.at(2).parts.empty()) throw Broken("an empty batch");
    for (const Term& part : message.at(2).parts) {
      Event event = event_of(part);
      if (mirror_) {
        require(mirror_->apply(event));
      } else {
        early_.emplace_back(seq, std::move(event));
      }
    }
  }

  bool sync(Port& port) {
    const Term reply = port.request("sync");
    if (reply.is_tuple("ok")) return true;
    say(reply);
    return false;
  }

  // The failures have ended: one sync and a second later all must be as on the disk.
  void recover(Port& port) {
    insist(port, "sync", "", 0);
    if (!said().empty()) std::this_thread::sleep_for(kRecovery);
    insist(port, "sync", "", 0);
    judge_now(said().empty() ? Recall::strict : Recall::none);
  }

  // Nothing changes any more: then lookout_port makes no system call.
  static void expect_rest(Port& port) {
    std::map<int, std::uint64_t> before = port.injector().counts();
    std::string made;
    for (int window = 0; window < kMaxIdleWindows; ++window) {
      std::this_thread::sleep_for(kIdle);
      const std::map<int, std::uint64_t> now = port.injector().counts();
      made.clear();
      for (const auto& [call, count] : now) {
        if (const std::uint64_t more = count - before[call]; more > 0) {
          made += ' ' + call_name(call) + ' ' + std::to_string(more);
        }
      }
      if (made.empty()) return;
      before = now;
    }
    throw Broken("the idle watcher makes system calls:" + made);
  }

  void judge_now(Recall recall) {
    Disk disk = walk_all(roots_);
    const Judgement judgement = judge(*mirror_, disk, first_ ? Recall::none : recall);
    first_ = false;
    disk_ = std::move(disk);  // the mirror refers to it until the next judgement
    if (judgement.violations.empty()) return;
    std::string all = said().empty() ? "silence:" : "no recovery:";
    for (const std::string& violation : judgement.violations) all += "\n  " + violation;
    throw Broken(all);
  }

  const TrialOptions& options_;
  Workspace workspace_;
  std::vector<std::string> roots_;
  std::vector<Entry> listed_;
  std::vector<std::pair<std::int64_t, Event>> early_;
  std::optional<Mirror> mirror_;
  Disk disk_;
  std::int64_t last_seq_ = 0;
  bool first_ = true;    // nothing was judged before
  bool polled_ = false;  // for want of watches
};

}  // namespace

std::unique_ptr<Script> make_watch_script(const TrialOptions& options) {
  return std::make_unique<WatchScript>(options);
}

}  // namespace lookout::inject
