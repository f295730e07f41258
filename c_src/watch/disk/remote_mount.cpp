#include "watch/disk/remote_mount.h"

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "support/quiet_thread.h"

namespace lookout {
namespace {

using Clock = std::chrono::steady_clock;

// The maximum number of late responses.
constexpr std::size_t kMaxAnswers = 1024;

}  // namespace

bool EndedThreads::full() const {
  const std::lock_guard lock(mutex_);
  return count_ >= kMax;
}

void EndedThreads::add() {
  const std::lock_guard lock(mutex_);
  ++count_;
}

void EndedThreads::remove() {
  const std::lock_guard lock(mutex_);
  if (count_-- == kMax && has_room_) has_room_();
}

void EndedThreads::notify(std::function<void()> has_room) {
  const std::lock_guard lock(mutex_);
  has_room_ = std::move(has_room);
}

// What the thread shares with the RemoteMount. A blocked thread keeps it when the RemoteMount is
// destroyed.
struct RemoteMount::State {
  mutable std::mutex mutex;
  std::condition_variable work;  // wakes the thread
  std::condition_variable done;  // wakes the caller
  bool running = false;          // the thread exists
  bool ended = false;            // then `ended_threads` has the thread
  std::shared_ptr<EndedThreads> ended_threads;
  std::optional<Clock::time_point> refused;  // since when there is no room for a thread
  bool patient = true;
  Clock::time_point pauses_until;  // when `patient` is set again at the latest
  std::function<void()> answered;

  // The pending call.
  Call call;  // until the thread has taken it
  std::string what;
  bool out = false;
  bool awaited = false;
  std::uint64_t epoch = 0;  // the epoch in which the call was made
  Clock::time_point since;
  std::shared_ptr<void> answer;

  std::uint64_t now = 0;  // the current epoch; forget_answers() begins another
  struct Late {
    std::shared_ptr<void> answer;
    Clock::time_point came;
  };
  std::map<std::string, Late> answers;
  std::vector<std::shared_ptr<void>> discarded;

  void drop_answers() { drop_answers(Clock::time_point::max()); }
  // Drops the responses that arrived before `valid`: one may own a descriptor, which keeps the
  // mount busy.
  void drop_answers(Clock::time_point valid) {
    std::erase_if(answers, [&](auto& late) {
      if (late.second.came >= valid) return false;
      discarded.push_back(std::move(late.second.answer));
      return true;
    });
  }
  bool has_work() const { return call || !discarded.empty() || ended; }
  bool is_refused() const { return refused && ended_threads->full(); }
};

RemoteMount::RemoteMount(RemoteWaits& waits, std::function<void()> answered,
                         std::shared_ptr<EndedThreads> ended)
    : waits_(waits), state_(std::make_shared<State>()) {
  state_->answered = std::move(answered);
  state_->ended_threads = std::move(ended);
}

RemoteMount::~RemoteMount() {
  end();
}

std::shared_ptr<void> RemoteMount::ask_for(const std::string& what, bool once, Call call) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (const auto known = state.answers.find(what); known != state.answers.end()) {
    const State::Late late = known->second;
    const bool valid = Clock::now() - late.came < kValid;
    // While the caller waits for responses, late ones need not be kept.
    if (once || !valid || state.patient) state.answers.erase(known);
    if (valid) return late.answer;
    state.discarded.push_back(late.answer);
  }
  if (state.out || state.ended || !start(state_)) return nullptr;
  if (Clock::now() >= state.pauses_until) state.patient = true;
  state.call = std::move(call);
  state.what = what;
  state.epoch = state.now;
  state.since = Clock::now();
  state.out = true;
  state.awaited = state.patient;
  state.work.notify_one();
  if (!state.patient) return nullptr;
  const bool came =
      state.done.wait_for(lock, waits_.limit(state.since), [&] { return !state.out; });
  const Clock::time_point now = Clock::now();
  waits_.add(now - state.since, came, now);
  if (came) return std::move(state.answer);
  state.awaited = state.patient = false;
  return nullptr;
}

// Starts a thread for a call, if there is none. Call it with the mutex held.
bool RemoteMount::start(const std::shared_ptr<State>& state) {
  if (!state->running && state->ended_threads->full()) {
    if (!state->refused) state->refused = Clock::now();
    return false;
  }
  state->refused.reset();
  return start_any(state);
}

// The same whatever other threads there are.
bool RemoteMount::start_any(const std::shared_ptr<State>& state) {
  if (state->running) return true;
  try {
    quiet_thread([state] { serve(state); }).detach();
    state->running = true;
    if (state->ended) state->ended_threads->add();
  } catch (const std::system_error&) {  // too many threads: the next call tries again
  }
  return state->running;
}

void RemoteMount::serve(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    const auto has_work = [&] { return state->has_work(); };
    if (state->answers.empty()) {
      state->work.wait(lock, has_work);
    } else {
      state->work.wait_for(lock, kValid, has_work);
      state->drop_answers(Clock::now() - kValid);
    }
    if (!state->discarded.empty()) {
      auto discarded = std::exchange(state->discarded, {});
      lock.unlock();
      discarded.clear();
      lock.lock();
      continue;
    }
    Call call = std::exchange(state->call, nullptr);
    if (!call && !state->ended) continue;
    if (!call) break;
    lock.unlock();
    std::shared_ptr<void> answer = call();
    call = nullptr;  // destroys what the call owns
    lock.lock();
    state->out = false;
    if (state->awaited) {
      state->answer = std::move(answer);
      state->done.notify_one();
      continue;
    }
    const Clock::time_point now = Clock::now();
    state->patient = now - state->since < kMaxWait;
    state->pauses_until = now + kPause;
    if (!state->ended && state->epoch == state->now) {
      if (state->answers.size() >= kMaxAnswers) {
        state->discarded.push_back(std::move(state->answers.begin()->second.answer));
        state->answers.erase(state->answers.begin());
      }
      state->answers[state->what] = {std::move(answer), now};
    } else {
      state->discarded.push_back(std::move(answer));
    }
    if (state->answered) state->answered();
  }
  state->running = false;
  state->ended_threads->remove();
}

bool RemoteMount::hung() const {
  const std::lock_guard lock(state_->mutex);
  const Clock::time_point now = Clock::now();
  return (state_->out && now - state_->since >= kHung) ||
         (state_->is_refused() && now - *state_->refused >= kHung);
}

bool RemoteMount::waits() const {
  const std::lock_guard lock(state_->mutex);
  return state_->out;
}

bool RemoteMount::prompt() const {
  const std::lock_guard lock(state_->mutex);
  return state_->patient && !state_->is_refused();
}

int RemoteMount::code() const {
  return hung() && !ended() ? ETIMEDOUT : EAGAIN;
}

void RemoteMount::forget_answers() {
  const std::lock_guard lock(state_->mutex);
  ++state_->now;
  state_->drop_answers();
  state_->work.notify_one();
}

void RemoteMount::discard(std::shared_ptr<void> something) {
  const std::lock_guard lock(state_->mutex);
  if (!start_any(state_)) return;
  state_->discarded.push_back(std::move(something));
  state_->work.notify_one();
}

void RemoteMount::end() {
  const std::lock_guard lock(state_->mutex);
  if (state_->running && !state_->ended) state_->ended_threads->add();
  state_->ended = true;
  state_->answered = nullptr;
  state_->drop_answers();
  state_->work.notify_one();
}

bool RemoteMount::ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->ended;
}

}  // namespace lookout
