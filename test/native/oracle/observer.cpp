#include "oracle/observer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <variant>

#include "mutator/operation.h"

namespace lookout::oracle {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long an answer may take before it counts as never given. No measure of speed.
constexpr std::chrono::seconds kPatience{60};

// Batches in flight of an owner that can resume its session.
constexpr std::uint64_t kWindow = 48;

EngineInfo info_of(Watching& engine) {
  Result<EngineInfo> info = engine.info();
  if (const auto* error = std::get_if<Error>(&info)) throw Broken("info failed: " + error->reason);
  return std::get<EngineInfo>(std::move(info));
}

}  // namespace

Observer::Observer(boost::asio::io_context& io, Fault fault, WatchOptions base, std::uint64_t seed,
                   const std::string& directory, const SubjectMaker& make)
    : io_(io),
      timer_(io),
      fault_(fault),
      base_(std::move(base)),
      random_(seed),
      subject_(make({io, *this, [this](const std::string& what) { complain(what); }, seed,
                     directory, fault == Fault::split})),
      cursor_(directory + "/cursor"),
      unbounded_(fault == Fault::split && random_.one_in(4)) {
  ::getrlimit(RLIMIT_NOFILE, &descriptors_);
  renew();
  tick();
}

Observer::~Observer() {
  take_descriptors(false);
}

void Observer::renew() {
  engine_ = nullptr;
  engine_ = &subject_->begin();
  last_seq_ = granted_ = 0;
  batches_.clear();
  mirror_.reset();  // what comes before the listing is for the one that is made from it
  if (fault_ == Fault::settle)
    engine_->set({.settle = static_cast<std::uint32_t>(random_.between(1, 60))});
  grant_first();
}

void Observer::grant_first() {
  if (fault_ == Fault::split && !unbounded_) return grant(kWindow);
  if (fault_ != Fault::credit && fault_ != Fault::asleep) grant(Engine::kUnlimited);
}

EngineInfo Observer::info() {
  if (engine_ == nullptr) return {};
  subject_->pause(false);
  away_ = true;  // no fault while the answer comes
  EngineInfo info = info_of(*engine_);
  away_ = false;
  return info;
}

void Observer::on_events(std::uint64_t seq, const std::vector<Event>& events) {
  const std::string name = "batch " + std::to_string(seq);
  if (seq != last_seq_ + 1) complain(name + " came after " + std::to_string(last_seq_));
  if (events.empty()) complain(name + " is empty");
  if (granted_ == 0) complain(name + " came without credit");
  if (granted_ != Engine::kUnlimited && granted_ > 0) --granted_;
  last_seq_ = seq;
  events_ += events.size();
  batches_.push_back({seq, events});
  if (mirror_) replay(*mirror_, batches_.back());
  if (fault_ == Fault::split && !unbounded_ && !away_) grant(1);
}

void Observer::on_notice(Notice notice) {
  if (expects(notice)) return;
  if (const auto* lost = std::get_if<RootDeletedNotice>(&notice))
    complain("a root that stands is told as deleted: " + escape(lost->dir));
  else if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice))
    complain("unexpectedly unreadable, " + unreadable->reason + ": " + escape(unreadable->dir));
  else
    complain("an unexpected notice came, number " + std::to_string(notice.index()));
}

bool Observer::expects(const Notice& notice) const {
  if (std::holds_alternative<OverflowNotice>(notice)) return true;
  if (std::holds_alternative<WatchLimitNotice>(notice)) return fault_ == Fault::watches;
  if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice)) {
    // Git does not follow a .gitignore that is a link, and says so too.
    const bool link = base_.gitignore && unreadable->reason == "eloop" &&
                      unreadable->dir.find("/.git") != std::string::npos;
    // What is appended to a .gitignore may make a longer pattern than may be.
    const bool long_pattern = base_.gitignore && unreadable->reason == "efbig";
    return link || long_pattern || fault_ == Fault::denied;
  }
  return fault_ == Fault::lost_roots || fault_ == Fault::mounts;
}

