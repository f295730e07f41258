// What went wrong, for a reader: what was attempted, on which path, what came.
#pragma once

#include <string>
#include <variant>

namespace lookout {

struct Error {
  std::string reason;  // an atom's text: an errno in lower case ("enoent") or one of Lookout's own
  std::string operation;  // an atom's text: what was attempted ("open", "watch", "decode")
  std::string path;       // the path concerned, raw bytes; empty where there is none
  std::string detail;     // a sentence for a person: what came and what to do

  bool operator==(const Error&) const = default;
};

// Either a value or the reason why there is none.
template <class T>
using Result = std::variant<T, Error>;

// An outcome that carries nothing when it succeeds.
struct Done {
  bool operator==(const Done&) const = default;
};

// The lower-case name of an errno ("enoent"); "errno_unknown" for one without a name in errno(3).
std::string errno_name(int code);

// Translates errno into an Error once, at the system call that failed.
Error errno_error(int code, std::string operation, std::string path);

}  // namespace lookout
