#include "node/options.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

namespace lookout {
namespace {

constexpr std::size_t kMaxSessions = 100'000;
constexpr std::size_t kMaxNameSize = 200;  // bytes

template <class Number>
std::optional<Number> number(std::string_view text, Number most) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

bool is_name(std::string_view name) {
  const std::size_t at = name.find('@');
  if (name.empty() || name.size() > kMaxNameSize || at == 0 || at + 1 == name.size()) return false;
  if (name.front() == '-') return false;  // an option in the place of its value
  for (const char c : name) {
    if (c <= ' ' || c == 127) return false;
  }
  return at == std::string_view::npos || name.find('@', at + 1) == std::string_view::npos;
}

// ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; an IPv6 address has brackets where a port follows.
bool take_listen(const std::string& value, NodeOptions& options) {
  std::string_view address = value;
  std::string_view port;
  if (!address.empty() && address.front() == '[') {
    const std::size_t end = address.find(']');
    if (end == std::string_view::npos) return false;
    port = address.substr(end + 1);
    address = address.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return false;
    if (!port.empty()) port.remove_prefix(1);
  } else if (const std::size_t colon = address.find(':');
             colon != std::string_view::npos && address.rfind(':') == colon) {
    port = address.substr(colon + 1);
    address = address.substr(0, colon);
    if (port.empty()) return false;
  }
  if (address.empty()) return false;
  options.address = address;
  if (port.empty()) return true;
  const auto value_of_port = number<std::uint16_t>(port, UINT16_MAX);
  if (!value_of_port) return false;
  options.port = *value_of_port;
  return true;
}

std::optional<std::string> take_value(const std::string& option, const std::string& value,
                                      NodeOptions& options) {
  if (option == "--node") {
    options.name = value;
    if (!is_name(value)) return "--node: expected NAME or NAME@HOST, got " + value;
  } else if (option == "--listen") {
    if (!take_listen(value, options)) {
      return "--listen: expected ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, got " + value;
    }
  } else if (option == "--cookie-file") {
    options.cookie_file = value;
    if (value.empty()) return "--cookie-file: expected a path, got nothing";
  } else if (option == "--allow") {
    if (value.empty() || value.front() != '/') {
      return "--allow: expected an absolute path, got " + value;
    }
    options.allowed.push_back(value);
  } else {
    const auto sessions = number<std::size_t>(value, kMaxSessions);
    if (!sessions || *sessions == 0) {
      return "--max-sessions: expected a number from 1 to " + std::to_string(kMaxSessions) +
             ", got " + value;
    }
    options.max_sessions = *sessions;
  }
  return std::nullopt;
}

bool takes_value(const std::string& option) {
  return option == "--node" || option == "--listen" || option == "--cookie-file" ||
         option == "--allow" || option == "--max-sessions";
}

}  // namespace

std::variant<NodeOptions, UsageError> parse_node_options(
    const std::vector<std::string>& arguments) {
  NodeOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--commands") {
      options.commands = true;
    } else if (option == "--no-epmd") {
      options.epmd = false;
    } else if (!takes_value(option)) {
      return UsageError{"unknown argument " + option};
    } else if (i + 1 == arguments.size()) {
      return UsageError{option + " needs a value"};
    } else if (auto problem = take_value(option, arguments[++i], options)) {
      return UsageError{*problem};
    }
  }
  if (options.name.empty()) return UsageError{"--node needs a value"};
  if (!options.epmd && options.port == 0) {
    return UsageError{
        "--no-epmd needs a port: --listen ADDRESS:4369 lets nodes find this one as they find epmd"};
  }
  return options;
}

}  // namespace lookout
