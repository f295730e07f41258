// Formats a line for each event as `inotifywait --format` does. EventLines owns the LineFormat and
// calls it; parse_arguments() creates it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/error.h"

namespace lookout::inotifywait {

struct Line {
  std::string watched;                   // %w: a directory with its slash, or a single file
  std::vector<std::string_view> events;  // %e, as "CREATE" and "ISDIR"
  std::string_view name;                 // %f: the entry in that directory; empty for a single file
};

class LineFormat {
 public:
  // The default format of inotifywait: watched, events and name, separated by spaces.
  LineFormat();

  // Accepts %w, %f, %e, %Xe (events separated by X), %0 (a NUL byte), %n (a newline) and %%. Any
  // other conversion is an error that names it.
  static Result<LineFormat> parse(std::string_view text);

  // Returns the line with its newline. In paths, some bytes are written as a backslash and three
  // octal digits, because they would end the line or a field: a newline, a carriage return (Erlang
  // removes one before a newline), and each control character that the format itself contains.
  std::string write(const Line& line) const;

 private:
  enum class Part : unsigned char { text, watched, name, events };
  struct Piece {
    Part part;
    std::string text;  // literal text, or the separator of the events
  };

  void add_text(char byte);
  void append_path(std::string& out, std::string_view path) const;

  std::vector<Piece> pieces_;
  std::string escaped_{"\n\r"};
};

}  // namespace lookout::inotifywait
