#include "watch/hung_mount.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <deque>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "support/unique_fd.h"
#include "watch/disk/disk.h"

namespace lookout {
namespace {

constexpr std::uint64_t kRoot = FUSE_ROOT_ID;
constexpr std::uint64_t kFile = 2;
constexpr std::uint64_t kDirectory = 3;
constexpr std::uint64_t kInner = 4;
constexpr std::uint64_t kNew = 5;
constexpr std::uint64_t kRenamed = 6;
constexpr std::uint64_t kInRenamed = 7;

// A server that nobody ends must not keep its callers waiting for ever.
constexpr unsigned kLongestLife = 120;

constexpr std::int64_t kSecond = 1'000'000'000;

struct Named {
  std::uint64_t parent;
  std::string_view name;
  std::uint64_t node;
};
constexpr Named kEntries[] = {{kRoot, "f", kFile},    {kRoot, "d", kDirectory},
                              {kRoot, "new", kNew},   {kDirectory, "g", kInner},
                              {kRoot, "e", kRenamed}, {kRenamed, "g", kInRenamed}};

}  // namespace

class HungMount::Server {
 public:
  Server(int device, Shared& shared) : device_(device), shared_(shared) {}

  void serve() {
    constexpr int kTick = 5;
    for (;;) {
      pollfd waiting{device_, POLLIN, 0};
      if (::poll(&waiting, 1, kTick) > 0 && !read_call()) return;
      while (!shared_.held && !calls_.empty()) {
        if (shared_.left >= 0 && shared_.left-- == 0) {
          shared_.held = true;
          break;
        }
        if ((shared_.holds_look && looks_at_file(calls_.front())) ||
            (shared_.holds_open && opcode_of(calls_.front()) == FUSE_OPEN)) {
          shared_.holds_look = shared_.holds_open = false;
          shared_.held = true;
          break;
        }
        if (shared_.delay > 0) {
          std::this_thread::sleep_for(std::chrono::milliseconds(shared_.delay));
        }
        answer(calls_.front());
        ++shared_.answered;
        calls_.pop_front();
        shared_.waiting = static_cast<int>(calls_.size());
      }
    }
  }

 private:
  static bool looks_at_file(const std::vector<char>& call) {
    fuse_in_header in{};
    std::memcpy(&in, call.data(), sizeof in);
    return in.opcode == FUSE_LOOKUP && std::string_view(call.data() + sizeof in) == "f";
  }

  static std::uint32_t opcode_of(const std::vector<char>& call) {
    fuse_in_header in{};
    std::memcpy(&in, call.data(), sizeof in);
    return in.opcode;
  }

  bool read_call() {
    std::vector<char> call(FUSE_MIN_READ_BUFFER + (1 << 17));
    const ssize_t got = ::read(device_, call.data(), call.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN || errno == ENOENT;
    call.resize(static_cast<std::size_t>(got));
    const std::uint32_t opcode = opcode_of(call);
    if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT) {
      return true;  // nobody waits for an answer
    }
    if (opcode == FUSE_INIT) {
      answer(call);
      return true;
    }
    calls_.push_back(std::move(call));
    shared_.waiting = static_cast<int>(calls_.size());
    return true;
  }

  bool stands(std::uint64_t node) const {
    if (node == kNew) return shared_.has_new;
    if (node == kRenamed || node == kInRenamed) return shared_.renamed;
    return shared_.has_d || (node != kDirectory && node != kInner);
  }

  bool is_directory(std::uint64_t node) const {
    return (node == kRoot && !shared_.is_file) || node == kDirectory || node == kRenamed;
  }

  fuse_attr attributes(std::uint64_t node) {
    fuse_attr attributes{};
    const bool directory = is_directory(node);
    attributes.ino = node;
    if (node == kDirectory && shared_.renumbered) attributes.ino = next_number_++;
    attributes.mode = directory ? S_IFDIR | 0755U : S_IFREG | 0644U;
    attributes.nlink = directory ? 2 : 1;
    attributes.size = directory ? 0 : 3;
    attributes.mtime = attributes.ctime = 1'000'000'000;
    if (node == kFile) {
      attributes.ctime = static_cast<std::uint64_t>(shared_.ctime / kSecond);
      attributes.ctimensec = static_cast<std::uint32_t>(shared_.ctime % kSecond);
    }
    return attributes;
  }

  // The errno to answer with; 0 if the call succeeds.
  int failure(const fuse_in_header& in, std::string_view name) const {
    const auto is = [&](Call call, std::uint32_t opcode, std::uint64_t node) {
      return shared_.failing == call && in.opcode == opcode && in.nodeid == node;
    };
    const bool fails = (is(Call::look, FUSE_LOOKUP, kRoot) && name == "f") ||
                       is(Call::open_d, FUSE_OPENDIR, kDirectory) ||
                       is(Call::open_root, FUSE_OPENDIR, kRoot) ||
                       is(Call::read_d, FUSE_READDIR, kDirectory);
    return fails ? shared_.code.load() : 0;
  }

