#include "mutator/operation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace lookout::oracle {
namespace {

struct Shape {
  Verb verb;
  std::string_view name;
  int paths;    // how many paths follow the verb
  bool number;  // whether a number follows them
};

constexpr std::array kShapes{
    Shape{Verb::mkdir, "mkdir", 1, false},
    Shape{Verb::write, "write", 1, true},
    Shape{Verb::append, "append", 1, true},
    Shape{Verb::overwrite, "overwrite", 1, true},
    Shape{Verb::truncate, "truncate", 1, true},
    Shape{Verb::chmod, "chmod", 1, true},
    Shape{Verb::utimes, "utimes", 1, true},
    Shape{Verb::unlink, "unlink", 1, false},
    Shape{Verb::rmdir, "rmdir", 1, false},
    Shape{Verb::rename, "rename", 2, false},
    Shape{Verb::exchange, "exchange", 2, false},
    Shape{Verb::link, "link", 2, false},
    Shape{Verb::symlink, "symlink", 2, false},
    Shape{Verb::lead, "lead", 2, false},
    Shape{Verb::rules, "rules", 2, false},
    Shape{Verb::fifo, "fifo", 1, false},
    Shape{Verb::socket, "socket", 1, false},
    Shape{Verb::tmpfile, "tmpfile", 1, true},
    Shape{Verb::hold, "hold", 1, false},
    Shape{Verb::hold_write, "hold_write", 0, true},
    Shape{Verb::hold_close, "hold_close", 0, false},
    Shape{Verb::fill, "fill", 1, true},
    Shape{Verb::move_busy, "move_busy", 2, true},
    Shape{Verb::mount, "mount", 1, false},
    Shape{Verb::bind, "bind", 2, false},
    Shape{Verb::umount, "umount", 1, false},
    Shape{Verb::replace_parent, "replace_parent", 0, true},
    Shape{Verb::restore_parent, "restore_parent", 0, false},
    Shape{Verb::pause, "pause", 0, true},
    Shape{Verb::flood, "flood", 1, true},
    Shape{Verb::stall, "stall", 0, false},
    Shape{Verb::resume, "resume", 0, false},
    Shape{Verb::rest, "rest", 0, false},
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr std::size_t kLongRun = 16;  // so many equal bytes and more are written as a count

bool is_plain(char c) {
  return c > 0x20 && c < 0x7f && c != '\\' && c != '#';
}

std::string hex(char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  return {digits[byte >> 4], digits[byte & 15]};
}

std::optional<char> byte_of(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  int high = hex_digit(text[0]);
  int low = hex_digit(text[1]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  while (begin < line.size()) {
    std::size_t end = line.find(' ', begin);
    if (end == std::string_view::npos) end = line.size();
    if (end > begin) words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

}  // namespace

std::string escape(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    std::size_t end = std::min(bytes.find_first_not_of(bytes[i], i), bytes.size());
    if (end - i >= kLongRun) {
      text += "\\{" + std::to_string(end - i) + '*' + hex(bytes[i]) + '}';
      i = end;
    } else {
      text += is_plain(bytes[i]) ? std::string(1, bytes[i]) : "\\x" + hex(bytes[i]);
      ++i;
    }
  }
  return text;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (text[0] != '\\') {
      bytes += text[0];
      text.remove_prefix(1);
    } else if (text.starts_with("\\x")) {
      auto byte = byte_of(text.substr(2));
      if (!byte) return std::nullopt;
      bytes += *byte;
      text.remove_prefix(4);
    } else {
      std::size_t star = text.find('*');
      if (!text.starts_with("\\{") || star == std::string_view::npos) return std::nullopt;
      auto count = number_of(text.substr(2, star - 2));
      auto byte = byte_of(text.substr(star + 1));
      if (!count || *count > 255 || !byte || text.substr(star + 3, 1) != "}") return std::nullopt;
      bytes.append(*count, *byte);
      text.remove_prefix(star + 4);
    }
  }
  return bytes;
}

std::string to_line(const Operation& operation) {
  for (const Shape& shape : kShapes) {
    if (shape.verb != operation.verb) continue;
    std::string line(shape.name);
    if (shape.paths >= 1) line += ' ' + escape(operation.path);
    if (shape.paths >= 2) line += ' ' + escape(operation.other);
    if (shape.number) line += ' ' + std::to_string(operation.number);
    return line;
  }
  return {};
}

std::optional<Operation> from_line(std::string_view line) {
  std::vector<std::string_view> words = words_of(line);
  if (words.empty()) return std::nullopt;
  for (const Shape& shape : kShapes) {
    if (shape.name != words[0]) continue;
    std::size_t wanted = 1 + static_cast<std::size_t>(shape.paths) + (shape.number ? 1 : 0);
    if (words.size() != wanted) return std::nullopt;
    Operation operation{.verb = shape.verb};
    if (shape.paths >= 1) {
      auto path = unescape(words[1]);
      if (!path) return std::nullopt;
      operation.path = *path;
    }
    if (shape.paths >= 2) {
      auto other = unescape(words[2]);
      if (!other) return std::nullopt;
      operation.other = *other;
    }
    if (shape.number) {
      auto number = number_of(words.back());
      if (!number) return std::nullopt;
      operation.number = *number;
    }
    return operation;
  }
  return std::nullopt;
}

}  // namespace lookout::oracle
