#include "oracle/node_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include "bridge/byte_cursor.h"
#include "node/bytes.h"
#include "oracle/subject.h"

namespace lookout::oracle {
namespace {

using boost::system::error_code;

constexpr time_t kPatience = 60;  // seconds that the node may take for a packet
constexpr std::size_t kRoom = std::size_t{1024} * 1024;
constexpr std::uint32_t kChallenge = 4711;
constexpr std::size_t kNodeFlags = 8;  // bytes

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface of sockets
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw Broken(std::string("the node cannot be reached: ") + std::strerror(errno));
  const timeval patience{kPatience, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::string read_exactly(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size;) {
    const ssize_t got = ::read(fd, bytes.data() + at, size - at);
    if (got <= 0) throw Broken("the node ends the handshake");
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string read_packet(int fd) {
  const std::string length = read_exactly(fd, 2);
  return read_exactly(fd, *ByteCursor(length).number(2));
}

void write_packet(int fd, const std::string& packet) {
  if (::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(packet.size()))
    throw Broken("the node takes no packet");
}

// The challenge of the node, from its packet.
std::uint32_t challenge_in(const std::string& packet) {
  ByteCursor cursor(packet);
  const bool flags = cursor.number(1) == static_cast<unsigned char>('N') && cursor.take(kNodeFlags);
  const auto challenge = flags ? cursor.number(4) : std::nullopt;
  if (!challenge) throw Broken("the node sends no challenge");
  return *challenge;
}

UniqueFd authenticated(UniqueFd fd, std::string_view cookie) {
  write_packet(fd.get(), node_bytes::packet(node_bytes::name_packet("app@host")));
  if (read_packet(fd.get()) != "sok") throw Broken("the node refuses a name");
  const std::uint32_t challenge = challenge_in(read_packet(fd.get()));
  write_packet(fd.get(), node_bytes::packet(node_bytes::challenge_reply(
                             kChallenge, challenge_digest(cookie, challenge))));
  if (read_packet(fd.get()) != 'a' + challenge_digest(cookie, kChallenge))
    throw Broken("the node does not know the cookie");
  return fd;
}

}  // namespace

NodeLink::NodeLink(boost::asio::io_context& io, std::uint16_t port, std::string_view cookie,
                   Handlers handlers)
    : socket_(io, authenticated(connect_to(port), cookie).release()),
      handlers_(std::move(handlers)),
      queue_(io, socket_, kRoom,
             {[] {}, [] {}, [this](const error_code&) { handlers_.closed(); }}) {
  socket_.non_blocking(true);
  read();
}

void NodeLink::read() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     lifetime_.guard([this](const error_code& error) {
                       if (!error) on_readable();
                     }));
}

void NodeLink::on_readable() {
  const ssize_t size = ::read(socket_.native_handle(), buffer_.data(), buffer_.size());
  if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return handlers_.closed();
  std::string_view chunk(buffer_.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!chunk.empty()) {
    const auto next = frames_.next(chunk);
    if (const auto* frame = std::get_if<Frame>(&next)) handlers_.frame(frame->payload);
    if (std::holds_alternative<LargeFrame>(next)) throw Broken("the node sends a huge frame");
  }
  read();
}

UniqueFd NodeLink::lose(Loss loss) {
  queue_.close();
  UniqueFd fd(socket_.release());
  if (loss == Loss::silent) return fd;
  if (loss == Loss::within) {
    const std::string half = std::string("\0\0\1\0p\x83", 6) + std::string(40, 'h');
    ::send(fd.get(), half.data(), half.size(), MSG_NOSIGNAL);
  }
  const linger reset{1, 0};
  if (loss == Loss::reset) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  return {};
}

}  // namespace lookout::oracle