void Observer::complain(const std::string& what) {
  if (complaint_.empty()) complaint_ = what;
}

void Observer::replay(Mirror& mirror, const Batch& batch) {
  for (const Event& event : batch.events) {
    if (auto wrong = mirror.apply(event))
      return complain("batch " + std::to_string(batch.seq) + ": " + *wrong);
  }
}

void Observer::pump(const std::string& what, const std::function<bool()>& reached) {
  auto deadline = steady_clock::now() + kPatience;
  while (!reached()) {
    io_.restart();
    io_.run_one_for(milliseconds(100));
    if (std::exchange(dying_, false)) restart();
    if (std::exchange(splitting_, false)) split();
    if (!complaint_.empty()) throw Broken(complaint_);
    if (steady_clock::now() > deadline) throw Broken("no end came: " + what);
  }
  if (!complaint_.empty()) throw Broken(complaint_);
}

// In a time without changes.
std::string Observer::work_since(const EngineInfo& before) const {
  const EngineInfo now = info_of(*engine_);
  const auto more = [](std::uint64_t from, std::uint64_t to) { return std::to_string(to - from); };
  return more(before.entry_checks, now.entry_checks) + " checks of entries, " +
         more(before.root_checks, now.root_checks) + " of roots, " +
         more(before.batches, now.batches) + " batches, " + std::to_string(now.dirty) + " dirty, " +
         std::to_string(now.held) + " held";
}

void Observer::expect_rest(bool calm) {
  if (!subject_->is_local()) return;
  constexpr int kMaxWindows = 100;
  constexpr milliseconds kLastTimer{2300};  // twice the time for which directories are kept open
  const auto handlers_in = [this](milliseconds time) {
    io_.restart();
    return io_.run_for(time);
  };
  // Of the observer itself; that the timer has gone off may be queued already.
  stopped_ = true;
  timer_.cancel();
  // A few timers follow a change, and memory is given back in slices.
  int windows = 0;
  while (const std::size_t handlers = handlers_in(milliseconds(20))) {
    if (handlers <= 2) break;
    if (++windows < kMaxWindows) continue;
    const EngineInfo before = info_of(*engine_);
    handlers_in(milliseconds(20));
    throw Broken("the settled engine goes on working: " + std::to_string(handlers) + " handlers, " +
                 work_since(before));
  }
  if (!calm) return;
  handlers_in(kLastTimer);
  // Longer than the interval of a poll. On a loaded machine the last timers are late.
  constexpr milliseconds kSilence{1200};
  std::size_t handlers = handlers_in(kSilence);
  for (int i = 0; i < 10 && handlers > 0; ++i) handlers = handlers_in(kSilence);
  if (handlers > 0)
    throw Broken("the idle engine is not at rest: " + std::to_string(handlers) + " handlers");
}

void Observer::pump_awake(const std::string& what, const std::function<bool()>& reached) {
  awake_ = true;
  subject_->pause(false);
  pump(what, reached);
  awake_ = false;
  take_descriptors(false);
}

std::string Observer::text_of(const std::string& name, const Error& error) const {
  return name + " failed: " + error.reason + ' ' + error.operation + ' ' + escape(error.path) +
         ' ' + error.detail;
}

void Observer::await(const std::string& name,
                     const std::function<void(Engine::DoneHandler)>& call) {
  bool answered = false;
  call([&](Result<Done> result) {
    answered = true;
    if (auto* error = std::get_if<Error>(&result)) complain(text_of(name, *error));
  });
  pump_awake(name, [&] { return answered; });
}

std::uint64_t Observer::check_seq(const std::string& name, const Result<std::uint64_t>& result) {
  if (auto* error = std::get_if<Error>(&result)) {
    complain(text_of(name, *error));
    return 0;
  }
  std::uint64_t seq = std::get<std::uint64_t>(result);
  if (name == "sync" ? seq != last_seq_ : seq > last_seq_)
    complain(name + " answered with batch " + std::to_string(seq) + ", the last that came was " +
             std::to_string(last_seq_));
  return seq;
}

