#include "node/acceptor.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "node/epmd.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kBacklog = 128;
constexpr int kAcceptedTogether = 64;  // before other work gets its turn
constexpr std::chrono::milliseconds kPause{100};

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Error listen_error(int code, const std::string& address, std::uint16_t port) {
  Error error = errno_error(code, "listen", "");
  error.detail += "; the address was " + address + ", port " + std::to_string(port);
  if (port == kEpmdPort) error.detail += ". If epmd runs there, leave out the port and --no-epmd";
  return error;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of sockets
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the same place in both families
  return ntohs(reinterpret_cast<const sockaddr_in*>(&own)->sin_port);
}

}  // namespace

Result<ListeningSocket> listen_on(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    Error error = listen_error(EINVAL, address, port);
    error.detail += "; give an IPv4 or IPv6 address in numbers";
    return error;
  }
  const Addresses addresses(found, ::freeaddrinfo);
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return listen_error(errno, address, port);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return listen_error(errno, address, port);
  }
  const std::uint16_t bound = port_of(fd.get());
  return ListeningSocket{std::move(fd), address, bound};
}

Acceptor::Acceptor(asio::io_context& io, UniqueFd socket, std::function<void(UniqueFd)> accepted,
                   std::function<void()> full)
    : socket_(io, socket.release()),
      again_(io),
      accepted_(std::move(accepted)),
      full_(std::move(full)) {}

void Acceptor::stop() {
  stopped_ = true;
  again_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void Acceptor::wait() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
    if (!error && !stopped_) accept();
  });
}

void Acceptor::accept() {
  for (int i = 0; i < kAcceptedTogether; ++i) {
    UniqueFd fd(::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      accepted_(std::move(fd));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      full_();
      return pause();
    }
    // Any other error is one of the new connection.
  }
  wait();
}

void Acceptor::pause() {
  again_.expires_after(kPause);
  again_.async_wait([this](const error_code& error) {
    if (!error && !stopped_) accept();
  });
}

}  // namespace lookout
