#include "oracle/trial.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>

#include "oracle/disk.h"
#include "oracle/judgement.h"
#include "oracle/mirror.h"
#include "oracle/random.h"
#include "oracle/writers.h"
#include "watch/engine.h"

namespace lookout::oracle {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long an answer may take before it counts as never given. No measure of speed.
constexpr std::chrono::seconds kPatience{60};

constexpr std::array<std::string_view, kFaults> kFaultNames{"none",   "overflow", "credit",
                                                            "asleep", "settle",   "stall"};

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Batch {
  std::uint64_t seq;
  std::vector<Event> events;
};

std::uint64_t queue_limit() {
  std::uint64_t limit = 16'384;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  return limit;
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Workspace {
 public:
  explicit Workspace(const std::string& directory) : path_(directory + "/lookout-oracle-XXXXXX") {
    if (!::mkdtemp(path_.data())) throw std::runtime_error("cannot make a directory as " + path_);
  }
  ~Workspace() { remove_tree(AT_FDCWD, path_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Trial : public Listener {
 public:
  explicit Trial(const TrialOptions& options)
      : options_(options),
        random_(options.seed * 2 + 1),
        workspace_(options.directory),
        timer_(io_) {
    int roots = options.roots > 0 ? options.roots : (random_.one_in(3) ? 2 : 1);
    for (int i = 0; i < roots; ++i) roots_.push_back(workspace_.path() + "/r" + std::to_string(i));
    active_ = roots_;
  }

  Outcome run() {
    try {
      conduct();
    } catch (const std::exception& error) {
      outcome_.failure = report(error.what());
    }
    timer_.cancel();
    if (engine_) outcome_.overflows = engine_->info().overflows;
    engine_.reset();
    outcome_.script = text_of(log_of(0));
    return std::move(outcome_);
  }

  // Listener.
  void on_events(std::uint64_t seq, std::vector<Event> events) override {
    if (seq != last_seq_ + 1)
      complain("batch " + std::to_string(seq) + " came after " + std::to_string(last_seq_));
    if (events.empty()) complain("batch " + std::to_string(seq) + " is empty");
    if (granted_ == 0) complain("batch " + std::to_string(seq) + " came without credit");
    if (granted_ != Engine::kUnlimited && granted_ > 0) --granted_;
    last_seq_ = seq;
    ++outcome_.batches;
    outcome_.events += events.size();
    batches_.push_back({seq, std::move(events)});
    if (mirror_) replay(*mirror_, batches_.back());
  }
  void on_notice(Notice notice) override {
    if (std::holds_alternative<OverflowNotice>(notice)) return;
    complain("an unexpected notice came, number " + std::to_string(notice.index()));
  }
  bool has_room() const override { return room_; }

 private:
  void complain(const std::string& what) {
    if (complaint_.empty()) complaint_ = what;
  }

  void replay(Mirror& mirror, const Batch& batch) {
    for (const Event& event : batch.events) {
      if (auto wrong = mirror.apply(event))
        return complain("batch " + std::to_string(batch.seq) + ": " + *wrong);
    }
  }

  std::string log_of(int writer) const {
    return workspace_.path() + "/log" + std::to_string(writer);
  }

  // Runs the loop until `reached`; throws when something is wrong meanwhile.
  void pump(const std::string& what, const std::function<bool()>& reached) {
    auto deadline = steady_clock::now() + kPatience;
    while (!reached()) {
      io_.restart();
      io_.run_one_for(milliseconds(100));
      if (!complaint_.empty()) throw Broken(complaint_);
      if (steady_clock::now() > deadline) throw Broken("no end came: " + what);
    }
    if (!complaint_.empty()) throw Broken(complaint_);
  }

  // The same while an answer is due, which may need credit.
  void pump_awake(const std::string& what, const std::function<bool()>& reached) {
    awake_ = true;
    pump(what, reached);
    awake_ = false;
  }

  bool writers_at(std::initializer_list<Writer::State> states) {
    bool all = true;
    for (const auto& writer : writers_) {
      if (writer->state() == Writer::State::failed) complain("a mutator ended early");
      all = all && std::find(states.begin(), states.end(), writer->state()) != states.end();
    }
    return all;
  }

  void go() {
    for (auto& writer : writers_) writer->go();
  }

  void start_writers() {
    for (int i = 0; i < options_.writers; ++i) {
      MutatorOptions mutator;
      mutator.workspace = workspace_.path();
      mutator.generator.seed = options_.seed * 64 + static_cast<std::uint64_t>(i);
      mutator.generator.roots = static_cast<int>(roots_.size());
      mutator.generator.shared = options_.writers > 1;
      mutator.generator.stalls = options_.fault == Fault::overflow && i == 0;
      mutator.generator.flood = queue_limit() + queue_limit() / 16;
      mutator.operations = options_.operations;
      if (random_.one_in(4)) mutator.existing = 0;
      mutator.log = log_of(i);
      mutator.script = options_.script;
      writers_.push_back(std::make_unique<Writer>(io_, mutator));
    }
  }

  void conduct() {
    start_writers();
    pump("the mutators make what exists", [this] { return writers_at({Writer::State::ready}); });
    engine_ = std::make_unique<Engine>(io_, *this);
    if (options_.fault == Fault::settle)
      engine_->set_settle(static_cast<std::uint32_t>(random_.between(1, 60)));
    if (options_.fault != Fault::credit && options_.fault != Fault::asleep)
      grant(Engine::kUnlimited);
    tick();
    bool rested_start = options_.script || random_.one_in(2);
    if (!rested_start) go();
    start_watching();
    if (rested_start) {
      compare(Recall::none);
      go();
    }
    for (;;) {
      pump("the mutators come to a rest", [this] {
        return writers_at({Writer::State::resting, Writer::State::done});
      });
      if (writers_at({Writer::State::done})) break;
      compare(recall());
      maybe_change_roots();
      batches_.clear();
      go();
    }
  }

  void start_watching() {
    bool report_existing = !options_.script && random_.one_in(4);
    if (report_existing) mirror_.emplace(roots_);
    await("watch",
          [&](auto done) { engine_->watch(roots_, {.report_existing = report_existing}, done); });
    if (report_existing) return;
    mirror_.emplace(listing(std::nullopt, false, nullptr));
  }

  // Calls a request of the engine and waits for its answer.
  template <class Call>
  void await(const std::string& name, Call call) {
    bool answered = false;
    call([&](Result<Done> result) {
      answered = true;
      if (auto* error = std::get_if<Error>(&result))
        complain(name + " failed: " + error->reason + ' ' + error->operation + ' ' +
                 escape(error->path) + ' ' + error->detail);
    });
    pump_awake(name, [&] { return answered; });
  }

  void sync() {
    bool answered = false;
    engine_->sync([&](Result<std::uint64_t> result) {
      answered = true;
      check_seq("sync", result);
    });
    pump_awake("sync", [&] { return answered; });
  }

  std::uint64_t check_seq(const std::string& name, const Result<std::uint64_t>& result) {
    if (auto* error = std::get_if<Error>(&result)) {
      complain(name + " failed: " + error->reason + ' ' + escape(error->path) + ' ' +
               error->detail);
      return 0;
    }
    std::uint64_t seq = std::get<std::uint64_t>(result);
    if (name == "sync" ? seq != last_seq_ : seq > last_seq_)
      complain(name + " answered with batch " + std::to_string(seq) + ", the last that came was " +
               std::to_string(last_seq_));
    return seq;
  }

  // A mirror made from a listing and the batches after it.
  Mirror listing(std::optional<std::string> under, bool with_stat, std::vector<Entry>* entries) {
    std::vector<Entry> all;
    std::optional<std::uint64_t> seq;
    std::size_t held = batches_.size();
    std::uint64_t asked_at = last_seq_;
    engine_->list(
        under, with_stat,
        [&](std::vector<Entry> chunk) {
          std::move(chunk.begin(), chunk.end(), std::back_inserter(all));
        },
        [&](Result<std::uint64_t> result) { seq = check_seq("list", result); });
    pump_awake("list", [&] { return seq.has_value(); });
    if (*seq < asked_at) throw Broken("a listing is older than a batch before it");
    Mirror mirror(under ? std::vector<std::string>{*under} : active_);
    for (const Entry& entry : all) {
      if (auto wrong = mirror.insert(entry)) throw Broken(*wrong);
    }
    if (!under) {
      for (std::size_t i = held; i < batches_.size(); ++i) {
        if (batches_[i].seq > *seq) replay(mirror, batches_[i]);
      }
      if (!complaint_.empty()) throw Broken("after a listing: " + complaint_);
    }
    if (entries) *entries = std::move(all);
    return mirror;
  }

  Recall recall() const {
    if (!based_) return Recall::none;
    return options_.lenient ? Recall::lenient : Recall::strict;
  }

  // At a rest: what was told must be what is on the disk.
  void compare(Recall recall) {
    ++outcome_.rests;
    sync();
    std::uint64_t seq = last_seq_;
    Disk disk = walk_all(active_);
    Judgement judgement = judge(*mirror_, disk, recall);
    outcome_.false_reports += judgement.false_reports;
    if (!judgement.violations.empty()) {
      std::string all;
      for (const std::string& each : judgement.violations)
        all += (all.empty() ? "" : "\n  ") + each;
      throw Broken(all);
    }
    before_ = std::move(disk);
    based_ = true;
    check_overflow();
    if (random_.one_in(3)) compare_listing();
    if (last_seq_ != seq) complain("a batch came while nothing changed");
  }

  void check_overflow() {
    std::uint64_t overflows = engine_->info().overflows;
    int stalls = writers_[0]->stalls();
    if (stalls > stalls_ && overflows == overflows_)
      throw Broken("the kernel's queue was flooded, but no overflow was counted");
    stalls_ = stalls;
    overflows_ = overflows;
  }

  void compare_listing() {
    std::vector<Entry> entries;
    Mirror listed = listing(std::nullopt, true, &entries);
    if (auto wrong = difference(*mirror_, listed)) throw Broken("mirror and listing: " + *wrong);
    for (const Entry& entry : entries) {
      const MirrorNode* node = mirror_->find(entry.path);
      const SnapshotNode* found = node ? node->before : nullptr;
      if (!found) throw Broken("listed but not known: " + escape(entry.path));
      if (entry.inode != found->inode)
        throw Broken("listed with a wrong inode: " + escape(entry.path));
      if (!entry.stat) throw Broken("listed without its stat: " + escape(entry.path));
      if (*entry.stat != EntryStat{found->size, found->mtime_ns, found->mode})
        throw Broken("listed with a wrong stat: " + escape(entry.path));
    }
  }

  // Takes a root out of the watching, or back in, while the mutator rests.
  void maybe_change_roots() {
    if (roots_.size() < 2 || options_.script || !random_.one_in(4)) return;
    const std::string& root = roots_.back();
    if (active_.size() == roots_.size()) {
      await("unwatch", [&](auto done) { engine_->unwatch(root, done); });
      sync();
      active_.pop_back();
      if (auto wrong = mirror_->drop_root(root)) throw Broken(*wrong);
    } else {
      mirror_->add_root(root);
      active_.push_back(root);
      await("watch", [&](auto done) { engine_->watch({root}, {.report_existing = true}, done); });
      compare(Recall::none);
    }
  }

  void grant(std::uint64_t batches) {
    granted_ = batches == Engine::kUnlimited ? batches : granted_ + batches;
    engine_->grant(batches);
  }

  // At random moments while the mutator works: requests in the middle of the churn, and the fault.
  void tick() {
    timer_.expires_after(std::chrono::microseconds(random_.between(200, 12'000)));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      act();
      tick();
    });
  }

  void act() {
    room_ = options_.fault != Fault::credit || !random_.one_in(3);
    if (room_) engine_->resume();
    if (options_.fault == Fault::credit || (options_.fault == Fault::asleep && awake_))
      grant(random_.between(1, 2));
    if (options_.fault == Fault::stall && random_.one_in(2))
      std::this_thread::sleep_for(milliseconds(random_.below(30)));
    if (random_.one_in(4) && options_.fault != Fault::asleep)
      engine_->sync([this](Result<std::uint64_t> result) { check_seq("sync", result); });
  }

  std::string report(const std::string& what) {
    std::string text = what + "\n-- batches since the last rest:\n";
    for (const Batch& batch : batches_) {
      text += "batch " + std::to_string(batch.seq) + '\n';
      for (const Event& event : batch.events) text += "  " + describe(event) + '\n';
    }
    for (int i = 0; i < options_.writers; ++i) {
      std::string log = text_of(log_of(i));
      // From the end of the last interval but one: the log ends with a rest, done or to be done.
      std::size_t end = log.rfind("\nrest\n");
      std::size_t begin =
          end == std::string::npos || end == 0 ? end : log.rfind("\nrest\n", end - 1);
      text += "-- operations since the last rest, writer " + std::to_string(i) + ":\n";
      text += begin == std::string::npos ? log : log.substr(begin + 6);
    }
    return text;
  }

  const TrialOptions& options_;
  Random random_;
  Workspace workspace_;
  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  std::vector<std::string> roots_;
  std::vector<std::string> active_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::unique_ptr<Engine> engine_;
  std::optional<Mirror> mirror_;
  Disk before_;
  bool based_ = false;
  bool room_ = true;
  bool awake_ = false;
  int stalls_ = 0;
  std::uint64_t overflows_ = 0;
  std::uint64_t granted_ = 0;
  std::uint64_t last_seq_ = 0;
  std::vector<Batch> batches_;
  std::string complaint_;
  Outcome outcome_;
};

}  // namespace

std::optional<Fault> fault_named(const std::string& name) {
  for (std::size_t i = 0; i < kFaultNames.size(); ++i) {
    if (kFaultNames[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

std::string_view fault_name(Fault fault) {
  return kFaultNames[static_cast<std::size_t>(fault)];
}

Outcome run_trial(const TrialOptions& options) {
  return Trial(options).run();
}

}  // namespace lookout::oracle
