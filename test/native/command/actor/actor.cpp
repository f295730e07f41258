// A program that does as it is told, badly: each argument is a step.
//
//   say:TEXT   prints a line           error:TEXT  the same on standard error
//   pid        prints its process id   exit:N      exits
//   deaf       ignores SIGTERM, SIGHUP and SIGINT
//   orphan     forks twice; the grandchild has a session of its own, no descriptor and no ear, and
//              its process id is printed
//   child      forks; the child pauses
//   chain      forks, and the parent exits, again and again, for twenty seconds
//   close      closes all descriptors  print       prints without end
//   pause      waits ten minutes       fds         prints its open descriptors
//   ignored    prints the signals that are ignored or blocked
//   limit      prints the soft limit of open files
//   read       waits for a byte on its standard input
//   headless   forks; the child has a session of its own and a child, and its main thread ends
//   while
//              another one lives
//   stop_parent, kill_parent  sends its parent SIGSTOP or SIGKILL
//   stop_parents              sends its parent SIGSTOP every millisecond, after the line "stopped"
//   fork_at_term              at SIGTERM forks a child in a session of its own, and waits for it;
//   the
//              child says "asked" at SIGTERM, and ends after 0.1 s
//   children:N                forks N children that pause
//   user:UID   becomes that user    root        a set-user-ID program becomes root altogether
//   bomb:N     forks without end, at most N processes of its user: not as root
//   namespace  forks an init of a PID namespace, which is deaf and has an orphan and a child
//   steal      prints what of its parent and of that one's parent it may open or trace
//   take_limits sets the limit of open files of its parent and of that one's parent to 0
//   flood:N    has N chains of processes, each of which starts the next one and ends, for twenty
//              seconds, faster than anybody reaps them: not as root
//   undumpable is hidden by the option hidepid of /proc
//   stop_all   sends SIGSTOP to every process that it may signal: not as root
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr int kDescriptors = 1024;

void say(int fd, std::string text) {
  text += '\n';
  if (::write(fd, text.data(), text.size()) < 0) std::_Exit(1);
}

// Longer than any test; what a failed one leaves behind ends after it.
constexpr unsigned kPauseSeconds = 600;

[[noreturn]] void pause_for_long() {
  ::sleep(kPauseSeconds);
  std::_Exit(1);
}

void be_deaf() {
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) ::signal(number, SIG_IGN);
}

void close_all() {
  for (int fd = 0; fd < kDescriptors; ++fd) ::close(fd);
}

void leave_an_orphan() {
  std::array<int, 2> told{};
  if (::pipe(told.data()) != 0) std::_Exit(1);
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0) std::_Exit(0);
    ::setsid();
    be_deaf();
    const pid_t pid = ::getpid();
    if (::write(told[1], &pid, sizeof pid) < 0) std::_Exit(1);
    close_all();
    pause_for_long();
  }
  pid_t pid = 0;
  if (::read(told[0], &pid, sizeof pid) != sizeof pid) std::_Exit(1);
  say(STDOUT_FILENO, std::to_string(pid));
}

void have_a_child() {
  if (::fork() == 0) pause_for_long();
}

void be_a_chain() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    const pid_t pid = ::fork();
    if (pid > 0) std::_Exit(0);
  }
}

void say_asked(int /*number*/) {
  say(STDOUT_FILENO, "asked");
}

void fork_a_child(int /*number*/) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    struct sigaction action {};
    action.sa_handler = say_asked;
    ::sigaction(SIGTERM, &action, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } else {
    ::waitpid(child, nullptr, 0);
  }
  std::_Exit(0);
}

void fork_at_term() {
  struct sigaction action {};
  action.sa_handler = fork_a_child;
  ::sigaction(SIGTERM, &action, nullptr);
}

void have_children(int count) {
  for (int i = 0; i < count; ++i) have_a_child();
}

void read_a_byte() {
  char byte = 0;
  if (::read(STDIN_FILENO, &byte, 1) < 0) std::_Exit(1);
}

void have_a_headless_child() {
  if (::fork() != 0) return;
  ::setsid();
  have_a_child();
  std::thread(pause_for_long).detach();
  ::syscall(SYS_exit, 0);  // of this thread only
}

void signal_parent(int number) {
  ::kill(::getppid(), number);
}

[[noreturn]] void stop_parents_without_end() {
  signal_parent(SIGSTOP);
  say(STDOUT_FILENO, "stopped");
  for (unsigned i = 0; i < kPauseSeconds * 1000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    signal_parent(SIGSTOP);
  }
  std::_Exit(1);
}

[[noreturn]] void print_without_end() {
  const std::string line(4095, 'x');
  for (;;) say(STDOUT_FILENO, line);
}

void tell_descriptors() {
  std::string open;
  for (int fd = 0; fd < kDescriptors; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) open += std::to_string(fd) + ' ';
  }
  say(STDOUT_FILENO, open);
}

void tell_ignored() {
  std::string ignored;
  sigset_t blocked;
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_IGN || ::sigismember(&blocked, number) == 1) {
      ignored += std::to_string(number) + ' ';
    }
  }
  say(STDOUT_FILENO, ignored);
}

void tell_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  say(STDOUT_FILENO, std::to_string(limit.rlim_cur));
}

