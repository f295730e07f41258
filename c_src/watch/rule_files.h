// Reads the files that define what git ignores.
//
// In a directory: its .gitignore, if that is no symbolic link (git does not follow one) and
// everybody who may put files into the directory may read it. Where .git exists beside it a
// repository begins, so that nothing above counts; there also its info/exclude and
// core.excludesFile, as /etc/gitconfig, $XDG_CONFIG_HOME/git/config,
// ~/.gitconfig and the repository's own config define it, by default $XDG_CONFIG_HOME/git/ignore. A
// .git that is a file leads to the repository (gitrepository-layout(5)). Not followed: `include` in
// a configuration, a configuration of a single work tree, relative paths and `~user`.
//
// As with git, a repository counts only where .git, and the directories that it leads to, belong to
// the effective user or root, or where safe.directory in the configuration of the user or the
// system lists the work tree. Unlike with git, the same is demanded of each symbolic link that
// leads there: its owner may have it lead to a repository that only this process may read. Else no
// file of it is read, core.excludesFile neither, and that is a failure with kUntrusted. Its
// .gitignore files count all the same. Unlike with git, a .git that belongs neither to one of these
// users nor to the owner of the directory that it is in (anybody can make it in /tmp) begins no
// repository. In a repository, links that lead out of it are not followed: EXDEV.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ignore/rules.h"

namespace lookout {

// Bytes; a bigger file does not count and is a failure with EFBIG.
inline constexpr std::size_t kMaxRuleFile = 64UL * 1024;

// In place of an errno: the owner of a repository is not trusted.
inline constexpr int kUntrusted = -1;

// A file that exists and does not count.
struct RuleFailure {
  std::string file;
  int code;  // errno or kUntrusted

  std::string reason() const;
};

struct RuleFile {
  std::string path;     // below the directory, or absolute
  std::string content;  // empty where the file does not exist
  // Its rules, as far as they are parsed.
  std::shared_ptr<RuleParser> parser = nullptr;
};

// The .gitignore of an open directory. Failures are added under names below it.
RuleFile read_gitignore(int directory_fd, std::vector<RuleFailure>& failures);

// What .git leads to.
struct RepositoryRules {
  bool begins = false;  // a repository begins in the directory
  RuleFile info_exclude;
  RuleFile excludes_file;
};

// Of an open directory. Failures are added under names below it, or absolute ones.
RepositoryRules read_repository(int directory_fd, std::vector<RuleFailure>& failures);

// The files of a directory. What could not be read for now is nullopt: what was read before holds.
struct RuleFiles {
  std::optional<RuleFile> gitignore;
  std::optional<RepositoryRules> repository;
};

// `path`, which is absolute or below `directory`, as an absolute one.
std::string absolute_rule_file(const std::string& directory, const std::string& path);

}  // namespace lookout