void Observer::start(const std::vector<std::string>& roots,
                     const std::vector<std::string>& mirrored, bool report_existing) {
  watched_ = roots;
  mirrored_ = mirrored;
  if (report_existing) mirror_.emplace(mirrored_);
  await("watch", [&](auto done) {
    if (fault_ != Fault::away) return engine_->watch(roots, options(report_existing), done);
    engine_->watch_from(roots, options(report_existing), {cursor_, ""},
                        [done](const Result<std::uint64_t>& result) {
                          const Error* error = std::get_if<Error>(&result);
                          done(error != nullptr ? Result<Done>(*error) : Result<Done>(Done{}));
                        });
  });
  std::vector<Entry> entries;
  if (!report_existing) mirror_.emplace(listing(false, entries));
}

WatchOptions Observer::options(bool report_existing) const {
  WatchOptions options = base_;
  options.report_existing = report_existing;
  options.wait_for_missing = fault_ == Fault::lost_roots;
  if (fault_ == Fault::poll) options.backend = Backend::poll;
  return options;
}

void Observer::watch(const std::string& root, bool mirrored) {
  saved_.reset();  // the mirror in it lacks the root
  watched_.push_back(root);
  if (mirrored) {
    mirrored_.push_back(root);
    mirror_->add_root(root);
  }
  await("watch", [&](auto done) { engine_->watch({root}, options(true), done); });
}

void Observer::unwatch(const std::string& root, bool mirrored) {
  saved_.reset();
  await("unwatch", [&](auto done) { engine_->unwatch(root, done); });
  std::erase(watched_, root);
  if (!mirrored) return;
  sync();
  std::erase(mirrored_, root);
  if (auto wrong = mirror_->drop_root(root)) throw Broken(*wrong);
}

void Observer::sync() {
  bool answered = false;
  engine_->sync([&](const Result<std::uint64_t>& result) {
    answered = true;
    check_seq("sync", result);
  });
  pump_awake("sync", [&] { return answered; });
}

void Observer::await_writers() {
  pump_awake("the writers are done", [this] { return info().held == 0; });
  sync();
}

std::uint64_t Observer::list(std::optional<std::string> under, bool with_stat,
                             std::vector<Entry>& entries) {
  std::optional<std::uint64_t> seq;
  const std::uint64_t asked_at = last_seq_;
  engine_->list(
      std::move(under), with_stat,
      [&](std::vector<Entry> chunk) {
        std::move(chunk.begin(), chunk.end(), std::back_inserter(entries));
      },
      [&](const Result<std::uint64_t>& result) { seq = check_seq("list", result); });
  pump_awake("list", [&] { return seq.has_value(); });
  if (*seq < asked_at) throw Broken("a listing is older than a batch before it");
  return *seq;
}

std::vector<Entry> Observer::listing_below(const std::string& directory) {
  std::vector<Entry> entries;
  list(directory, false, entries);
  return entries;
}

Mirror Observer::listing(bool with_stat, std::vector<Entry>& entries) {
  const std::size_t held = batches_.size();
  const std::uint64_t seq = list(std::nullopt, with_stat, entries);
  Mirror mirror(mirrored_);
  for (const Entry& entry : entries) {
    if (auto wrong = mirror.insert(entry)) throw Broken(*wrong);
  }
  for (std::size_t i = held; i < batches_.size(); ++i) {
    if (batches_[i].seq > seq) replay(mirror, batches_[i]);
  }
  if (!complaint_.empty()) throw Broken("after a listing: " + complaint_);
  return mirror;
}

void Observer::grant(std::uint64_t batches) {
  granted_ = batches == Engine::kUnlimited ? batches : granted_ + batches;
  engine_->grant(batches);
}

}  // namespace lookout::oracle
