// P7: any bytes are a configuration of git, which ends before the first line that is none, and
// whose last value counts.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "expect.h"
#include "ignore/git_config.h"

namespace {

using namespace lookout;

std::vector<std::string> safe(const std::string& config) {
  std::vector<std::string> listed;
  add_safe_directories(config, listed);
  return listed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string config(reinterpret_cast<const char*>(data), size);
  const auto value = excludes_file_of(config);
  fuzz::expect(!value || value->size() <= size, "a value is no longer than its text");
  fuzz::expect(excludes_file_of(config + "\n# [core] excludesFile = /x\n") == value ||
                   config.ends_with('\\') || config.ends_with("\\\r"),
               "a comment changes nothing");
  // What is put in front is read whatever follows.
  const std::string lead = "[core]\nexcludesFile = /first\n[safe]\ndirectory = /first\n";
  fuzz::expect(excludes_file_of(lead + config).has_value(), "a value is found");
  for (const std::string& directory : safe(config)) {
    fuzz::expect(!directory.empty(), "an empty value clears");
    fuzz::expect(directory.size() <= size, "a value is no longer than its text");
    fuzz::expect(directory.ends_with("/*") || directory.starts_with("~/") ||
                     is_safe_directory({directory}, directory, ""),
                 "a path is listed as it is written");
  }
  fuzz::expect(!is_safe_directory({}, config, ""), "nothing is listed");
  return 0;
}
