// An error: what was attempted, on which path, and why it failed.
#pragma once

#include <string>
#include <variant>

namespace lookout {

struct Error {
  // Text of an atom: an errno in lower case ("enoent") or a reason of Lookout.
  std::string reason;
  std::string operation;  // text of an atom: what was attempted ("open", "watch", "decode")
  std::string path;       // the path, as raw bytes; empty if there is none
  std::string detail;     // a sentence for a person: what happened and what to do

  bool operator==(const Error&) const = default;
};

// A value, or the reason why there is none.
template <class T>
using Result = std::variant<T, Error>;

// The success value of an operation without a result.
struct Done {
  bool operator==(const Done&) const = default;
};

// Returns the lower-case name of an errno ("enoent"); "errno_unknown" if errno(3) has no name for
// it.
std::string errno_name(int code);

// Converts errno into an Error. Call it once, where the system call failed.
Error errno_error(int code, std::string operation, std::string path);

}  // namespace lookout
