// Where the program of a command is found: see command/program_search.h.
#include "command/program_search.h"

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cerrno>
#include <string>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

class ProgramSearchTest : public ::testing::Test {
 protected:
  void make(const std::string& name, mode_t mode) {
    home.write(name);
    home.set_mode(name, mode);
  }

  // What is found, without the directory of the test, or the name of the error.
  std::string found(const std::string& name, const std::string& path) {
    const ProgramSearch search{name, path, home.path()};
    std::string buffer;
    buffer.reserve(search.longest());
    const char* const before = buffer.data();
    const char* program = find_program(search, buffer);
    EXPECT_EQ(buffer.data(), before) << "memory was allocated";
    if (program == nullptr) return errno == ENOENT ? "enoent" : errno == EACCES ? "eacces" : "?";
    const std::string result = program;
    return result.starts_with(home.path()) ? result.substr(home.path().size()) : result;
  }

  TempDirectory home;
};

TEST_F(ProgramSearchTest, TheFirstExecutableFileIsTaken) {
  home.directory("none");
  home.directory("directory/run");
  home.directory("data");
  home.directory("first");
  home.directory("second");
  make("data/run", 0644);
  make("first/run", 0755);
  make("second/run", 0755);
  EXPECT_EQ(found("run", "none:directory:data:first:second"), "/first/run");
}

TEST_F(ProgramSearchTest, RelativeAndEmptyPartsAreBelowTheWorkingDirectory) {
  make("run", 0755);
  home.directory("tools");
  make("tools/tool", 0755);
  EXPECT_EQ(found("tool", "/none:tools"), "/tools/tool");
  EXPECT_EQ(found("run", "/none::/bin"), "//run");
  EXPECT_EQ(found("run", "/none:"), "//run");
  EXPECT_EQ(found("tool", home.at("tools")), "/tools/tool");
}

TEST_F(ProgramSearchTest, WithoutAPathTheUsualDirectoriesAreSearched) {
  EXPECT_NE(found("sh", ""), "enoent");
}

TEST_F(ProgramSearchTest, FilesThatMayNotBeExecutedAreAnErrorOfTheirOwn) {
  EXPECT_EQ(found("run", "none:none"), "enoent");
  home.directory("data");
  make("data/run", 0644);
  EXPECT_EQ(found("run", "none:data:none"), "eacces");
  EXPECT_EQ(found("", "data"), "enoent");
}

TEST_F(ProgramSearchTest, ANameWithASlashIsAPath) {
  EXPECT_EQ(found("./none", "/bin"), "./none");
}

}  // namespace
}  // namespace lookout
