// What git itself says of thousands of made-up rules and paths.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ignore/scope.h"
#include "mutator/random.h"

namespace lookout {
namespace {

namespace fs = std::filesystem;
using oracle::Random;

// Most of what patterns can be wrong about lies within these.
constexpr std::array<const char*, 22> kNames{
    "a",  "b",   "ab",  "ba", "a.o", "b.o", "aa", "abb",  "a b", "a ",   "#a",
    "!a", "a*b", "[a]", "a]", "-",   "a\\", "A",  "\xe9", "7",   "a\tb", "abcabc"};
constexpr std::array<const char*, 44> kPieces{"a",
                                              "a",
                                              "b",
                                              "b",
                                              "ab",
                                              "*",
                                              "*",
                                              "*",
                                              "**",
                                              "**/",
                                              "/**",
                                              "/**/",
                                              "?",
                                              "/",
                                              "/",
                                              "/",
                                              "!",
                                              "#",
                                              " ",
                                              "\\",
                                              "\\ ",
                                              "[ab]",
                                              "[!a]",
                                              "[^b]",
                                              "[a-b]",
                                              "[b-a]",
                                              "[]a]",
                                              "[!]]",
                                              "[a",
                                              "[[:alpha:]]",
                                              "[[:punct:][:digit:]]",
                                              "[[:foo:]]",
                                              "[\\]]",
                                              "[a-]",
                                              "[--/]",
                                              ".o",
                                              "*.o",
                                              "\r",
                                              "\\*",
                                              "\\[",
                                              "-",
                                              "7",
                                              "\xe9",
                                              "[\x80-\xff]"};

template <std::size_t N>
std::string pick(Random& random, const std::array<const char*, N>& from) {
  return from.at(random.below(N));
}

std::string pattern(Random& random) {
  std::string made = random.one_in(5) ? "!" : "";
  if (random.one_in(3)) {  // such as people write
    const std::uint64_t parts = random.between(1, 3);
    for (std::uint64_t i = 0; i < parts; ++i) {
      if (i > 0 || random.one_in(3)) made += '/';
      made += random.one_in(3) ? pick(random, kPieces) : pick(random, kNames);
    }
    return random.one_in(3) ? made + '/' : made;
  }
  const std::uint64_t pieces = random.between(1, 6);
  for (std::uint64_t i = 0; i < pieces; ++i) made += pick(random, kPieces);
  return made;
}

// Git 2.39 and later ones differ on doubled stars behind other bytes than a slash (a**/b).
bool gits_differ_on(const std::string& pattern) {
  for (auto at = pattern.find("**"); at != std::string::npos; at = pattern.find("**", at + 1)) {
    if (at > 0 && pattern[at - 1] != '/' && pattern[at - 1] != '*' && pattern[at - 1] != '!') {
      return true;
    }
  }
  return false;
}

std::string agreed_pattern(Random& random) {
  std::string made = pattern(random);
  while (gits_differ_on(made)) made = pattern(random);
  return made;
}

std::string file_of_patterns(Random& random) {
  std::string content = random.one_in(8) ? "\xEF\xBB\xBF" : "";
  const std::uint64_t lines = random.between(1, 4);
  for (std::uint64_t i = 0; i < lines; ++i) {
    content += agreed_pattern(random) + (random.one_in(8) ? "\r\n" : "\n");
  }
  if (random.one_in(8)) content.pop_back();
  return content;
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class GitCheckIgnore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "lookout_ignore_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    top_ = home_ / "top";
    fs::create_directories(top_);
    ASSERT_EQ(git("init -q"), 0) << "git is needed: bin/setup --test installs it";
    ASSERT_EQ(git("config core.excludesFile '" + (home_ / "global").string() + "'"), 0);
    fs::create_directories(top_ / ".git/info");
  }
  void TearDown() override { fs::remove_all(home_); }

  // Nothing of the machine's own configuration counts.
  int git(const std::string& arguments) const {
    const std::string run = "cd '" + top_.string() + "' && HOME='" + home_.string() +
                            "' GIT_CONFIG_NOSYSTEM=1 XDG_CONFIG_HOME='" + home_.string() +
                            "' git " + arguments;
    return std::system(run.c_str());
  }

