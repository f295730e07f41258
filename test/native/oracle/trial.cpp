#include "oracle/trial.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <system_error>
#include <thread>

#include "mutator/disk.h"
#include "mutator/executor.h"
#include "mutator/random.h"
#include "oracle/judgement.h"
#include "oracle/observer.h"
#include "oracle/visible.h"
#include "oracle/writers.h"

namespace lookout::oracle {
namespace {

constexpr std::array<std::string_view, kFaults> kFaultNames{
    "none",        "overflow", "credit",     "asleep", "settle", "stall", "killed", "watches",
    "descriptors", "denied",   "lost_roots", "poll",   "mounts", "away",  "split"};

// Those that are done to a node from outside, or are nothing but churn and requests. A node saves
// no snapshots, and leaves out what is mounted below an allowed directory.
constexpr std::array kNodeFaults{Fault::none,   Fault::split,     Fault::overflow, Fault::credit,
                                 Fault::asleep, Fault::settle,    Fault::stall,    Fault::killed,
                                 Fault::poll,   Fault::lost_roots};

constexpr uid_t kNobody = 65534;

std::uint64_t queue_limit() {
  std::uint64_t limit = 16'384;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  return limit;
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// What came after the last rest but one: a log ends with the rest of the interval that failed.
std::string last_interval(const std::string& log) {
  const std::string rest = "\nrest\n";
  std::size_t end = log.rfind(rest);
  if (end == std::string::npos || end == 0) return log;
  std::size_t begin = log.rfind(rest, end - 1);
  return begin == std::string::npos ? log : log.substr(begin + rest.size());
}

class Workspace {
 public:
  explicit Workspace(const std::string& directory) : path_(directory + "/lookout-oracle-XXXXXX") {
    if (!::mkdtemp(path_.data())) throw std::runtime_error("cannot make a directory as " + path_);
    ::chmod(path_.c_str(), 0755);  // for a judge without privileges
  }
  ~Workspace() {
    unmount_all();
    remove_tree(AT_FDCWD, path_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  const std::string& path() const { return path_; }

 private:
  // What a mutator has mounted and left.
  void unmount_all() const {
    std::ifstream mounts("/proc/self/mounts");
    std::vector<std::string> inside;
    for (std::string device, place, rest;
         mounts >> device >> place && std::getline(mounts, rest);) {
      if (place.starts_with(path_ + '/')) inside.push_back(unescape_octal(place));
    }
    for (auto place = inside.rbegin(); place != inside.rend(); ++place)
      ::umount2(place->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }

  // As /proc/self/mounts writes a space or a newline in a name: \040, \012.
  static std::string unescape_octal(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool escaped = text[i] == '\\' && i + 3 < text.size();
      bytes += escaped ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
      if (escaped) i += 3;
    }
    return bytes;
  }

  std::string path_;
};

bool is_node_fault(Fault fault) {
  return std::find(kNodeFaults.begin(), kNodeFaults.end(), fault) != kNodeFaults.end();
}

// Whether a user without privileges gets at a directory.
bool reaches(const std::string& directory) {
  if (::seteuid(kNobody) != 0) return false;
  const bool reached = ::faccessat(AT_FDCWD, directory.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
  return ::seteuid(0) == 0 && reached;
}

// Acts as a user without privileges while it lives; the mutators have them still.
class Unprivileged {
 public:
  Unprivileged() { check(::seteuid(kNobody)); }
  ~Unprivileged() {
    if (::seteuid(0) != 0) std::abort();
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
  static void check(int result) {
    if (result != 0) throw std::system_error(errno, std::generic_category(), "seteuid");
  }
};

class Trial {
 public:
  explicit Trial(const TrialOptions& options)
      : options_(options),
        random_(options.seed * 2 + 1),
        workspace_(options.directory),
        watching_(watch_options(options.filters, options.seed)) {
    watching_.backend = options.backend;
    if (is(Fault::denied) || is(Fault::descriptors))
      watching_.await = std::min(watching_.await, 20u);
    Random layout(options.seed * 4 + 3);
    int roots = options.roots > 0 ? options.roots : (layout.one_in(3) ? 2 : 1);
    if (is(Fault::lost_roots)) lead_through_a_link(layout);
    for (int i = 0; i < roots; ++i) roots_.push_back(parent_ + "/r" + std::to_string(i));
    active_ = roots_;
    // Whether the inner root is told by the outer one must not depend on rules.
    nested_ = layout.one_in(4) && !is(Fault::lost_roots) && !is(Fault::mounts) &&
              !with(Filter::ignore) && !with(Filter::gitignore);
    changing_ = roots > 1 && layout.one_in(2) && !options.script && !is(Fault::lost_roots);
  }

  // The roots are in a directory of their own then, and watched by a path through a link to it or
  // through the directory itself, which the mutator replaces.
  void lead_through_a_link(Random& layout) {
    const bool link = layout.one_in(2);
    tree_ = workspace_.path() + (link ? "/tree" : "/parent");
    parent_ = workspace_.path() + "/parent";
    if (::mkdir(tree_.c_str(), 0755) != 0 || (link && ::symlink("tree", parent_.c_str()) != 0))
      throw std::runtime_error("cannot make " + parent_);
  }

  Outcome run() {
    ::signal(SIGIO, SIG_IGN);  // a lease that is broken (watch/disk/writers.h), as the program does
    // What the user has told git does not count. No other thread is there yet.
    ::setenv("HOME", workspace_.path().c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    ::unsetenv("XDG_CONFIG_HOME");                   // NOLINT(concurrency-mt-unsafe)
    signals_.async_wait(
        [this](const boost::system::error_code& error, int) { outcome_.interrupted = !error; });
    if (options_.subject ? !is_node_fault(options_.fault) : is(Fault::split)) {
      outcome_.skipped = options_.subject ? "it is not done to a node" : "it takes a node";
      return std::move(outcome_);
    }
    if (is(Fault::denied) && (::geteuid() != 0 || !reaches(workspace_.path()))) {
      outcome_.skipped = "it takes root, and a directory that other users reach";
      return std::move(outcome_);
    }
    if (options_.backend == Backend::fanotify &&
        (is(Fault::denied) || is(Fault::watches) || is(Fault::mounts))) {
      outcome_.skipped = "fanotify takes privileges that the engine does not have under this fault";
      return std::move(outcome_);
    }
    try {
      conduct();
    } catch (const std::exception& error) {
      if (observer_) take_batches();
      outcome_.failure = report(error.what());
    }
    if (observer_) {
      if (outcome_.failure.empty()) outcome_.overflows = observer_->info().overflows;
      outcome_.events = observer_->events();
      outcome_.batches = observer_->last_seq();
    }
    outcome_.script = text_of(log_of(0));
    return std::move(outcome_);
  }

 private:
  bool is(Fault fault) const { return options_.fault == fault; }
  bool with(Filter filter) const { return has(options_.filters, filter); }

  std::string log_of(int writer) const {
    return workspace_.path() + "/log" + std::to_string(writer);
  }

  bool writers_at(std::initializer_list<Writer::State> states) const {
    if (outcome_.interrupted) throw Broken("interrupted");
    bool all = true;
    for (const auto& writer : writers_) {
      if (writer->state() == Writer::State::failed)
        throw Broken("a mutator ended early, with status " + std::to_string(writer->status()));
      all = all && std::find(states.begin(), states.end(), writer->state()) != states.end();
    }
    return all;
  }

  // What has just been made and what stands for longer are not the same to a watcher that looks at
  // times, so at half of the rests the clock moves on.
  void go() {
    if (random_.one_in(2)) std::this_thread::sleep_for(std::chrono::milliseconds(12));
    for (auto& writer : writers_) writer->go();
  }

  void start_writers() {
    for (int i = 0; i < options_.writers; ++i) {
      MutatorOptions mutator;
      mutator.workspace = tree_;
      mutator.generator.seed = options_.seed * 64 + static_cast<std::uint64_t>(i);
      mutator.generator.roots = static_cast<int>(roots_.size());
      mutator.generator.nested = nested_;
      mutator.generator.shared = options_.writers > 1 || is(Fault::mounts);
      // No writer knows another's links, and a root that is not watched may hold one.
      mutator.generator.hard_links =
          options_.writers == 1 && !changing_ && hints_of_all_links() && sees_all_names();
      mutator.generator.rules = with(Filter::gitignore);
      mutator.generator.leads = with(Filter::links);
      mutator.generator.readable = is(Fault::denied);
      mutator.generator.locks = is(Fault::denied) && i == 0;
      mutator.generator.lost_roots = is(Fault::lost_roots) && i == 0;
      mutator.generator.lost_parents = is(Fault::lost_roots) && i == 0;
      mutator.generator.mounts = is(Fault::mounts) && i == 0;
      mutator.generator.stalls = options_.fault == Fault::overflow && i == 0;
      mutator.generator.flood = queue_limit() + queue_limit() / 16;
      mutator.operations = options_.operations;
      if (random_.one_in(4)) mutator.existing = 0;
      mutator.log = log_of(i);
      mutator.script = options_.script;
      writers_.push_back(std::make_unique<Writer>(io_, mutator, [this](bool paused) {
        if (observer_) observer_->pause(paused);
      }));
    }
    while (!writers_at({Writer::State::ready})) io_.run_one();
    if (random_.one_in(2)) std::this_thread::sleep_for(std::chrono::milliseconds(12));
  }

  void conduct() {
    start_writers();
    std::optional<Unprivileged> unprivileged;
    if (is(Fault::denied)) unprivileged.emplace();
    const std::string cursor = workspace_.path() + "/cursor";
    if (is(Fault::away) && ::mkdir(cursor.c_str(), 0700) != 0)
      throw std::runtime_error("cannot make " + cursor);
    observer_ = std::make_unique<Observer>(
        io_, options_.fault, watching_, options_.seed * 8 + 5, workspace_.path(),
        options_.subject ? options_.subject : SubjectMaker(make_engine_subject));
    const bool resting = options_.script || random_.one_in(2);
    if (!resting) go();
    std::vector<std::string> watched = roots_;
    if (nested_) watched.push_back(inner());
    observer_->start(watched, roots_,
                     with(Filter::initial) || (!options_.script && random_.one_in(4)));
    if (resting) {
      compare(Recall::none);
      go();
    }
    for (;;) {
      observer_->pump("the mutators come to a rest", [this] {
        return writers_at({Writer::State::resting, Writer::State::done});
      });
      if (writers_at({Writer::State::done})) {
        expect_rest();
        if (is(Fault::lost_roots)) expect_rest_without_parent();
        break;
      }
      compare(recall());
      take_batches();
      compare_events();
      change_roots();
      take_batches();
      batches_.clear();
      if (is(Fault::away) && random_.one_in(2)) {
        change_unwatched();
      } else {
        go();
      }
    }
  }

  // An interval in which nobody watches, from a rest to a rest.
  void change_unwatched() {
    observer_->leave();
    if (changing_ && random_.one_in(2)) change_roots_unwatched();
    go();
    while (!writers_at({Writer::State::resting, Writer::State::done})) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    observer_->come_back();
    if (dropped_.empty()) return;
    observer_->sync();
    observer_->forget(std::exchange(dropped_, {}));
  }

  void change_roots_unwatched() {
    const std::string& root = roots_.back();
    const bool watched = active_.size() == roots_.size();
    if (watched) {
      active_.pop_back();
      dropped_ = root;
    } else {
      active_.push_back(root);
    }
    observer_->change_unwatched(root, !watched);
  }

  // While something else is in the place of the roots' parent, syncs are answered and the engine
  // rests.
  void expect_rest_without_parent() {
    Executor executor(tree_);
    for (std::uint64_t kind = 0; kind < kParentKinds; ++kind) {
      if (executor.run({.verb = Verb::replace_parent, .number = kind}) != 0)
        throw Broken("cannot replace the parent of the roots");
      observer_->sync();
      observer_->expect_rest(false);
      executor.run({.verb = Verb::restore_parent});
    }
    compare(Recall::none);
  }

  // A settled engine does nothing. Where everything has a watch no timer goes off either.
  void expect_rest() {
    if (is(Fault::poll) || is(Fault::watches) || is(Fault::descriptors) || is(Fault::denied))
      return;
    observer_->sync();
    if (observer_->info().polled == 0 && observer_->info().held == 0)
      observer_->expect_rest(random_.one_in(8));
  }

  // Otherwise a link may be written through where no hint comes from, and be gone at the next look.
  bool hints_of_all_links() const {
    return !is(Fault::watches) && !is(Fault::denied) && !is(Fault::lost_roots) &&
           !is(Fault::mounts);
  }

  // A write through a name that is not told of counts for those that are.
  bool sees_all_names() const {
    return (options_.filters & ~*filters_named("await,initial")).none();
  }

  std::string inner() const { return roots_[0] + "/inner"; }

  void take_batches() {
    for (Batch& batch : observer_->take_batches()) batches_.push_back(std::move(batch));
  }

  Recall recall() const {
    if (!based_) return Recall::none;
    return options_.lenient ? Recall::lenient : Recall::strict;
  }

  // At a rest: what was told must be what is on the disk.
  void compare(Recall recall) {
    ++outcome_.rests;
    if (is(Fault::denied) && options_.writers > 1) unlock_all();
    observer_->sync();
    // Where a file cannot be opened nothing tells that nobody writes, but its being closed.
    if (with(Filter::await) && (is(Fault::denied) || is(Fault::descriptors)))
      observer_->await_writers();
    const std::uint64_t seq = observer_->last_seq();
    Beyond beyond;
    Disk disk = walk_disk(with(Filter::links) ? &beyond : nullptr);
    std::vector<std::string> wrong_links;
    if (with(Filter::links)) wrong_links = follow_links(disk, beyond, observer_->mirror());
    const Viewpoint viewpoint{watching_, is(Fault::denied),
                              nested_ && inner_active_ ? inner() : ""};
    for (const auto& [root, found] : disk) keep_visible(*found, root, viewpoint);
    Judgement judgement = judge(observer_->mirror(), disk, recall);
    outcome_.false_reports += judgement.false_reports;
    std::string all;
    for (const std::string& each : wrong_links) all += (all.empty() ? "" : "\n  ") + each;
    observer_->forget_saved();
    for (const std::string& each : judgement.violations) all += (all.empty() ? "" : "\n  ") + each;
    if (!all.empty()) throw Broken(all);
    before_ = std::move(disk);
    based_ = true;
    if (!options_.script) check_overflow();
    if (random_.one_in(3)) compare_listing();
    // Without a watch, what is looked at in the tick of its last change may be told twice.
    if (observer_->last_seq() != seq && !is(Fault::watches) && !is(Fault::poll))
      throw Broken("a batch came though nothing changed");
  }

  // The events of the interval against those that the script expects.
  void compare_events() {
    std::vector<std::string> events;
    for (const Batch& batch : batches_) {
      for (const Event& event : batch.events) events.push_back(below_workspace(event));
    }
    if (options_.print_events) {
      std::printf("-- interval %zu\n", interval_);
      for (const std::string& event : events) std::printf("#> %s\n", event.c_str());
    }
    if (interval_ < options_.expected.size()) {
      if (auto wrong = unexpected(options_.expected[interval_], events)) throw Broken(*wrong);
    }
    ++interval_;
  }

  std::string below_workspace(Event event) const {
    for (std::string* path : {&event.path, &event.from}) {
      if (path->starts_with(tree_ + '/')) path->erase(0, tree_.size() + 1);
    }
    return describe(event);
  }

  // What one writer has locked, another may have moved to where the first does not find it.
  void unlock_all() {
    Unprivileged::check(::seteuid(0));
    std::vector<char*> tops;
    for (std::string& root : roots_) tops.push_back(root.data());
    tops.push_back(nullptr);
    FTS* walk = ::fts_open(tops.data(), FTS_PHYSICAL, nullptr);
    while (const FTSENT* entry = walk != nullptr ? ::fts_read(walk) : nullptr) {
      constexpr mode_t kReadable = 0755;
      if (entry->fts_info == FTS_D && (entry->fts_statp->st_mode & kReadable) != kReadable)
        Unprivileged::check(::chmod(entry->fts_accpath, kReadable));
    }
    if (walk != nullptr) ::fts_close(walk);
    Unprivileged::check(::seteuid(kNobody));
  }

  Disk walk_disk(Beyond* beyond) {
    if (!is(Fault::denied)) return walk_all(active_, beyond);
    Unprivileged::check(::seteuid(0));
    Disk disk = walk_all(active_, beyond);
    Unprivileged::check(::seteuid(kNobody));
    return disk;
  }

  void check_overflow() {
    std::uint64_t overflows = observer_->info().overflows;
    int stalls = writers_[0]->stalls();
    // In the queue of fanotify the events of one file are merged: this flood is none for it.
    if (options_.backend != Backend::fanotify && stalls > stalls_ && overflows == overflows_)
      throw Broken("the kernel's queue was flooded, but no overflow was counted");
    stalls_ = stalls;
    overflows_ = overflows;
  }

  void compare_listing() {
    std::vector<Entry> entries;
    Mirror listed = observer_->listing(true, entries);
    if (auto wrong = difference(observer_->mirror(), listed))
      throw Broken("mirror and listing: " + *wrong);
    for (const Entry& entry : entries) {
      const MirrorNode* node = observer_->mirror().find(entry.path);
      const SnapshotNode* found = node ? node->before : nullptr;
      const std::string name = ": " + escape(entry.path);
      if (!found) throw Broken("listed but not known" + name);
      if (entry.inode != found->inode) throw Broken("listed with a wrong inode" + name);
      if (!entry.stat && is(Fault::descriptors)) continue;
      if (!entry.stat) throw Broken("listed without its stat" + name);
      if (*entry.stat != EntryStat{found->size, found->mtime_ns, found->mode})
        throw Broken("listed with a wrong stat" + name);
    }
    if (!entries.empty()) compare_part(entries[random_.below(entries.size())]);
  }

  // A listing of one directory holds what the mirror has there, and nothing else.
  void compare_part(const Entry& top) {
    if (top.type != EntryType::directory) return;
    Mirror part({top.path});
    for (const Entry& entry : observer_->listing_below(top.path)) {
      if (auto wrong = part.insert(entry)) throw Broken("a part " + *wrong);
      const MirrorNode* node = observer_->mirror().find(entry.path);
      if (!node || node->type != entry.type)
        throw Broken("a part lists what is not known: " + escape(entry.path));
    }
    if (part.size() != count_below(*observer_->mirror().find(top.path)))
      throw Broken("a listing of a part lacks entries: " + escape(top.path));
  }

  // Takes a root out of the watching, or back in, while the mutator rests.
  void change_roots() {
    if (options_.script || !random_.one_in(4)) return;
    if (nested_ && random_.one_in(2)) {  // nothing is told of that: the outer root holds it
      if (std::exchange(inner_active_, !inner_active_)) {
        observer_->unwatch(inner(), false);
      } else {
        observer_->watch(inner(), false);
      }
    } else if (changing_) {
      const std::string& root = roots_.back();
      const bool watched = active_.size() == roots_.size();
      if (watched) {
        active_.pop_back();
        observer_->unwatch(root, true);
      } else {
        active_.push_back(root);
        observer_->watch(root, true);
      }
    }
    compare(Recall::none);
  }

  std::string report(const std::string& what) const {
    std::string text = what + '\n';
    if (const std::string drawn = describe(watching_); !drawn.empty())
      text += "-- watched with" + drawn + '\n';
    text += "-- batches since the last rest:\n";
    for (const Batch& batch : batches_) {
      text += "batch " + std::to_string(batch.seq) + '\n';
      for (const Event& event : batch.events) text += "  " + describe(event) + '\n';
    }
    for (int i = 0; i < options_.writers; ++i) {
      text += "-- operations since the last rest, writer " + std::to_string(i) + ":\n";
      text += last_interval(text_of(log_of(i)));
    }
    return text;
  }

  const TrialOptions& options_;
  Random random_;
  Workspace workspace_;
  WatchOptions watching_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_{io_, SIGINT, SIGTERM};
  std::string tree_{workspace_.path()};    // what the mutators change
  std::string parent_{workspace_.path()};  // of the roots, as they are watched
  std::vector<std::string> roots_;
  std::vector<std::string> active_;
  bool nested_ = false;
  bool changing_ = false;
  bool inner_active_ = true;
  std::string dropped_;  // a root that was taken out while nobody watched
  std::vector<std::unique_ptr<Writer>> writers_;
  std::unique_ptr<Observer> observer_;
  Disk before_;
  bool based_ = false;
  std::size_t interval_ =
      1;  // the part of a script before its first rest is there before the watch
  int stalls_ = 0;
  std::uint64_t overflows_ = 0;
  std::vector<Batch> batches_;
  Outcome outcome_;
};

}  // namespace

std::optional<Fault> fault_named(const std::string& name) {
  for (std::size_t i = 0; i < kFaultNames.size(); ++i) {
    if (kFaultNames[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

Fault draw_fault(std::uint64_t seed, bool node) {
  if (node) return kNodeFaults[seed % kNodeFaults.size()];
  return static_cast<Fault>(seed % (kFaults - 1));  // `split` is the last
}

std::string_view fault_name(Fault fault) {
  return kFaultNames[static_cast<std::size_t>(fault)];
}

Outcome run_trial(const TrialOptions& options) {
  return Trial(options).run();
}

}  // namespace lookout::oracle
