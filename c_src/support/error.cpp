#include "support/error.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lookout {
namespace {

// Returns what a person can do about the error; empty if the system's description suffices.
const char* advice(int code) {
  switch (code) {
    case ENOENT:
      return "create it first, or correct the path";
    case EACCES:
    case EPERM:
      return "grant read and search permission to the user that runs Lookout";
    case ENOTDIR:
      return "a parent in this path is a file";
    case ENOSPC:
      return "raise fs.inotify.max_user_watches";
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
  const char* name = strerrorname_np(code);
  if (name == nullptr) return "errno_unknown";
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

Error errno_error(int code, std::string operation, std::string path) {
  const char* description = strerrordesc_np(code);
  std::string detail =
      description != nullptr ? description : "unknown error " + std::to_string(code);
  if (const char* hint = advice(code); *hint != '\0') detail += std::string("; ") + hint;
  return Error{errno_name(code), std::move(operation), std::move(path), std::move(detail)};
}

}  // namespace lookout
