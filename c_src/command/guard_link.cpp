#include "command/guard_link.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace lookout {
namespace {

template <class Message>
bool send_message(int link, const Message& message) {
  return ::send(link, &message, sizeof message, MSG_NOSIGNAL) ==
         static_cast<ssize_t>(sizeof message);
}

template <class Message>
std::optional<Message> receive_message(int link) {
  Message message;
  ssize_t size = 0;
  do {
    size = ::recv(link, &message, sizeof message, MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size == static_cast<ssize_t>(sizeof message)) return message;
  // A peer that died with unread messages shows as a reset.
  if (size >= 0 || errno == ECONNRESET) errno = 0;
  return std::nullopt;
}

}  // namespace

std::optional<LinkPair> make_link() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  LinkPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return pair;
}

bool send_order(int link, Order order) {
  return send_message(link, order);
}

bool send_report(int link, Report report) {
  return send_message(link, report);
}

std::optional<Order> receive_order(int link) {
  return receive_message<Order>(link);
}

std::optional<Report> receive_report(int link) {
  return receive_message<Report>(link);
}

}  // namespace lookout
