#include "inject/injector.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace lookout::inject {
namespace {

constexpr std::size_t kLongestLog = 4096;

// The first call of lookout_port itself, isatty(3). What the dynamic linker does before is not
// ours.
constexpr int kBeginning = SYS_ioctl;

struct NamedCall {
  int number;
  const char* name;
};

constexpr NamedCall kCalls[]{
#include "syscall_names.inc"
};

// What the starting process says to this one without a system call, which might be trapped.
struct Handover {
  std::atomic<int> listener{-1};  // the descriptor; below -1: an errno and a step
  std::atomic<bool> taken{false};
};

class SharedHandover {
 public:
  SharedHandover() {
    void* page = ::mmap(nullptr, sizeof(Handover), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw Unavailable("no shared memory");
    handover_ = new (page) Handover;
  }
  ~SharedHandover() { ::munmap(handover_, sizeof(Handover)); }
  SharedHandover(const SharedHandover&) = delete;
  SharedHandover& operator=(const SharedHandover&) = delete;
  Handover* operator->() const { return handover_; }

 private:
  Handover* handover_;
};

std::vector<sock_filter> filter_of(const std::vector<int>& calls) {
  std::vector<sock_filter> filter;
  if (calls.empty()) {
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    return filter;
  }
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  std::vector<int> trapped = calls;
  trapped.push_back(kBeginning);
  for (const int call : trapped) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

int install(std::vector<sock_filter>& filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  // With it a signal does not make a call begin anew that is with the judge already (Linux 5.19).
  for (const unsigned long flags :
       {SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        static_cast<unsigned long>(SECCOMP_FILTER_FLAG_NEW_LISTENER)}) {
    const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener >= 0 || errno != EINVAL) return static_cast<int>(listener);
  }
  return -1;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void become(const std::vector<std::string>& argv,
                         const std::vector<std::string>& environment,
                         const Injector::Streams& streams, std::vector<sock_filter> filter,
                         SharedHandover& handover) {
  ::dup2(streams.input, STDIN_FILENO);
  ::dup2(streams.output, STDOUT_FILENO);
  ::dup2(streams.errors, STDERR_FILENO);
  const std::vector<char*> words = pointers(argv);
  const std::vector<char*> variables = pointers(environment);
  const int listener = install(filter);
  handover->listener = listener >= 0 ? listener : -1 - errno;
  while (!handover->taken) {
  }
  ::execve(words.front(), words.data(), variables.data());
  ::_exit(127);
}

int take_listener(pid_t pid, SharedHandover& handover) {
  while (handover->listener == -1) ::sched_yield();
  const int number = handover->listener;
  if (number < 0) {
    throw Unavailable(std::string("no seccomp filter with a listener: ") +
                      ::strerrordesc_np(-1 - number));
  }
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const int listener = static_cast<int>(::syscall(SYS_pidfd_getfd, process, number, 0));
  const int error = errno;
  ::close(process);
  if (listener < 0) {
    throw Unavailable(std::string("no pidfd_getfd: ") + ::strerrordesc_np(error));
  }
  return listener;
}

void interrupted(int /*signal*/) {}

}  // namespace

Injector::Injector(Rule rule, const std::vector<std::string>& argv,
                   const std::vector<std::string>& environment, Streams streams)
    : rule_(std::move(rule)), program_(argv.front()) {
  struct sigaction action {};
  action.sa_handler = interrupted;
  ::sigaction(SIGUSR1, &action, nullptr);
  SharedHandover handover;
  pid_ = ::fork();
  if (pid_ < 0) throw Unavailable("no process");
  if (pid_ == 0) become(argv, environment, streams, filter_of(rule_.calls), handover);
  try {
    listener_ = take_listener(pid_, handover);
  } catch (const Unavailable&) {
    ::kill(pid_, SIGKILL);
    throw;
  }
  server_ = std::thread([this] { serve(); });
  handover->taken = true;
}

Injector::~Injector() {
  stopping_ = true;
  while (!stopped_) {
    ::pthread_kill(server_.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  server_.join();
  ::close(listener_);
}

void Injector::serve() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, 100) <= 0) continue;
    if ((ready.revents & POLLIN) == 0) break;  // no process has the filter any more
    seccomp_notif notification{};
    // It may be gone meanwhile, with its process.
    if (::ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &notification) == 0) answer(notification);
  }
  stopped_ = true;
}

void Injector::answer(const seccomp_notif& notification) {
  Call call{notification.data.nr, static_cast<pid_t>(notification.pid), {}};
  std::copy(std::begin(notification.data.args), std::end(notification.data.args), call.arguments);
  seccomp_notif_resp response{};
  response.id = notification.id;
  if (!fails(call)) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else if (call.number == SYS_brk) {
    response.val = 0;  // a break below the wanted one is how brk(2) says ENOMEM
  } else {
    response.error = -rule_.error;
  }
  ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

bool Injector::fails(const Call& call) {
  if (!runs_program(call.thread)) return false;
  if (call.number == kBeginning) begun_ = true;
  if (!begun_) return false;
  if (rule_.calls.empty()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++counts_[call.number];
    return false;
  }
  if (std::find(rule_.calls.begin(), rule_.calls.end(), call.number) == rule_.calls.end()) {
    return false;
  }
  if (!armed_ || (rule_.plausible && !rule_.plausible(call))) return false;
  const std::uint64_t number = ++seen_;
  if (number < rule_.first || number > rule_.last) return false;
  if ((number - rule_.first) % rule_.step != 0) return false;
  ++injected_;
  note(call);
  return true;
}

bool Injector::runs_program(pid_t thread) const {
  std::array<char, 4096> target{};
  const std::string link = "/proc/" + std::to_string(thread) + "/exe";
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == program_;
}

void Injector::note(const Call& call) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (log_.size() > kLongestLog) return;
  log_ +=
      "  number " + std::to_string(seen_) + ": " + call_name(call.number) + " in " +
      (call.thread == pid_ ? "lookout_port" : "process or thread " + std::to_string(call.thread)) +
      ", arguments";
  for (const std::uint64_t argument : call.arguments) log_ += ' ' + std::to_string(argument);
  log_ += '\n';
}

std::map<int, std::uint64_t> Injector::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

std::string Injector::log() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return log_;
}

int call_number(const std::string& name) {
  const auto* found = std::find_if(std::begin(kCalls), std::end(kCalls),
                                   [&](const NamedCall& call) { return name == call.name; });
  return found == std::end(kCalls) ? -1 : found->number;
}

std::string call_name(int number) {
  const auto* found = std::find_if(std::begin(kCalls), std::end(kCalls),
                                   [&](const NamedCall& call) { return number == call.number; });
  return found == std::end(kCalls) ? "call_" + std::to_string(number) : found->name;
}

std::string descriptor_target(pid_t thread, std::uint64_t descriptor) {
  std::array<char, 4096> target{};
  const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : "";
}

}  // namespace lookout::inject
