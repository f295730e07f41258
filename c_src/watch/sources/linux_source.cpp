#include "watch/sources/linux_source.h"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>

#include "watch/model/transient.h"

namespace lookout {
namespace {

bool is_of_fanotify(int watch) {
  return watch <= FanotifySource::kFirst;
}

}  // namespace

std::string_view LinuxSource::name(int watch) const {
  return is_of_fanotify(watch) ? fanotify_->name(watch) : inotify_.name(watch);
}

bool LinuxSource::start_fanotify() {
  if (fanotify_) return true;
  if (refused_ != 0 && !is_transient(refused_)) return false;
  try {
    auto source = std::make_unique<FanotifySource>();
    UniqueFd both(::epoll_create1(EPOLL_CLOEXEC));
    if (!both) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    for (const int fd : {inotify_.fd(), source->fd()}) {
      epoll_event wanted{};
      wanted.events = EPOLLIN;
      if (::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
    both_ = std::move(both);
    fanotify_ = std::move(source);
    return true;
  } catch (const std::system_error& error) {
    refused_ = error.code().value();
    return false;
  }
}

int LinuxSource::start(Backend backend) {
  return backend != Backend::fanotify || start_fanotify() ? 0 : refused_;
}

int LinuxSource::watch(int directory_fd, Backend backend) {
  // If the file system cannot be marked, inotify is used.
  if (backend == Backend::fanotify && start_fanotify()) {
    const int watch = fanotify_->watch(directory_fd, backend);
    if (watch != kNoWatch) return watch;
  }
  const int watch = inotify_.watch(directory_fd, backend);
  if (watch != kNoWatch || errno != ENOSPC || backend == Backend::inotify) return watch;
  if (start_fanotify()) {
    const int other = fanotify_->watch(directory_fd, backend);
    if (other != kNoWatch) return other;
  }
  errno = ENOSPC;
  return kNoWatch;
}

void LinuxSource::unwatch(int watch) {
  if (is_of_fanotify(watch)) {
    fanotify_->unwatch(watch);
  } else {
    inotify_.unwatch(watch);
  }
}

void LinuxSource::mounts_changed() {
  if (fanotify_) fanotify_->mounts_changed();
}

void LinuxSource::read(const std::function<void(const Hint&)>& take) {
  inotify_.read(take);
  if (fanotify_) fanotify_->read(take);
}

std::shared_ptr<HintSource> make_hint_source() {
  return std::make_shared<LinuxSource>();
}

}  // namespace lookout
