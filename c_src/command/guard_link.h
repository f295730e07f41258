// What goes between this program and the guardian of its command: messages of one size, each
// written and read whole, on a socket that keeps them apart (SOCK_SEQPACKET).
#pragma once

#include <optional>

#include "support/unique_fd.h"

namespace lookout {

// To the guardian. The end of the socket is an order, too: stop, with the grace of the launch.
struct Order {
  enum class Kind : int {
    signal,  // value: to the command's process group
    stop,    // value: ask the whole tree to end, and kill what is left so many milliseconds later
    leave,   // end, and leave what the command left behind alone, unless it was asked to end
  };
  Kind kind{};
  int value = 0;
};

// From the guardian.
struct Report {
  enum class Kind : int {
    started,   // value: the process id
    failed,    // value: the step, detail: errno
    exited,    // value: exit code
    signaled,  // value: signal
    killed,    // something was left after the grace, and got SIGKILL
    answered,  // to each order to send a signal: errno as value, 0 where it was sent
  };
  Kind kind{};
  int value = 0;
  int detail = 0;
};

struct LinkPair {
  UniqueFd ours;
  UniqueFd guardians;
};

// Both ends close-on-exec; ours does not block. Empty, with errno, where none can be had.
std::optional<LinkPair> make_link();

// False, with errno, where it could not be sent. Never raises SIGPIPE.
bool send_order(int link, Order order);
bool send_report(int link, Report report);

// The next message; nothing where the other side is gone (errno 0), or where none can be received
// now (errno EAGAIN where there is none).
std::optional<Order> receive_order(int link);
std::optional<Report> receive_report(int link);

}  // namespace lookout
