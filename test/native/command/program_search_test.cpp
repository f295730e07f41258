// Where the program of a command is found: see command/program_search.h.
#include "command/program_search.h"

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cerrno>
#include <string>
#include <vector>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

using Paths = std::vector<std::string>;

TEST(ProgramCandidates, AreInTheDirectoriesOfPath) {
  EXPECT_EQ(program_candidates("ls", "/usr/bin:/bin", "/home"), (Paths{"/usr/bin/ls", "/bin/ls"}));
  EXPECT_EQ(program_candidates("ls", "", "/home"),
            (Paths{"/usr/local/bin/ls", "/usr/bin/ls", "/bin/ls"}));
  EXPECT_EQ(program_candidates("", "/bin", "/home"), Paths{});
}

TEST(ProgramCandidates, OfRelativeAndEmptyPartsAreBelowTheWorkingDirectory) {
  EXPECT_EQ(program_candidates("run", "tools::/bin:", "/srv"),
            (Paths{"/srv/tools/run", "/srv//run", "/bin/run", "/srv//run"}));
}

TEST(ProgramCandidates, OfANameWithASlashAreTheName) {
  EXPECT_EQ(program_candidates("./run", "/bin", "/srv"), Paths{"./run"});
}

class FindProgramTest : public ::testing::Test {
 protected:
  std::string make(const std::string& name, mode_t mode) {
    home.write(name);
    home.set_mode(name, mode);
    return home.at(name);
  }

  TempDirectory home;
};

TEST_F(FindProgramTest, TheFirstExecutableFileIsTaken) {
  const std::string data = make("data", 0644);
  const std::string first = make("first", 0755);
  const std::string second = make("second", 0755);
  EXPECT_EQ(find_program({home.at("none"), home.path(), data, first, second}), first);
}

TEST_F(FindProgramTest, FilesThatMayNotBeExecutedAreAnErrorOfTheirOwn) {
  const std::string none = home.at("none");
  EXPECT_EQ(find_program({none, none}), nullptr);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(find_program({none, make("data", 0644), none}), nullptr);
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(find_program({}), nullptr);
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace lookout
