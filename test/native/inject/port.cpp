#include "inject/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "bridge/etf_builder.h"

namespace lookout::inject {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct PipeEnds {
  oracle::Descriptor reading;
  oracle::Descriptor writing;
};

PipeEnds make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Unavailable("no pipe");
  return {oracle::Descriptor(ends[0]), oracle::Descriptor(ends[1])};
}

std::vector<std::string> environment_of_this() {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
  // The heap grows by single pages, so that there are many moments at which memory is refused.
  variables.emplace_back(
      "GLIBC_TUNABLES=glibc.malloc.top_pad=1:glibc.malloc.mmap_threshold=65536:"
      "glibc.malloc.trim_threshold=65536");
  // The search for leaks needs what is made to fail here.
  variables.emplace_back("ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1");
  return variables;
}

std::string children_of(pid_t pid) {
  std::string all;
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; file >> child;) {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string line;
    std::getline(stat, line);
    all += " [" + line.substr(0, line.find(' ', line.rfind(')') + 2)) + "]";
    all += children_of(child);
  }
  return all;
}

void kill_descendants() {
  std::istringstream found(descendants());
  for (std::string word; found >> word;) {
    if (word.starts_with('[')) ::kill(std::stoi(word.substr(1)), SIGKILL);
  }
}

}  // namespace

std::string descendants() {
  return children_of(::getpid());
}

Port::Port(const std::string& path, Rule rule, MessageHandler handler)
    : handler_(std::move(handler)), persistent_(rule.last > rule.first) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  std::signal(SIGPIPE, SIG_IGN);
  PipeEnds input = make_pipe();
  PipeEnds output = make_pipe();
  PipeEnds errors = make_pipe();
  injector_ = std::make_unique<Injector>(
      std::move(rule), std::vector<std::string>{path}, environment_of_this(),
      Injector::Streams{input.reading.get(), output.writing.get(), errors.writing.get()});
  to_ = std::move(input.writing);
  from_ = std::move(output.reading);
  errors_ = std::move(errors.reading);
}

Port::~Port() {
  injector_->disarm();
  try {
    end_all(false);
  } catch (const std::exception&) {
    // Another failure is under way.
  }
}

void Port::await_hello() {
  await("hello", [this] { return hello_; });
}

Term Port::request(const std::string& name, const std::string& elements, int count) {
  using namespace etf_builder;
  reply_.reset();
  ++last_id_;
  cast("h" + big_endian(static_cast<std::uint64_t>(count) + 2, 1) + atom(name) + integer(last_id_) +
       elements);
  await("the reply to " + name, [this] { return reply_.has_value(); });
  return *std::exchange(reply_, std::nullopt);
}

void Port::cast(const std::string& term) {
  const std::string payload = "\x83" + term;
  const std::string frame = etf_builder::big_endian(payload.size(), 4) + payload;
  if (::write(to_.get(), frame.data(), frame.size()) != static_cast<ssize_t>(frame.size())) {
    report_end();
  }
}

void Port::await(const std::string& what, const std::function<bool()>& reached) {
  const auto begin = steady_clock::now();
  while (!reached()) {
    if (const auto message = next_message()) {
      handle(*message);
    } else if (!read_some() && is_over(begin)) {
      throw Broken("hangs: no end came of " + what + "; processes:" + descendants());
    }
  }
}

// Whether what has begun then hangs. Ends the failures before it would be so.
bool Port::is_over(TimePoint begin) {
  const auto passed = steady_clock::now() - begin;
  if (persistent_ && passed > kPersistence) {
    injector_->disarm();
    waited_ = true;
  }
  return passed > kHangs;
}

void Port::handle(const Term& message) {
  if (message.is_tuple("hello")) {
    hello_ = true;
  } else if (message.is_tuple("fatal")) {
    fatal_ = true;
  } else if (message.is_tuple("reply") && !message.at(1).is_atom("nil")) {
    if (message.at(1).number != last_id_) throw Broken("an unasked reply: " + print(message));
    reply_ = message.at(2);
  } else {
    handler_(message);
  }
}

std::optional<Term> Port::next_message() {
  if (received_.size() < 4) return std::nullopt;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) {
    size = size << 8U | static_cast<unsigned char>(received_[static_cast<std::size_t>(i)]);
  }
  if (received_.size() < 4 + size) return std::nullopt;
  Term message = decode(std::string_view(received_).substr(4, size));
  received_.erase(0, 4 + size);
  return message;
}

bool Port::read_some() {
  pollfd ready{from_.get(), POLLIN, 0};
  if (::poll(&ready, 1, 100) <= 0) return false;
  std::array<char, 65536> bytes;
  const ssize_t size = ::read(from_.get(), bytes.data(), bytes.size());
  if (size <= 0) report_end();
  received_.append(bytes.data(), static_cast<std::size_t>(size));
  return true;
}

std::string Port::errors() {
  std::string all;
  std::array<char, 4096> bytes;
  pollfd ready{errors_.get(), POLLIN, 0};
  while (::poll(&ready, 1, 0) > 0) {
    const ssize_t size = ::read(errors_.get(), bytes.data(), bytes.size());
    if (size <= 0) break;
    all.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return all;
}

// Its exit status, or 128 and the signal.
int Port::wait_for_end() {
  const auto begin = steady_clock::now();
  for (;;) {
    int status = 0;
    if (::waitpid(injector_->pid(), &status, WNOHANG) == injector_->pid()) {
      reaped_ = true;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    if (is_over(begin)) {
      throw Broken("hangs: lookout_port does not end; processes:" + descendants());
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
}

void Port::report_end() {
  to_.close();
  while (const auto message = next_message()) {
    if (message->is_tuple("fatal")) fatal_ = true;
  }
  const int status = wait_for_end();
  const std::string said = errors();
  injector_->disarm();
  if (status >= 128) {
    throw Broken("a crash: lookout_port ended by signal " + std::to_string(status - 128) + ": " +
                 said);
  }
  if (status == 0) throw Broken("silence: lookout_port ended with status 0, unasked: " + said);
  if (said.find("Sanitizer") != std::string::npos ||
      said.find("runtime error") != std::string::npos) {
    throw Broken("a sanitizer: " + said);
  }
  if (said.empty() && !fatal_) {
    throw Broken("silence: lookout_port ended with status " + std::to_string(status) +
                 " and no reason");
  }
  end_all(true);
  throw Ended((hello_ ? "ended: " : "did not start: ") + said);
}

void Port::finish(int expected) {
  to_.close();
  const int status = wait_for_end();
  const std::string said = errors();
  if (status != expected) {
    throw Broken("lookout_port did not end well: status " + std::to_string(status) + ": " + said);
  }
  end_all(true);
}

// A guardian may outlive lookout_port, but not for long.
void Port::end_all(bool demand) {
  if (!reaped_ && !demand) ::kill(injector_->pid(), SIGKILL);
  const auto begin = steady_clock::now();
  std::string left;
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid < 0) break;
    if (pid > 0) continue;
    if (!demand || is_over(begin)) {
      if (left.empty()) left = descendants();
      kill_descendants();
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  if (demand && !left.empty()) throw Broken("left behind:" + left);
}

std::size_t Port::open_descriptors() const {
  std::size_t count = 0;
  const std::string path = "/proc/" + std::to_string(injector_->pid()) + "/fd";
  DIR* directory = ::opendir(path.c_str());
  if (directory == nullptr) return 0;
  // One thread reads this directory stream. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

std::string Port::children() const {
  return children_of(injector_->pid());
}

}  // namespace lookout::inject
