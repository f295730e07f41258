#include "ignore/git_config.h"

#include <algorithm>
#include <utility>

namespace lookout {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_in_name(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view text) : rest_(text) {}

  // Calls f(value) for each value of a variable. `wanted_section` and `wanted_name` are in lower
  // case.
  template <class F>
  void for_each(std::string_view wanted_section, std::string_view wanted_name, F f) {
    bool in_section = false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (is_blank(c) || c == '\n') {
        rest_.remove_prefix(1);
      } else if (c == '#' || c == ';') {
        skip_line();
      } else if (c == '[') {
        const auto section = read_section();
        if (!section) return;
        in_section = *section == wanted_section;
      } else {
        const std::string name = read_name();
        if (name.empty()) return;
        skip_blanks();
        if (!rest_.starts_with('=')) {  // a name without a value means true
          skip_line();
          continue;
        }
        rest_.remove_prefix(1);
        auto value = read_value();
        if (!value) return;
        if (in_section && name == wanted_name) f(std::move(*value));
      }
    }
  }

 private:
  void skip_line() { rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size())); }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }

  std::string read_name() {
    std::string name;
    for (; !rest_.empty() && is_in_name(rest_.front()); rest_.remove_prefix(1)) {
      name += lower(rest_.front());
    }
    return name;
  }

  // Returns the name of a section in lower case. A subsection makes it a different section.
  std::optional<std::string> read_section() {
    rest_.remove_prefix(1);
    std::string section = read_name();
    bool quoted = false;
    for (std::size_t at = 0; at < rest_.size() && rest_[at] != '\n'; ++at) {
      if (rest_[at] == ']' && !quoted) {
        if (at > 0) section += ' ';
        rest_.remove_prefix(at + 1);
        return section;
      }
      if (rest_[at] == '"') quoted = !quoted;
      if (rest_[at] == '\\' && rest_.substr(at + 1, 1) != "\n") ++at;
    }
    return std::nullopt;
  }

  std::optional<std::string> read_value() {
    skip_blanks();
    std::string value;
    std::size_t kept = 0;  // trailing spaces count only within quotes
    bool quoted = false;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      const char c = rest_.front();
      if (c == '\n' || rest_.starts_with("\r\n")) break;
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        break;
      }
      if (c == '"') {
        quoted = !quoted;
        kept = value.size();
        continue;
      }
      if (c == '\\') {
        rest_.remove_prefix(rest_.starts_with("\\\r\n") ? 2 : 1);
        if (rest_.empty()) return std::nullopt;
        const auto escaped = unescape(rest_.front());
        if (!escaped) return std::nullopt;
        value += *escaped;
        kept = value.size();
        continue;
      }
      value += c;
      if (quoted || !is_blank(c)) kept = value.size();
    }
    if (quoted) return std::nullopt;
    value.resize(kept);
    return value;
  }

  // Returns the meaning of a backslash followed by this byte; nullopt if the escape is invalid.
  static std::optional<std::string> unescape(char c) {
    switch (c) {
      case '\n':  // the value continues on the next line
        return "";
      case 't':
        return "\t";
      case 'b':
        return "\b";
      case 'n':
        return "\n";
      case '"':
      case '\\':
        return std::string(1, c);
      default:
        return std::nullopt;
    }
  }

  std::string_view rest_;
};

std::string_view without_byte_order_mark(std::string_view config) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (config.starts_with(kByteOrderMark)) config.remove_prefix(kByteOrderMark.size());
  return config;
}

}  // namespace

std::optional<std::string> excludes_file_of(std::string_view config) {
  std::optional<std::string> found;
  ConfigReader(without_byte_order_mark(config))
      .for_each("core", "excludesfile", [&](std::string value) { found = std::move(value); });
  return found;
}

void add_safe_directories(std::string_view config, std::vector<std::string>& directories) {
  ConfigReader(without_byte_order_mark(config))
      .for_each("safe", "directory", [&](std::string value) {
        if (value.empty()) {
          directories.clear();
        } else {
          directories.push_back(std::move(value));
        }
      });
}

bool is_safe_directory(const std::vector<std::string>& directories, std::string_view path,
                       std::string_view home) {
  return std::any_of(directories.begin(), directories.end(), [&](std::string value) {
    if (value == "*") return true;
    if (value.starts_with("~/")) {
      if (home.empty()) return false;
      value = std::string(home) + value.substr(1);
    }
    if (value.ends_with("/*")) return path.starts_with(value.substr(0, value.size() - 1));
    return path == value;
  });
}

}  // namespace lookout
