#include "support/error.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

#include "support/answered_errno.h"

namespace lookout {
namespace {

// Returns what a person can do about the error; empty if the system's description suffices.
const char* advice(int code, const std::string& operation) {
  switch (code) {
    case ENOENT:
      return "create it first, or correct the path";
    case EACCES:
    case EPERM:
      return "grant read and search permission to the user that runs Lookout";
    case ENOTDIR:
      return "a parent in this path is a file";
    case ELOOP:
      return kLinkLoopAdvice;
    case ENOSPC:
      return operation == "epoll_ctl" ? "raise fs.epoll.max_user_watches"
                                      : "raise fs.inotify.max_user_watches";
    case EMFILE:
      return "raise the limit of open files (ulimit -n) or of inotify instances "
             "(fs.inotify.max_user_instances)";
    case ENFILE:
      return "the system's table of open files is full";
    default:
      return "";
  }
}

}  // namespace

std::string errno_name(int code) {
  const char* name = strerrorname_np(plain_errno(code));
  if (name == nullptr) return "errno_unknown";
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

Error errno_error(int code, std::string operation, std::string path) {
  const char* description = strerrordesc_np(plain_errno(code));
  std::string detail =
      description != nullptr ? description : "unknown error " + std::to_string(plain_errno(code));
  if (const char* hint = advice(code, operation); *hint != '\0') detail += std::string("; ") + hint;
  return Error{errno_name(code), std::move(operation), std::move(path), std::move(detail), code};
}

}  // namespace lookout