  void answer(const std::vector<char>& call) {
    fuse_in_header in{};
    std::memcpy(&in, call.data(), sizeof in);
    const char* const rest = call.data() + sizeof in;
    const bool named = in.opcode == FUSE_LOOKUP;
    if (const int code = failure(in, named ? rest : ""); code != 0) return fail(in, code);
    switch (in.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = 31;
        out.max_write = 4096;
        return reply(in, &out, sizeof out);
      }
      case FUSE_LOOKUP:
        for (const Named& entry : kEntries) {
          if (entry.parent == in.nodeid && entry.name == rest && stands(entry.node)) {
            fuse_entry_out out{};
            out.nodeid = entry.node;
            out.attr = attributes(entry.node);
            return reply(in, &out, sizeof out);
          }
        }
        return fail(in, ENOENT);
      case FUSE_GETATTR: {
        if (!stands(in.nodeid)) return fail(in, ENOENT);
        fuse_attr_out out{};
        out.attr = attributes(in.nodeid);
        return reply(in, &out, sizeof out);
      }
      case FUSE_OPENDIR: {
        if (!stands(in.nodeid) || (in.nodeid == kDirectory && shared_.renamed)) {
          return fail(in, ENOENT);
        }
        fuse_open_out out{};
        return reply(in, &out, sizeof out);
      }
      case FUSE_READDIR: {
        fuse_read_in read{};
        std::memcpy(&read, rest, sizeof read);
        const std::string listing = read.offset == 0 ? list(in.nodeid) : std::string();
        return reply(in, listing.data(), listing.size());
      }
      case FUSE_STATFS: {
        fuse_statfs_out out{};
        return reply(in, &out, sizeof out);
      }
      case FUSE_RELEASEDIR:
      case FUSE_RELEASE:
      case FUSE_FLUSH:
        return fail(in, 0);
      default:
        return fail(in, ENOSYS);
    }
  }

  std::string list(std::uint64_t directory) const {
    std::string listing;
    for (const Named& entry : kEntries) {
      if (entry.parent != directory || !stands(entry.node)) continue;
      fuse_dirent record{};
      record.ino = entry.node;
      record.namelen = static_cast<std::uint32_t>(entry.name.size());
      record.type = is_directory(entry.node) ? kListedDirectory : kListedFile;
      const std::size_t length = FUSE_NAME_OFFSET + entry.name.size();
      const std::size_t begin = listing.size();
      record.off = begin + FUSE_DIRENT_ALIGN(length);
      listing.append(reinterpret_cast<const char*>(&record), FUSE_NAME_OFFSET);
      listing.append(entry.name);
      listing.resize(begin + FUSE_DIRENT_ALIGN(length));
    }
    return listing;
  }

  void reply(const fuse_in_header& in, const void* body, std::size_t size, int error = 0) const {
    fuse_out_header out{};
    out.unique = in.unique;
    out.error = -error;
    out.len = static_cast<std::uint32_t>(sizeof out + size);
    iovec parts[] = {{&out, sizeof out}, {const_cast<void*>(body), size}};
    // One that was given up meanwhile is not known any more.
    if (::writev(device_, parts, 2) < 0 && errno != ENOENT) std::_Exit(3);
  }

  void fail(const fuse_in_header& in, int error) const { reply(in, nullptr, 0, error); }

  static constexpr std::uint32_t kListedDirectory = S_IFDIR >> 12;
  static constexpr std::uint32_t kListedFile = S_IFREG >> 12;

  int device_;
  Shared& shared_;
  std::deque<std::vector<char>> calls_;
  std::uint64_t next_number_ = 1000;
};

HungMount::HungMount(std::string place, Served served, Root root) : place_(std::move(place)) {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared_ = new (memory) Shared;
  UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device) return;
  shared_->is_file = root == Root::file;
  const std::string options = "fd=" + std::to_string(device.get()) +
                              ",rootmode=" + (root == Root::file ? "100000" : "40000") +
                              ",user_id=0,group_id=0";
  mounted_ =
      ::mount("lookout-test", place_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  if (!mounted_) return;
  if (served == Served::no) {
    device_ = std::move(device);
    return;
  }
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(kLongestLife);
    Server(device.get(), *shared_).serve();
    std::_Exit(0);
  }
}

void HungMount::write_unseen() {
  const std::int64_t now = inode_clock();
  shared_->ctime = now;
  // Whoever compares times allows for the tick of the clock.
  while (inode_clock() < now + kSecond / 20) std::this_thread::yield();
}

void HungMount::end_server() {
  device_.reset();
  if (server_ <= 0) return;
  ::kill(server_, SIGKILL);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

HungMount::~HungMount() {
  end_server();
  if (mounted_) ::umount2(place_.c_str(), MNT_DETACH);
  ::munmap(shared_, sizeof(Shared));
}

}  // namespace lookout
