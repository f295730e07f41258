// FIFOs, sockets and devices: reported as "other" and never opened, since to open one may block, or
// have an effect on others (P1).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "support/unique_fd.h"
#include "watch/disk/writers.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

// A process that waits for a reader of a FIFO, to write one byte into it. If somebody else opens
// the FIFO, that byte is lost.
class PipeWriter {
 public:
  explicit PipeWriter(const std::string& path) : path_(path), thread_([this] { write_byte(); }) {
    while (!waits()) std::this_thread::yield();
  }
  ~PipeWriter() {
    if (!done_) read();
    thread_.join();
  }
  PipeWriter(const PipeWriter&) = delete;
  PipeWriter& operator=(const PipeWriter&) = delete;

  // Opens the FIFO and reads what comes.
  std::string read() {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    while (!done_) std::this_thread::yield();
    char byte = 0;
    return ::read(fd.get(), &byte, 1) == 1 ? std::string(1, byte) : std::string();
  }

 private:
  void write_byte() {
    thread_id_ = ::gettid();
    const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    written_ = ::write(fd.get(), "x", 1);
    done_ = true;
  }

  // Whether the thread sleeps: it does in open() alone.
  bool waits() const {
    if (thread_id_ == 0) return false;
    std::ifstream stat("/proc/self/task/" + std::to_string(thread_id_) + "/stat");
    const std::string text(std::istreambuf_iterator<char>(stat), {});
    const std::size_t name_end = text.rfind(')');
    return name_end != std::string::npos && text.substr(name_end, 3) == ") S";
  }

  std::string path_;
  std::atomic<pid_t> thread_id_{0};
  std::atomic<ssize_t> written_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

class SpecialFilesTest : public EngineTest {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // a byte that is lost
    home_.directory("in");
  }

  void make_fifo(const std::string& name) const {
    ASSERT_EQ(::mkfifo(home_.at(name).c_str(), 0644), 0);
  }

  void make_socket(const std::string& name) const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = home_.at(name);
    ASSERT_LT(path.size(), sizeof address.sun_path);
    path.copy(static_cast<char*>(address.sun_path), path.size());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  // What of a single file is reported, from its start to its removal.
  Told life_of(const std::string& name, WatchOptions options) {
    options.report_existing = true;
    Watcher watcher(home_.path());
    EXPECT_EQ(watcher.watch({home_.at(name)}, options), std::nullopt);
    watcher.sync();
    home_.set_mode(name, 0600);
    watcher.sync();
    home_.move(name, name + ".away");
    watcher.sync();
    home_.move(name + ".away", name);
    watcher.sync();
    home_.set_mode(name, 0644);
    return watcher.told();
  }

  void expect_life(const std::string& name) {
    WatchOptions options;
    const Told expected{"created other " + name, "attributes other " + name,
                        "deleted other " + name, "root_deleted " + name,
                        "root_created " + name,  "created other " + name};
    EXPECT_EQ(life_of(name, options), expected);
    options.await = 60'000;
    options.gitignore = true;
    options.follow_symlinks = true;
    EXPECT_EQ(life_of(name, options), expected);
  }
};

TEST_F(SpecialFilesTest, AFifoAsARootIsReportedAsOther) {
  make_fifo("in/pipe");
  expect_life("in/pipe");
}

TEST_F(SpecialFilesTest, ASocketAsARootIsReportedAsOther) {
  make_socket("in/socket");
  expect_life("in/socket");
}

TEST_F(SpecialFilesTest, ADeviceAsARootIsReportedAsOther) {
  if (::mknod(home_.at("in/null").c_str(), S_IFCHR | 0644, ::makedev(1, 3)) != 0) {
    GTEST_SKIP() << "no device can be made here";
  }
  expect_life("in/null");
}

TEST_F(SpecialFilesTest, AFifoIsLeftToItsReader) {
  for (const char* name : {"in/pipe", "in/.gitignore"}) {
    make_fifo(name);
    PipeWriter writer(home_.at(name));
    WatchOptions options;
    options.gitignore = true;
    options.await = 60'000;
    options.report_existing = true;
    Watcher watcher(home_.path());
    ASSERT_EQ(watcher.watch({home_.at("in"), home_.at(name)}, options), std::nullopt);
    home_.set_mode(name, 0600);
    home_.move(name, std::string(name) + ".away");
    home_.move(std::string(name) + ".away", name);
    watcher.sync();
    EXPECT_EQ(writer.read(), "x") << name;
  }
}

TEST_F(SpecialFilesTest, ADeviceInPlaceOfARuleFileIsNotOpened) {
  // Of a device that does not exist: to open it is an error, which would be reported.
  if (::mknod(home_.at("in/.gitignore").c_str(), S_IFCHR | 0644, ::makedev(10, 250)) != 0) {
    GTEST_SKIP() << "no device can be made here";
  }
  WatchOptions options;
  options.gitignore = true;
  watch({"in"}, options);
  EXPECT_EQ(synced(), Told{});
}

// A file may be exchanged with one after it was checked.
TEST_F(SpecialFilesTest, NoFifoIsOpenedToAskForWriters) {
  ASSERT_EQ(::mkfifo(home_.at("pipe").c_str(), 0600), 0);
  const UniqueFd directory(::open(home_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd opens(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(opens.get(), home_.at("pipe").c_str(), IN_OPEN), 0);
  EXPECT_EQ(writers_of(directory.get(), "pipe"), Writers::unknown);
  inotify_event event{};
  EXPECT_EQ(::read(opens.get(), &event, sizeof event), -1) << "it was opened";
}

}  // namespace
}  // namespace lookout
