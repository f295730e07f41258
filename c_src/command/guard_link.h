// The messages between lookout_port and the guardian of a command. They have a fixed size and are
// written and read whole, on a socket that preserves message boundaries (SOCK_SEQPACKET).
// Command::Running and Guard own one end of the socket each; Command and Guard call the functions.
#pragma once

#include <optional>

#include "support/unique_fd.h"

namespace lookout {

// A message to the guardian. End of file on the socket is also an order: stop, with the grace
// period of the launch.
struct Order {
  enum class Kind : int {
    signal,  // value: the signal, for the command's process group
    stop,    // send the stop signal to the tree, SIGKILL after `value` milliseconds
    leave,   // exit, and leave the remaining processes alone unless they got a stop
  };
  Kind kind{};
  int value = 0;
};

// A message from the guardian.
struct Report {
  enum class Kind : int {
    started,   // value: the process id
    failed,    // value: the step, detail: errno
    exited,    // value: exit code
    signaled,  // value: signal
    killed,    // a process was left after the grace period and got SIGKILL
    answered,  // after each `signal` order; value: errno, 0 if it was sent
  };
  Kind kind{};
  int value = 0;
  int detail = 0;
};

struct LinkPair {
  UniqueFd ours;
  UniqueFd guardians;
};

// Both ends are close-on-exec; `ours` is non-blocking. Returns nothing, with errno, on failure.
std::optional<LinkPair> make_link();

// Both return false, with errno, if the message could not be sent. They never raise SIGPIPE.
bool send_order(int link, Order order);
bool send_report(int link, Report report);

// Both return the next message. They return nothing if the peer is gone (errno 0) or if none can be
// received now (EAGAIN if none is queued).
std::optional<Order> receive_order(int link);
std::optional<Report> receive_report(int link);

}  // namespace lookout