  void grow(Random& random, const std::string& below, int depth) {
    for (int i = 0; i < 6; ++i) {
      const std::string path = below + pick(random, kNames);
      if (is_directory_.contains(path)) continue;
      const bool directory = depth > 0 && random.below(2) == 0;
      is_directory_[path] = directory;
      if (directory) {
        fs::create_directory(top_ / path);
        grow(random, path + '/', depth - 1);
      } else {
        write(top_ / path, "");
      }
    }
  }

  // What git says of each path: the pattern that decides, or nothing.
  std::map<std::string, std::string> asked() const {
    std::string paths;
    for (const auto& [path, directory] : is_directory_) paths += path + '\0';
    write(home_ / "paths", paths);
    // 1: none of the paths is ignored
    const int status = git("check-ignore -z --stdin --no-index -v -n <'" +
                           (home_ / "paths").string() + "' >'" + (home_ / "answer").string() + "'");
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    std::ifstream answer(home_ / "answer", std::ios::binary);
    std::map<std::string, std::string> said;
    std::string source;
    std::string line;
    std::string decided;
    std::string path;
    while (std::getline(answer, source, '\0') && std::getline(answer, line, '\0') &&
           std::getline(answer, decided, '\0') && std::getline(answer, path, '\0')) {
      said[path] = decided;
    }
    return said;
  }

  // The same question to the rules, with the files at their levels.
  bool ignores(const std::string& path, bool directory) const {
    using Rank = Scope::Rank;
    ScopePtr scope = Scope::empty()
                         ->with(Rules::parse(contents_.at("global")), Rank::excludes_file)
                         ->with(Rules::parse(contents_.at("exclude")), Rank::info_exclude);
    std::string below;
    std::istringstream parts(path);
    for (std::string name; std::getline(parts, name, '/');) {
      if (const auto found = contents_.find(below + ".gitignore"); found != contents_.end()) {
        scope = scope->with(Rules::parse(found->second), Rank::directory);
      }
      const bool last = below + name == path;
      const Verdict verdict = scope->judge(name);
      const Decision decision = last && !directory ? verdict.other : verdict.directory;
      if (decision == Decision::ignored) return true;
      scope = scope->enter(name);
      below += name + '/';
    }
    return false;
  }

  void judge() {
    const auto said = asked();
    ASSERT_EQ(said.size(), is_directory_.size());
    for (const auto& [path, directory] : is_directory_) {
      const std::string& decided = said.at(path);
      const bool expected = !decided.empty() && decided[0] != '!';
      if (ignores(path, directory) == expected) continue;
      std::string files;
      for (const auto& [name, content] : contents_) {
        files += "\n  " + name + ": " + testing::PrintToString(content);
      }
      ADD_FAILURE() << testing::PrintToString(path) << (directory ? ", a directory," : "")
                    << " is to be " << (expected ? "ignored" : "visible")
                    << "; to git decides: " << testing::PrintToString(decided) << files;
      return;
    }
  }

  fs::path home_;
  fs::path top_;
  std::map<std::string, bool> is_directory_;
  std::map<std::string, std::string> contents_;  // of the files of patterns
};

TEST_F(GitCheckIgnore, AgreesOnThousandsOfPathsAndRules) {
  const char* rounds = std::getenv("LOOKOUT_IGNORE_ROUNDS");
  const int last = rounds == nullptr ? 100 : std::atoi(rounds);
  Random growing(1);
  grow(growing, "", 3);
  ASSERT_GT(is_directory_.size(), 60U);
  for (int seed = 1; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    for (const auto& [name, content] : contents_) {
      if (name.ends_with(".gitignore")) fs::remove(top_ / name);
    }
    contents_.clear();
    contents_["global"] = random.one_in(3) ? file_of_patterns(random) : "";
    contents_["exclude"] = random.one_in(3) ? file_of_patterns(random) : "";
    contents_[".gitignore"] = file_of_patterns(random);
    for (const auto& [path, directory] : is_directory_) {
      if (directory && random.one_in(4)) contents_[path + "/.gitignore"] = file_of_patterns(random);
    }
    write(home_ / "global", contents_["global"]);
    write(top_ / ".git/info/exclude", contents_["exclude"]);
    for (const auto& [name, content] : contents_) {
      if (name.ends_with(".gitignore")) write(top_ / name, content);
    }
    judge();
  }
}

}  // namespace
}  // namespace lookout
