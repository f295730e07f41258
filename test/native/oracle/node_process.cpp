#include "oracle/node_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "node/acceptor.h"
#include "oracle/subject.h"
#include "support/unique_fd.h"

namespace lookout::oracle {
namespace {

constexpr int kTries = 10;  // somebody else may take the port

std::string write_cookie(const std::string& directory) {
  std::string path = directory + "/cookie";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const std::string_view cookie = NodeProcess::kCookie;
  if (!file ||
      ::write(file.get(), cookie.data(), cookie.size()) != static_cast<ssize_t>(cookie.size()))
    throw Broken("cannot write " + path);
  return path;
}

std::uint16_t free_port() {
  auto socket = listen_on("127.0.0.1", 0);
  if (const auto* error = std::get_if<Error>(&socket)) throw Broken(error->detail);
  return std::get<ListeningSocket>(socket).port;
}

[[noreturn]] void run(std::vector<std::string> arguments, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(output, STDOUT_FILENO);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(argv.front(), argv.data());
  ::_exit(127);
}

// What it prints up to the end of the first line, or until it has ended.
std::string first_line(int fd) {
  std::string text;
  std::array<char, 256> buffer{};
  while (text.find('\n') == std::string::npos) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0 || (got < 0 && errno != EINTR)) break;
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

NodeProcess::NodeProcess(const std::string& directory) {
  const std::string cookie_file = write_cookie(directory);
  for (int i = 0; i < kTries; ++i) {
    if (start(directory, cookie_file)) return;
  }
  throw Broken("lookout_port --node does not start");
}

bool NodeProcess::start(const std::string& directory, const std::string& cookie_file) {
  port_ = free_port();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  UniqueFd output(ends[0]);
  UniqueFd child_output(ends[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    run({LOOKOUT_PORT, "--node", kName, "--listen", "127.0.0.1:" + std::to_string(port_),
         "--no-epmd", "--cookie-file", cookie_file, "--allow", directory},
        ends[1]);
  }
  child_output.reset();
  if (first_line(output.get()).find("listens on") != std::string::npos) return true;
  signal(SIGKILL);
  wait();
  return false;
}

NodeProcess::~NodeProcess() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  wait();
}

void NodeProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

int NodeProcess::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return status;
}

}  // namespace lookout::oracle
