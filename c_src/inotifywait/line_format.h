// A line for each event, in the format that `inotifywait --format` takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/error.h"

namespace lookout::inotifywait {

struct Line {
  std::string watched;                   // %w: a directory with its slash, or a single file
  std::vector<std::string_view> events;  // %e, as "CREATE" and "ISDIR"
  std::string_view name;                 // %f: the entry in that directory; empty of a single file
};

class LineFormat {
 public:
  // inotifywait's own: watched, events and name with a space between.
  LineFormat();

  // Takes %w, %f, %e, %Xe (events with X between), %0 (a NUL byte), %n (a newline) and %%. An error
  // names what else follows a %.
  static Result<LineFormat> parse(std::string_view text);

  // The line with its newline. In paths a newline, a carriage return (Erlang removes one before a
  // newline) and each control character that the format itself contains are written as a backslash
  // and three octal digits: they would end the line, or a field of it.
  std::string write(const Line& line) const;

 private:
  enum class Part : unsigned char { text, watched, name, events };
  struct Piece {
    Part part;
    std::string text;  // itself, or what separates the events
  };

  void add_text(char byte);
  void append_path(std::string& out, std::string_view path) const;

  std::vector<Piece> pieces_;
  std::string escaped_{"\n\r"};
};

}  // namespace lookout::inotifywait
