#include "node/epmd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "node/dist_terms.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kFirstPause{1000};
constexpr std::chrono::milliseconds kLongestPause{10'000};

constexpr char kAlive2Request = 120;
constexpr unsigned char kAlive2Response = 121;
constexpr unsigned char kAlive2XResponse = 118;

std::string text_of(int code) {
  return std::generic_category().message(code);
}

}  // namespace

std::string alive_request(const NodeIdentity& self) {
  std::string request(1, kAlive2Request);
  put_number(request, self.port, 2);
  request += kHiddenNode;
  request += '\0';  // TCP
  put_number(request, kDistVersion, 2);
  put_number(request, kDistVersion, 2);
  put_number(request, self.alive_name().size(), 2);
  request += self.alive_name();
  put_number(request, 0, 2);
  std::string framed;
  put_number(framed, request.size(), 2);
  return framed + request;
}

EpmdClient::EpmdClient(asio::io_context& io, const NodeIdentity& self, std::uint16_t port,
                       Report report)
    : socket_(io),
      again_(io),
      self_(self),
      port_(port),
      report_(std::move(report)),
      pause_(kFirstPause) {}

void EpmdClient::start() {
  connect();
}

void EpmdClient::stop() {
  stopped_ = true;
  again_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void EpmdClient::connect() {
  answer_.clear();
  registered_ = false;
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(text_of(errno));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of sockets
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd.get(), to, sizeof address) != 0 && errno != EINPROGRESS) {
    return fail(text_of(errno));
  }
  error_code refused;
  socket_.assign(fd.get(), refused);
  if (refused) return fail(refused.message());
  fd.release();
  socket_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const error_code& error) {
    if (!error && !stopped_) on_connected();
  });
}

void EpmdClient::on_connected() {
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return fail(text_of(code));
  const std::string request = alive_request(self_);
  // The buffer of a new socket takes it whole.
  if (::send(socket_.native_handle(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return fail(text_of(errno));
  }
  read();
}

void EpmdClient::read() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
    if (!error && !stopped_) on_answer();
  });
}

// The connection stays open as long as the registration holds.
void EpmdClient::on_answer() {
  std::array<char, 16> bytes{};
  const ssize_t size = ::read(socket_.native_handle(), bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return read();
  if (size <= 0) {
    return fail(registered_ ? "it has ended" : "it closed the connection without an answer");
  }
  if (registered_) return read();
  answer_.append(bytes.data(), static_cast<std::size_t>(size));
  if (answer_.size() < 2) return read();
  const auto tag = static_cast<unsigned char>(answer_[0]);
  if (tag != kAlive2Response && tag != kAlive2XResponse) return fail("its answer is not known");
  if (answer_[1] != 0) return fail("another node has this name");
  registered_ = true;
  pause_ = kFirstPause;
  report("");
  read();
}

void EpmdClient::fail(const std::string& problem) {
  error_code ignored;
  socket_.close(ignored);
  report(problem);
  again_.expires_after(pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
  again_.async_wait([this](const error_code& error) {
    if (!error && !stopped_) connect();
  });
}

void EpmdClient::report(const std::string& problem) {
  if (std::exchange(reported_, problem) != problem) report_(problem);
}

}  // namespace lookout
