// What is done to the engine while it watches.
#include <unistd.h>

#include <chrono>
#include <thread>
#include <utility>

#include "oracle/observer.h"

namespace lookout::oracle {

using std::chrono::milliseconds;

// The session must go on where it was, unless more was in flight than the node keeps.
void Observer::split() {
  away_ = true;
  granted_ = Engine::kUnlimited;  // what is sent again has had its credit
  const bool resumed = subject_->split(last_seq_);
  away_ = false;
  granted_ = 0;
  if (resumed) return grant_first();
  if (!unbounded_) throw Broken("the session does not go on after the connection was lost");
  last_seq_ = 0;
  batches_.clear();
  mirror_.reset();
  grant_first();
  start(std::vector<std::string>(watched_), std::vector<std::string>(mirrored_),
        base_.report_existing);
}

void Observer::restart() {
  if (fault_ == Fault::away) {
    end();
    // The mutators go on.
    if (random_.one_in(2)) std::this_thread::sleep_for(milliseconds(random_.below(30)));
    return come_back();
  }
  renew();
  start(std::vector<std::string>(watched_), std::vector<std::string>(mirrored_),
        base_.report_existing);
}

void Observer::end() {
  engine_ = nullptr;
  subject_->end();
}

void Observer::save(const std::function<void()>& saved) {
  const std::string name = "snapshot-" + std::to_string(++saves_);
  saving_ = true;
  engine_->save(name, [this, name, saved](const Result<std::uint64_t>& result) {
    saving_ = false;
    if (const Error* error = std::get_if<Error>(&result)) return complain(text_of("save", *error));
    const std::uint64_t seq = std::get<std::uint64_t>(result);
    if (seq != last_seq_)
      complain("save answered with batch " + std::to_string(seq) + ", the last that came was " +
               std::to_string(last_seq_));
    if (saved_) ::unlink((cursor_ + '/' + saved_->name).c_str());
    saved_.emplace(Saved{name, seq, mirror_->copy()});
    saved();
  });
}

void Observer::leave() {
  bool saved = false;
  save([&] { saved = true; });
  pump_awake("save", [&] { return saved; });
  end();
  mirror_.reset();
}

void Observer::change_unwatched(const std::string& root, bool added) {
  if (added) {
    watched_.push_back(root);
    mirrored_.push_back(root);
    saved_->mirror.add_root(root);
  } else {
    std::erase(watched_, root);
    std::erase(mirrored_, root);
  }
}

void Observer::come_back() {
  const Saved saved{saved_->name, saved_->seq, saved_->mirror.copy()};
  end();
  saving_ = false;
  renew();
  mirror_.emplace(saved.mirror.copy());
  last_seq_ = saved.seq;
  await("resume", [&](auto done) {
    engine_->watch_from(watched_, options(false), {cursor_, saved.name},
                        [this, done, seq = saved.seq](const Result<std::uint64_t>& result) {
                          if (const Error* error = std::get_if<Error>(&result)) return done(*error);
                          if (std::get<std::uint64_t>(result) != seq)
                            complain("a snapshot goes on with another batch");
                          done(Done{});
                        });
  });
}

void Observer::forget(const std::string& root) {
  if (auto wrong = mirror_->drop_root(root)) throw Broken(*wrong);
}

// Saves at random moments, and dies at others: also while a snapshot is saved or compared.
void Observer::act_away() {
  if (awake_ || !mirror_) return;
  if (saved_ && random_.one_in(12)) {
    dying_ = true;
  } else if (!saving_ && random_.one_in(10)) {
    const bool at_once = random_.one_in(2);
    save([this, at_once] { dying_ = dying_ || (at_once && !awake_); });
  }
}

// Leaves the process with the descriptors that it has, or some more.
void Observer::take_descriptors(bool all) {
  if (fault_ != Fault::descriptors) return;
  ::setrlimit(RLIMIT_NOFILE, &descriptors_);
  if (all) {
    rlimit limit = descriptors_;
    const int free = ::dup(STDERR_FILENO);
    ::close(free);
    limit.rlim_cur = static_cast<rlim_t>(free) + random_.below(4);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// At random moments while the mutator works: requests in the middle of the churn, and the fault.
void Observer::tick() {
  timer_.expires_after(std::chrono::microseconds(random_.between(200, 12'000)));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    act();
    tick();
  });
}

void Observer::act() {
  if (engine_ == nullptr || away_) return;
  room_ = fault_ != Fault::credit || !random_.one_in(3);
  if (room_) engine_->resume();
  if (fault_ == Fault::credit || (fault_ == Fault::asleep && awake_)) grant(random_.between(1, 2));
  if (fault_ == Fault::asleep && !awake_) subject_->pause(true);
  if (fault_ == Fault::stall && random_.one_in(2)) {
    subject_->pause(true);
    std::this_thread::sleep_for(milliseconds(random_.below(30)));
    subject_->pause(false);
  }
  if (fault_ == Fault::descriptors) take_descriptors(random_.one_in(2));
  if (fault_ == Fault::away) act_away();
  if (fault_ == Fault::split && !awake_ && mirror_) splitting_ = random_.one_in(10);
  if (fault_ == Fault::killed && !awake_ && mirror_) dying_ = random_.one_in(30);
  if (random_.one_in(4) && fault_ != Fault::asleep)
    engine_->sync([this](const Result<std::uint64_t>& result) { check_seq("sync", result); });
}

}  // namespace lookout::oracle
