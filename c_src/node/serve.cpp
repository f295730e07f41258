#include "node/serve.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "node/cookie.h"
#include "node/epmd.h"
#include "node/node.h"
#include "node/options.h"
#include "watch/disk/confinement.h"

namespace lookout {

const char* const kNodeUsage =
    "       lookout_port --node NAME[@HOST] OPTION...\n"
    "                                join an Erlang cluster as a hidden node, for watchers with\n"
    "                                node: \"NAME@HOST\". Options:\n"
    "         --listen ADDRESS[:PORT]  where to listen; 127.0.0.1 and any port\n"
    "         --cookie-file FILE       with the cookie of the cluster; ~/.erlang.cookie\n"
    "         --allow DIR              watch nothing outside DIR; give it again for more. Without\n"
    "                                  one, nothing may be watched\n"
    "         --commands               let the cluster run commands\n"
    "         --max-sessions N         how many sessions there may be at once; 64\n"
    "         --no-epmd                do not register with epmd\n";

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kUsageError = 2;
// How long the last messages may take at the end.
constexpr std::chrono::milliseconds kFlushTime{2000};
constexpr std::chrono::milliseconds kFlushPause{10};

void complain(const std::string& text) {
  std::fprintf(stderr, "lookout_port: %s\n", text.c_str());
}

int fail(const Error& error) {
  complain(error.path.empty() ? error.detail : error.path + ": " + error.detail);
  return EXIT_FAILURE;
}

std::string value_of(const char* variable) {
  const char* const value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): no threads yet
  return value == nullptr ? "" : value;
}

// As Erlang makes up the host of a short name: the host's name as far as its first dot.
std::string full_name(const std::string& name) {
  if (name.find('@') != std::string::npos) return name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return name + "@localhost";
  return name + '@' + std::string(host.data(), ::strcspn(host.data(), "."));
}

std::uint16_t epmd_port() {
  const std::string text = value_of("ERL_EPMD_PORT");
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && port != 0 ? port : kEpmdPort;
}

// Each session and each connection has descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint32_t random_creation() {
  std::uint32_t creation = 0;
  while (creation < 4) creation = random_number();  // 0 to 3 were those of old nodes
  return creation;
}

std::string start_line(const NodeIdentity& self, const ListeningSocket& socket,
                       const NodeOptions& options) {
  const bool brackets = socket.address.find(':') != std::string::npos;
  std::string line = "node " + self.name + " listens on " + (brackets ? "[" : "") + socket.address +
                     (brackets ? "]" : "") + ':' + std::to_string(socket.port);
  if (options.allowed.empty()) line += "; nothing may be watched without --allow";
  return line;
}

// Runs the loop until a signal has ended the node and its last messages are written.
class Service {
 public:
  Service(const NodeIdentity& self, UniqueFd listening, const NodeOptions& options)
      : io_(1),
        signals_(io_, SIGTERM, SIGINT),
        flush_(io_),
        node_(io_, self, std::move(listening), {options.max_sessions, options.commands}, complain) {
    if (!options.epmd || self.port == epmd_port()) return;
    epmd_.emplace(io_, self, epmd_port(), [this](const std::string& problem) { on_epmd(problem); });
  }

  int run() {
    signals_.async_wait([this](const error_code& error, int /*number*/) {
      if (!error) shut_down();
    });
    node_.start();
    if (epmd_) epmd_->start();
    io_.run();
    // _Exit() skips the destructors, which would wait for a thread that is stuck.
    if (node_.is_stuck()) std::_Exit(EXIT_SUCCESS);
    return EXIT_SUCCESS;
  }

 private:
  void on_epmd(const std::string& problem) {
    const std::string where = "epmd at 127.0.0.1:" + std::to_string(epmd_port());
    if (!problem.empty()) {
      complain(where + ": " + problem + "; trying again until it has registered this node");
    } else if (std::exchange(missed_epmd_, false)) {
      complain(where + " has registered this node");
    }
    if (!problem.empty()) missed_epmd_ = true;
  }

  void shut_down() {
    if (epmd_) epmd_->stop();
    node_.shut_down();
    end_ = std::chrono::steady_clock::now() + kFlushTime;
    flush();
  }

  void flush() {
    if (node_.is_flushed() || std::chrono::steady_clock::now() >= end_) return io_.stop();
    flush_.expires_after(kFlushPause);
    flush_.async_wait([this](const error_code&) { flush(); });
  }

  asio::io_context io_;
  asio::signal_set signals_;
  asio::steady_timer flush_;
  Node node_;
  std::optional<EpmdClient> epmd_;
  bool missed_epmd_ = false;
  std::chrono::steady_clock::time_point end_;
};

}  // namespace

int serve_node(const std::vector<std::string>& arguments) {
  auto parsed = parse_node_options(arguments);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    complain(error->text + "\n\nUsage: ");
    std::fputs(kNodeUsage, stderr);
    return kUsageError;
  }
  auto& options = std::get<NodeOptions>(parsed);
  if (options.cookie_file.empty()) options.cookie_file = value_of("HOME") + "/.erlang.cookie";
  auto cookie = read_cookie(options.cookie_file);
  if (const auto* error = std::get_if<Error>(&cookie)) return fail(*error);
  if (auto error = confine(options.allowed)) return fail(*error);
  auto listening = listen_on(options.address, options.port);
  if (const auto* error = std::get_if<Error>(&listening)) return fail(*error);
  auto& socket = std::get<ListeningSocket>(listening);
  const NodeIdentity self{full_name(options.name), std::get<std::string>(std::move(cookie)),
                          random_creation(), socket.port};
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGIO, SIG_IGN);  // writers_of() may cause one
  if (::chdir("/") != 0) complain("cannot change to /");
  std::fprintf(stdout, "lookout_port: %s\n", start_line(self, socket, options).c_str());
  std::fflush(stdout);
  return Service(self, std::move(socket.fd), options).run();
}

}  // namespace lookout
