// The control messages of an established distribution connection: parsed from its frames, and
// written as frames. Node and Sessions call it. Pure: bytes in, a value out.
//
// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#protocol-between-connected-nodes
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace lookout {

// Pids and references are encoded terms, as bytes of the frame. A request to monitor or to link
// names a process by its pid or by its registered name: `process` is that term, and `name` has the
// characters of the name, or is empty for a pid.
namespace control {

struct Tick {};  // an empty frame: the peer shows that it lives

// REG_SEND: a message to a registered name; `message` is a term without its version byte.
struct RegSend {
  std::string_view from;
  std::string_view name;
  std::string_view message;
};

// MONITOR_P.
struct Monitor {
  std::string_view from;
  std::string_view process;
  std::string_view name;
  std::string_view reference;
};

// DEMONITOR_P.
struct Demonitor {
  std::string_view from;
  std::string_view reference;
};

// MONITOR_P_EXIT: a process that this node monitors has ended.
struct MonitorExit {
  std::string_view reference;
};

struct Link {
  std::string_view from;
  std::string_view to;
};

// UNLINK_ID, or UNLINK.
struct Unlink {
  std::string_view id;  // empty from a peer that expects no acknowledgement
  std::string_view from;
  std::string_view to;
};

// EXIT or EXIT2: a linked process exits, or another process sends an exit signal.
struct Exit {
  std::string_view from;
  std::string_view to;
};

// What needs no answer here: a group leader, an acknowledgement, a message to a pid of this node.
struct Ignored {};

struct Malformed {};

}  // namespace control

using ControlMessage =
    std::variant<control::Tick, control::RegSend, control::Monitor, control::Demonitor,
                 control::MonitorExit, control::Link, control::Unlink, control::Exit,
                 control::Ignored, control::Malformed>;

// Parses a frame, without its length. With `cut` the frame is the beginning of a longer one, whose
// message is not whole. The result refers to the frame.
ControlMessage parse_control_message(std::string_view frame, bool cut = false);

// What this node sends: whole frames, with their lengths.
std::string alias_send_frame(std::string_view from, std::string_view alias,
                             std::string_view message);
std::string send_frame(std::string_view to, std::string_view message);
std::string monitor_frame(std::string_view from, std::string_view to, std::string_view reference);
std::string demonitor_frame(std::string_view from, std::string_view to, std::string_view reference);
// `process` as it was in the Monitor. `reason` is an atom, as in all frames with one.
std::string monitor_exit_frame(std::string_view process, std::string_view to,
                               std::string_view reference, std::string_view reason);
std::string exit_frame(std::string_view from, std::string_view to, std::string_view reason);
std::string unlink_ack_frame(std::string_view id, std::string_view from, std::string_view to);

// The beginning of frames that send {Reference, {data, Payload}} to the process that has the
// reference as its alias, after the length and without the payload.
std::string data_prefix(std::string_view from, std::string_view reference);

}  // namespace lookout
