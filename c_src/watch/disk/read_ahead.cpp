#include "watch/disk/read_ahead.h"

#include <fcntl.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "support/quiet_thread.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

// The thread is woken for this many listings, since a wakeup takes as long as reading some.
constexpr std::size_t kAtOnce = ReadAhead::kDepth / 2;

// Grows the descriptor table before a thread shares it. The kernel grows it at 64, 128 and 256
// descriptors, and with several threads waits for all processors each time, some 10 ms
// (expand_fdtable() in Linux's fs/file.c).
void make_room_for_descriptors() {
  constexpr int kHighest = 511;
  const UniqueFd any(::open("/", O_PATH | O_CLOEXEC));
  const UniqueFd highest(::fcntl(any.get(), F_DUPFD_CLOEXEC, kHighest));
}

enum class Stage { waiting, being_read, free };  // free: ready for use

}  // namespace

struct PendingListing::State {
  explicit State(DirectoryReader unread) : reader(std::move(unread)) {}

  DirectoryReader reader;
  ReadAhead::Names unsafe;  // as in read()
  std::atomic<Stage> stage{Stage::waiting};
  std::atomic<bool> wanted{false};  // somebody waits: do no more than necessary

  bool pass(Stage from, Stage to) { return stage.compare_exchange_strong(from, to); }
};

PendingListing::PendingListing(DirectoryReader reader)
    : state_(std::make_shared<State>(std::move(reader))) {}

DirectoryReader& PendingListing::reader() {
  if (!state_->pass(Stage::waiting, Stage::free)) {
    state_->wanted.store(true, std::memory_order_relaxed);
    state_->stage.wait(Stage::being_read);
  }
  return state_->reader;
}

struct ReadAhead::Shared {
  std::mutex mutex;
  std::condition_variable work;
  // Weak pointers: a listing that was used or dropped meanwhile keeps no descriptor open.
  std::deque<std::weak_ptr<PendingListing::State>> listings;
  std::vector<std::shared_ptr<const void>> unused;
  std::atomic<bool>* stop = nullptr;  // State::wanted of the listing that is being read
  bool ended = false;
};

ReadAhead::ReadAhead()
    : shared_(std::make_shared<Shared>()), single_(std::thread::hardware_concurrency() == 1) {}

void ReadAhead::read(const PendingListing& listing, Names unsafe) {
  if (single_ || (!thread_.joinable() && !start())) return;
  listing.state_->unsafe = std::move(unsafe);
  {
    const std::scoped_lock lock(shared_->mutex);
    auto& listings = shared_->listings;
    while (!listings.empty() && listings.front().expired()) listings.pop_front();
    listings.push_back(listing.state_);
    if (listings.size() < kAtOnce) return;
  }
  shared_->work.notify_one();
}

void ReadAhead::close(std::shared_ptr<const void> directory) {
  if (!thread_.joinable()) return;
  const std::scoped_lock lock(shared_->mutex);
  if (shared_->unused.size() < kDepth) shared_->unused.push_back(std::move(directory));
}

void ReadAhead::rest() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(shared_->mutex);
    shared_->ended = true;
    if (shared_->stop != nullptr) shared_->stop->store(true, std::memory_order_relaxed);
  }
  shared_->work.notify_one();
  thread_.join();
  shared_ = std::make_shared<Shared>();
}

bool ReadAhead::start() {
  make_room_for_descriptors();
  try {
    thread_ = quiet_thread([&shared = *shared_] { serve(shared); });
  } catch (const std::system_error&) {  // too many threads: the next call tries again
  }
  return thread_.joinable();
}

void ReadAhead::serve(Shared& shared) {
  std::vector<std::shared_ptr<const void>> unused;
  std::unique_lock lock(shared.mutex);
  for (;;) {
    if (shared.listings.empty()) {
      shared.work.wait(lock, [&] { return shared.ended || shared.listings.size() >= kAtOnce; });
    }
    if (shared.ended) return;
    const std::shared_ptr<PendingListing::State> next = shared.listings.front().lock();
    shared.listings.pop_front();
    unused.swap(shared.unused);
    shared.stop = next ? &next->wanted : nullptr;
    lock.unlock();
    unused.clear();
    if (next && next->pass(Stage::waiting, Stage::being_read)) {
      next->reader.fill();
      if (next->unsafe) next->reader.stat_ahead(*next->unsafe, next->wanted);
      next->stage.store(Stage::free);
      next->stage.notify_one();
    }
    lock.lock();
    shared.stop = nullptr;
  }
}

}  // namespace lookout
