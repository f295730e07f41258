#include "inotifywait/line_format.h"

#include <cstddef>

namespace lookout::inotifywait {
namespace {

constexpr unsigned char kFirstPrintable = 0x20;

Error refusal(std::string_view conversion) {
  return Error{"bad_argument", "inotifywait", "",
               "--format: expected %w, %f, %e, %Xe, %0, %n or %%, got " + std::string(conversion)};
}

}  // namespace

LineFormat::LineFormat()
    : pieces_{{Part::watched, ""},
              {Part::text, " "},
              {Part::events, ","},
              {Part::text, " "},
              {Part::name, ""}} {}

void LineFormat::add_text(char byte) {
  if (pieces_.empty() || pieces_.back().part != Part::text) pieces_.push_back({Part::text, ""});
  pieces_.back().text += byte;
  const bool control = byte != '\0' && static_cast<unsigned char>(byte) < kFirstPrintable;
  if (control && escaped_.find(byte) == std::string::npos) escaped_ += byte;
}

Result<LineFormat> LineFormat::parse(std::string_view text) {
  LineFormat format;
  format.pieces_.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      format.add_text(text[at]);
      continue;
    }
    const std::string_view rest = text.substr(at + 1);
    if (rest.starts_with('w')) {
      format.pieces_.push_back({Part::watched, ""});
    } else if (rest.starts_with('f')) {
      format.pieces_.push_back({Part::name, ""});
    } else if (rest.starts_with('e')) {
      format.pieces_.push_back({Part::events, ","});
    } else if (rest.starts_with('0')) {
      format.add_text('\0');
    } else if (rest.starts_with('n')) {
      format.add_text('\n');
    } else if (rest.starts_with('%')) {
      format.add_text('%');
    } else if (rest.size() >= 2 && rest[1] == 'e') {
      format.pieces_.push_back({Part::events, std::string(rest.substr(0, 1))});
      ++at;
    } else {
      return refusal(text.substr(at, 2));
    }
    ++at;
  }
  return format;
}

void LineFormat::append_path(std::string& out, std::string_view path) const {
  for (const char byte : path) {
    if (escaped_.find(byte) == std::string::npos) {
      out += byte;
      continue;
    }
    // Control characters are below 0x20, so two octal digits after the 0 suffice.
    const auto code = static_cast<unsigned char>(byte);
    out += "\\0";
    out += static_cast<char>('0' + code / 8);
    out += static_cast<char>('0' + code % 8);
  }
}

std::string LineFormat::write(const Line& line) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::text:
        out += piece.text;
        break;
      case Part::watched:
        append_path(out, line.watched);
        break;
      case Part::name:
        append_path(out, line.name);
        break;
      case Part::events:
        for (const std::string_view event : line.events) {
          if (event != line.events.front()) out += piece.text;
          out += event;
        }
        break;
    }
  }
  out += '\n';
  return out;
}

}  // namespace lookout::inotifywait
