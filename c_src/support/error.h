// An error: what was attempted, on which path, and why it failed. The classes of all folders but
// ignore/ return it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace lookout {

// The reasons of Lookout, other than an errno, that its own code decides on.
enum class Cause : std::uint8_t {
  other,
  outside,  // the path leads out of the directories that may be watched
  locked    // another process holds the lock
};

// The texts are for the user; code decides on `code` and `cause` only.
struct Error {
  // Text of an atom: an errno in lower case ("enoent") or a reason of Lookout.
  std::string reason;
  std::string operation;  // text of an atom: what was attempted ("open", "watch", "decode")
  std::string path;       // the path, as raw bytes; empty if there is none
  std::string detail;     // a sentence for a person: what happened and what to do
  int code = 0;           // the errno that errno_error() converted; 0 if there was none
  Cause cause = Cause::other;

  bool operator==(const Error&) const = default;
};

// A value, or the reason why there is none.
template <class T>
using Result = std::variant<T, Error>;

// The success value of an operation without a result.
struct Done {
  bool operator==(const Done&) const = default;
};

// What a person can do about ELOOP, for the error with the path.
inline constexpr const char* kLinkLoopAdvice =
    "a symbolic link in this path leads back to itself, or more than 40 links follow each other: "
    "correct the link (namei -l PATH shows where each one leads)";

// Returns the lower-case name of an errno ("enoent"); "errno_unknown" if errno(3) has no name for
// it.
std::string errno_name(int code);

// Converts errno into an Error. Call it once, where the system call failed.
Error errno_error(int code, std::string operation, std::string path);

}  // namespace lookout
