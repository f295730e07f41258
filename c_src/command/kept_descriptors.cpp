#include "command/kept_descriptors.h"

#include <dirent.h>
#include <sys/epoll.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <system_error>

#include "support/unique_fd.h"

namespace lookout {

struct KeptDescriptors {
  KeptDescriptors() { open(); }

  void open() {
    proc.reset(::opendir("/proc"));
    epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  }

  std::unique_ptr<DIR, int (*)(DIR*)> proc{nullptr, ::closedir};
  UniqueFd epoll;
};

namespace {

constexpr int kPause = 10;  // milliseconds

std::weak_ptr<KeptDescriptors>& kept() {
  static std::weak_ptr<KeptDescriptors> descriptors;
  return descriptors;
}

DIR* kept_proc() {
  const auto descriptors = kept().lock();
  return descriptors ? descriptors->proc.get() : nullptr;
}

int kept_epoll() {
  const auto descriptors = kept().lock();
  return descriptors ? descriptors->epoll.get() : -1;
}

std::uint32_t to_epoll(short events) {
  return static_cast<unsigned short>(events);
}

// epoll_wait(2) ignores the limit of open files. EPOLL* events have the same bits as POLL*.
int poll_by_epoll(std::span<pollfd> watched, int timeout) {
  const int epoll = kept_epoll();
  bool added = true;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    watched[i].revents = 0;
    if (watched[i].fd < 0) continue;
    epoll_event event{to_epoll(watched[i].events), {}};
    event.data.u64 = i;
    added = ::epoll_ctl(epoll, EPOLL_CTL_ADD, watched[i].fd, &event) == 0 && added;
  }
  std::array<epoll_event, 8> ready{};
  // A descriptor that was not added (ENOMEM, ENOSPC) would be missed.
  const int count = added ? ::epoll_wait(epoll, ready.data(), ready.size(), timeout) : -1;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready.at(static_cast<std::size_t>(i));
    watched[event.data.u64].revents = static_cast<short>(event.events);
  }
  for (const pollfd& one : watched) ::epoll_ctl(epoll, EPOLL_CTL_DEL, one.fd, nullptr);
  // Pause, because the caller retries.
  if (count < 0) ::poll(nullptr, 0, kPause);
  return count;
}

}  // namespace

std::shared_ptr<KeptDescriptors> keep_descriptors() {
  auto descriptors = kept().lock();
  if (descriptors) return descriptors;
  descriptors = std::make_shared<KeptDescriptors>();
  kept() = descriptors;
  return descriptors;
}

void reopen_descriptors() {
  if (const auto descriptors = kept().lock()) descriptors->open();
}

std::array<int, 2> kept_descriptors() {
  DIR* proc = kept_proc();
  return {proc != nullptr ? ::dirfd(proc) : -1, kept_epoll()};
}

int poll_always(std::span<pollfd> watched, int timeout) {
  const int count = ::poll(watched.data(), watched.size(), timeout);
  return count < 0 && errno == EINVAL ? poll_by_epoll(watched, timeout) : count;
}

std::vector<pid_t> process_ids() {
  std::vector<pid_t> pids;
  DIR* proc = kept_proc();
  if (proc == nullptr) return pids;
  ::rewinddir(proc);
  // Only one thread reads this directory stream.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(proc)) {
    const char* const end = entry->d_name + std::strlen(entry->d_name);
    pid_t pid = 0;
    if (std::from_chars(entry->d_name, end, pid).ptr == end) pids.push_back(pid);
  }
  return pids;
}

}  // namespace lookout
