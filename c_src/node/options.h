// The command line of `lookout_port --node`. serve_node() calls it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace lookout {

struct NodeOptions {
  std::string name;  // NAME or NAME@HOST
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;            // 0: the kernel chooses one
  std::string cookie_file;           // empty: .erlang.cookie in the home directory
  std::vector<std::string> allowed;  // absolute
  bool commands = false;
  std::size_t max_sessions = 64;
  bool epmd = true;
};

// Why the arguments are refused, for a person.
struct UsageError {
  std::string text;
};

// `arguments` begin with --node. Pure.
std::variant<NodeOptions, UsageError> parse_node_options(const std::vector<std::string>& arguments);

}  // namespace lookout
