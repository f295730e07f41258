// P7: any bytes are rules, in bounded time, and the last pattern that matches decides. The input is
// the size of a path, the path, and the content of a gitignore file.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "expect.h"
#include "ignore/rules.h"
#include "ignore/scope.h"

namespace {

using namespace lookout;

// As a path below a directory: no empty parts, no NUL, no slash at either end.
std::string path_of(std::string_view bytes) {
  std::string path;
  for (const char c : bytes) {
    if (c == '\0' || (c == '/' && (path.empty() || path.back() == '/'))) continue;
    path += c;
  }
  if (path.ends_with('/')) path.pop_back();
  return path;
}

bool ignored(const std::string& content, const std::string& path, bool directory) {
  const ScopePtr scope = Scope::empty()->with(Rules::parse(content), Scope::Rank::directory);
  return is_ignored(scope, path, directory);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t length = std::min<std::size_t>(data[0], bytes.size());
  const std::string path = path_of(bytes.substr(0, length));
  const std::string content(bytes.substr(length));
  if (path.empty()) return 0;
  for (const bool directory : {false, true}) {
    const bool before = ignored(content, path, directory);
    fuzz::expect(ignored(content, path, directory) == before, "the same is decided twice");
    fuzz::expect(ignored(content + "\n*\n", path, directory), "* at the end ignores all");
    fuzz::expect(!ignored(content + "\n!*\n", path, directory), "!* at the end ignores nothing");
    fuzz::expect(ignored(content + "\n# *\n\n", path, directory) == before, "a comment is none");
  }
  // What lies in an ignored directory is ignored.
  if (ignored(content, path, true)) {
    fuzz::expect(ignored(content, path + "/below", false), "an ignored directory hides all below");
  }
  return 0;
}
