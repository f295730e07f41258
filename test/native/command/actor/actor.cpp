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
//   pause      waits without end       fds         prints its open descriptors
//   ignored    prints the signals that are ignored or blocked
//   limit      prints the soft limit of open files
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr int kDescriptors = 1024;

void say(int fd, std::string text) {
  text += '\n';
  if (::write(fd, text.data(), text.size()) < 0) std::_Exit(1);
}

[[noreturn]] void pause_for_ever() {
  for (;;) ::pause();
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
    pause_for_ever();
  }
  pid_t pid = 0;
  if (::read(told[0], &pid, sizeof pid) != sizeof pid) std::_Exit(1);
  say(STDOUT_FILENO, std::to_string(pid));
}

void have_a_child() {
  if (::fork() == 0) pause_for_ever();
}

void be_a_chain() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < end) {
    const pid_t pid = ::fork();
    if (pid > 0) std::_Exit(0);
  }
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
  if (name == "pause") pause_for_ever();
  if (name == "fds") tell_descriptors();
  if (name == "ignored") tell_ignored();
  if (name == "limit") tell_limit();
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