void become_user(const std::string& user) {
  const auto id = static_cast<uid_t>(std::stoi(user));
  if (::setresgid(id, id, id) != 0 || ::setresuid(id, id, id) != 0) std::_Exit(1);
}

void become_root() {
  if (::setresuid(0, 0, 0) != 0) std::_Exit(1);
}

// For twenty seconds: what a failed test leaves behind ends after them.
[[noreturn]] void be_a_bomb(int most) {
  if (::geteuid() == 0) std::_Exit(1);
  const auto processes = static_cast<rlim_t>(most);
  const rlimit limit{processes, processes};
  if (::setrlimit(RLIMIT_NPROC, &limit) != 0) std::_Exit(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool full = false;
  while (std::chrono::steady_clock::now() < end) {
    if (::fork() >= 0 || full) continue;
    full = true;
    say(STDOUT_FILENO, "full");
  }
  std::_Exit(0);
}

void have_a_namespace() {
  if (::unshare(CLONE_NEWPID) != 0) std::_Exit(1);
  if (::fork() != 0) return;
  be_deaf();
  ::setsid();
  leave_an_orphan();
  have_a_child();
  say(STDOUT_FILENO, "init");
  pause_for_long();
}

void tell(const std::string& what, bool succeeded) {
  say(STDOUT_FILENO, what + (succeeded ? " yes" : " no"));
}

// What it may do to a process of its own user.
void steal_from(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  tell("fd", ::open((proc + "/fd/3").c_str(), O_RDWR) >= 0);
  tell("mem", ::open((proc + "/mem").c_str(), O_RDWR) >= 0);
  tell("environ", ::open((proc + "/environ").c_str(), O_RDONLY) >= 0);
  const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  tell("getfd", ::syscall(SYS_pidfd_getfd, pidfd, 3, 0) >= 0);
  tell("ptrace", ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0);
}

pid_t grandparent() {
  std::string line;
  std::getline(std::ifstream("/proc/" + std::to_string(::getppid()) + "/stat"), line);
  return std::stoi(line.substr(line.rfind(')') + 4));
}

void steal() {
  steal_from(::getppid());
  steal_from(grandparent());
}

// What shares its memory starts fast. The stacks are used in turn: the one before still ends.
constexpr std::size_t kStacks = 64;
alignas(16) std::array<std::array<char, 16384>, kStacks> stacks;
std::chrono::steady_clock::time_point flood_end;

int be_in_the_flood(void* number) {
  const auto next = reinterpret_cast<std::uintptr_t>(number) + 1;
  if (next % 256 == 1) ::syscall(SYS_setsid);
  std::array<char, 16384>& stack = stacks.at(next % kStacks);
  while (std::chrono::steady_clock::now() < flood_end &&
         ::clone(be_in_the_flood, stack.data() + stack.size(), CLONE_VM | SIGCHLD,
                 reinterpret_cast<void*>(next)) < 0) {
  }
  ::syscall(SYS_exit, 0);
  return 0;
}

// With a limit of processes, which the ended ones count for until they are reaped.
void flood(int chains) {
  const rlimit limit{2000, 2000};
  if (::geteuid() == 0 || ::setrlimit(RLIMIT_NPROC, &limit) != 0) std::_Exit(1);
  flood_end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int i = 0; i < chains; ++i) {
    if (::fork() == 0) be_in_the_flood(nullptr);
  }
}

void take_limits() {
  const rlimit none{0, 0};
  for (const pid_t pid : {grandparent(), ::getppid()}) {
    if (::prlimit(pid, RLIMIT_NOFILE, &none, nullptr) != 0) std::_Exit(1);
  }
}

void stop_all() {
  if (::geteuid() == 0) std::_Exit(1);
  ::kill(-1, SIGSTOP);
}

void step(std::string_view name, const std::string& value) {
  if (name == "say") say(STDOUT_FILENO, value);
  if (name == "error") say(STDERR_FILENO, value);
  if (name == "pid") say(STDOUT_FILENO, std::to_string(::getpid()));
  if (name == "exit") std::_Exit(std::stoi(value));
  if (name == "deaf") be_deaf();
  if (name == "orphan") leave_an_orphan();
  if (name == "child") have_a_child();
  if (name == "chain") be_a_chain();
  if (name == "close") close_all();
  if (name == "print") print_without_end();
  if (name == "pause") pause_for_long();
  if (name == "fds") tell_descriptors();
  if (name == "ignored") tell_ignored();
  if (name == "limit") tell_limit();
  if (name == "read") read_a_byte();
  if (name == "headless") have_a_headless_child();
  if (name == "stop_parent") signal_parent(SIGSTOP);
  if (name == "kill_parent") signal_parent(SIGKILL);
  if (name == "stop_parents") stop_parents_without_end();
  if (name == "user") become_user(value);
  if (name == "root") become_root();
  if (name == "bomb") be_a_bomb(std::stoi(value));
  if (name == "namespace") have_a_namespace();
  if (name == "steal") steal();
  if (name == "take_limits") take_limits();
  if (name == "flood") flood(std::stoi(value));
  if (name == "undumpable") ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (name == "stop_all") stop_all();
  if (name == "fork_at_term") fork_at_term();
  if (name == "children") have_children(std::stoi(value));
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t colon = word.find(':');
    step(std::string_view(word).substr(0, colon),
         colon == std::string::npos ? "" : word.substr(colon + 1));
  }
  return 0;
}
