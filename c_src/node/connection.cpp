#include "node/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

#include "node/dist_terms.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// As Erlang's kernel parameter net_setuptime.
constexpr std::chrono::seconds kHandshakeTime{7};

// A host that is gone answers nothing: after 15 s without a byte it is asked, and a minute later
// the connection ends.
constexpr int kKeepaliveSeconds = 15;
constexpr int kKeepaliveProbes = 4;
constexpr int kUnansweredMilliseconds = 60'000;

void set(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

std::uint32_t random_number() {
  std::uint32_t number = 0;
  ssize_t got = 0;
  do {
    got = ::getrandom(&number, sizeof number, 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) throw std::system_error(errno, std::generic_category(), "getrandom");
  return number;
}

Connection::Connection(asio::io_context& io, UniqueFd socket, const NodeIdentity& self,
                       ReadBuffer& buffer, ConnectionEvents& events)
    : io_(io),
      socket_(io),
      deadline_(io),
      buffer_(buffer),
      events_(events),
      handshake_(self, random_number()),
      queue_(io, socket_, kRoom,
             {[] {}, [this] { events_.on_room(*this); }, [this](const error_code&) { close(); }}) {
  socket_.assign(socket.get());
  const int fd = socket.release();
  socket_.non_blocking(true);
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveSeconds);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveSeconds);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnansweredMilliseconds);
}

void Connection::start() {
  deadline_.expires_after(kHandshakeTime);
  deadline_.async_wait(lifetime_.guard([this](const error_code& error) {
    if (!error && !is_established()) close();
  }));
  read();
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  queue_.close();
  deadline_.cancel();
  error_code ignored;
  socket_.close(ignored);
  asio::post(io_, [self = shared_from_this()] { self->events_.on_closed(*self); });
}

void Connection::read() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     lifetime_.guard([this](const error_code& error) {
                       if (closed_) return;
                       if (error) return close();
                       on_readable();
                     }));
}

void Connection::on_readable() {
  const ConnectionPointer kept = shared_from_this();
  const ssize_t size = ::read(socket_.native_handle(), buffer_.data(), buffer_.size());
  if (size > 0) {
    on_bytes({buffer_.data(), static_cast<std::size_t>(size)});
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    return close();
  }
  if (!closed_) read();
}

void Connection::on_bytes(std::string_view bytes) {
  if (is_established()) return on_frames(bytes);
  std::string reply;
  const Handshake::State state = handshake_.take(bytes, reply);
  if (!reply.empty()) queue_.add({reply});
  if (state == Handshake::State::running) return;
  if (state == Handshake::State::ended) return close();
  deadline_.cancel();
  events_.on_established(*this);
  if (!closed_) on_frames(handshake_.rest());
}

void Connection::on_frames(std::string_view bytes) {
  while (!closed_) {
    const auto next = frames_.next(bytes);
    if (std::holds_alternative<NeedMore>(next)) return;
    if (const auto* frame = std::get_if<Frame>(&next)) {
      events_.on_frame(*this, frame->payload, 0);
    } else {
      const auto& large = std::get<LargeFrame>(next);
      events_.on_frame(*this, large.beginning, large.size);
    }
  }
}

void Connection::send(std::string_view frame) {
  if (closed_) return;
  queue_.add({frame});
  check_backlog();
}

void Connection::send(std::string_view prefix, std::string_view payload) {
  if (closed_) return;
  std::string length;
  put_number(length, prefix.size() + payload.size(), 4);
  queue_.add({length, prefix, payload});
  check_backlog();
}

void Connection::check_backlog() {
  if (queue_.backlog() <= kMaxBacklog) return;
  stalled_ = true;
  close();
}

}  // namespace lookout
