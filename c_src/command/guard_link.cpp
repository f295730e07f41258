#include "command/guard_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace lookout {
namespace {

// How often a call is retried, with a pause of 1 ms, when the kernel has no memory for it.
constexpr int kMaxPauses = 500;

// Repeats a system call while its failure is transient.
template <class SystemCall>
ssize_t retry_transient(SystemCall call) {
  for (int pauses = 0;;) {
    const ssize_t result = call();
    if (result >= 0) return result;
    if (errno == EINTR) continue;
    if ((errno != ENOMEM && errno != ENOBUFS) || ++pauses > kMaxPauses) return result;
    ::poll(nullptr, 0, 1);
  }
}

template <class Message>
bool send_message(int link, const Message& message) {
  return retry_transient([&] { return ::send(link, &message, sizeof message, MSG_NOSIGNAL); }) ==
         static_cast<ssize_t>(sizeof message);
}

template <class Message>
std::optional<Message> receive_message(int link) {
  Message message;
  const ssize_t size =
      retry_transient([&] { return ::recv(link, &message, sizeof message, MSG_DONTWAIT); });
  if (size == static_cast<ssize_t>(sizeof message)) return message;
  // ECONNRESET: the peer died with unread messages.
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
