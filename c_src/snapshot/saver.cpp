#include "snapshot/saver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include "support/quiet_thread.h"

namespace lookout {
namespace {

constexpr std::size_t kMaxInMemory = std::size_t{4} << 20;  // bytes

Error failed(int code, const std::string& path) {
  Error error = errno_error(code, "save", path);
  if (code == ENOSPC || code == EDQUOT) {
    error.detail =
        "the file system is full; free some space on it and save again (the snapshots "
        "before are kept)";
  } else if (code == EACCES || code == EPERM || code == EROFS) {
    error.detail =
        "the directory of cursors cannot be written; let the user that runs Lookout "
        "write to it";
  }
  return error;
}

}  // namespace

// What the thread and the loop share.
struct SnapshotSaver::Work {
  UniqueFd directory;
  std::string name;
  std::string path;
  Done done;

  std::mutex mutex{};
  std::condition_variable changed{};
  std::deque<std::string> parts{};
  std::size_t bytes = 0;  // in parts
  bool finished = false;
  bool stopped = false;  // the file is not wanted any more

  void run() {
    std::optional<Error> error = write_file();
    const std::lock_guard lock(mutex);
    if (!stopped) done(std::move(error));
  }

  std::optional<Error> write_file() {
    const std::string made = name + ".new";
    const int at = directory.get();
    ::unlinkat(at, made.c_str(), 0);  // of a save that was cut short
    UniqueFd file(
        ::openat(at, made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return failed(errno, path);
    const bool written = write_parts(file.get()) && ::fsync(file.get()) == 0 && !is_stopped() &&
                         ::renameat(at, made.c_str(), at, name.c_str()) == 0;
    if (written) return ::fsync(at) == 0 ? std::nullopt : std::optional(failed(errno, path));
    const int code = errno;
    ::unlinkat(at, made.c_str(), 0);
    return failed(code, path);
  }

  bool write_parts(int file) {
    for (;;) {
      const std::string part = next();
      if (part.empty()) return !is_stopped();
      for (std::string_view left = part; !left.empty();) {
        const ssize_t got = ::write(file, left.data(), left.size());
        if (got < 0 && errno != EINTR) return false;
        if (got > 0) left.remove_prefix(static_cast<std::size_t>(got));
      }
    }
  }

  // Empty: there is no more.
  std::string next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stopped || finished || !parts.empty(); });
    if (stopped) errno = ECANCELED;
    if (stopped || parts.empty()) return {};
    std::string part = std::move(parts.front());
    parts.pop_front();
    bytes -= part.size();
    return part;
  }

  bool is_stopped() {
    const std::lock_guard lock(mutex);
    if (stopped) errno = ECANCELED;
    return stopped;
  }
};

SnapshotSaver::SnapshotSaver(const SnapshotDirectory& directory, const std::string& name, Done done)
    : work_(std::make_shared<Work>()) {
  work_->directory = UniqueFd(::fcntl(directory.fd(), F_DUPFD_CLOEXEC, 3));
  work_->name = name;
  work_->path = directory.path_of(name);
  work_->done = std::move(done);
  thread_ = quiet_thread([work = work_] { work->run(); });
}

SnapshotSaver::~SnapshotSaver() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(work_->mutex);
    work_->stopped = true;
  }
  work_->changed.notify_one();
  thread_.join();
}

void SnapshotSaver::write(std::string bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock(work_->mutex);
  work_->bytes += bytes.size();
  work_->parts.push_back(std::move(bytes));
  work_->changed.notify_one();
}

void SnapshotSaver::finish() {
  const std::lock_guard lock(work_->mutex);
  work_->finished = true;
  work_->changed.notify_one();
}

void SnapshotSaver::give_up() {
  {
    const std::lock_guard lock(work_->mutex);
    work_->stopped = true;
  }
  work_->changed.notify_one();
  thread_.detach();
}

bool SnapshotSaver::is_behind() const {
  const std::lock_guard lock(work_->mutex);
  return work_->bytes > kMaxInMemory;
}

}  // namespace lookout
