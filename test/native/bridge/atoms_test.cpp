// The atoms that docs/protocol.md lists are those that lookout_port can send.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "command/signals.h"
#include "support/error.h"

namespace lookout {
namespace {

constexpr int kMaxErrno = 4095;  // MAX_ERRNO of the kernel

// The atoms in the block ```atoms <kind> of the document.
std::set<std::string> listed(const std::string& kind) {
  std::ifstream document(LOOKOUT_SOURCE_DIR "/docs/protocol.md");
  std::set<std::string> atoms;
  std::string line;
  while (std::getline(document, line) && line != "```atoms " + kind) continue;
  while (std::getline(document, line) && line != "```") {
    std::istringstream words(line);
    for (std::string atom; words >> atom;) atoms.insert(atom);
  }
  return atoms;
}

TEST(Atoms, TheDocumentListsTheNameOfEveryErrnoAndNoOther) {
  std::set<std::string> names;
  for (int code = 1; code <= kMaxErrno; ++code) names.insert(errno_name(code));
  EXPECT_EQ(listed("errnos"), names);
}

TEST(Atoms, TheDocumentListsTheNameOfEverySignalAndNoOther) {
  std::set<std::string> names;
  for (int number = 1; number <= SIGRTMAX; ++number) {
    names.insert(signal_name(number));
  }
  EXPECT_EQ(listed("signals"), names);
}

}  // namespace
}  // namespace lookout
