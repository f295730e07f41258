// Reads the files that define what git ignores. The functions of the same names with a RemoteMounts
// call them.
//
// In a directory: its .gitignore, if it is no symbolic link (git does not follow one) and everyone
// who may put files into the directory may read it. A directory with .git begins a repository, and
// the rules of the directories above do not apply. There this code also reads info/exclude of the
// repository and core.excludesFile, as set in /etc/gitconfig, $XDG_CONFIG_HOME/git/config,
// ~/.gitconfig or the repository's own config, by default $XDG_CONFIG_HOME/git/ignore. A .git that
// is a file leads to the repository (gitrepository-layout(5)). Not supported: `include` in a
// configuration, a configuration of a single work tree, relative paths and `~user`.
//
// As with git, a repository counts only if .git, and the directories that it leads to, belong to
// the effective user or root, or if safe.directory in the configuration of the user or the system
// lists the work tree. Unlike git, it demands that others may not write to them, and the same of
// each file that is read in them, else kUntrusted: another user may have moved a directory of the
// user to .git, and written a configuration there. It demands this owner of each symbolic link on
// the path, too: its owner could make it lead to a repository that only this process may read.
// Otherwise no file of the repository is read, nor is core.excludesFile, and that is a failure with
// kUntrusted; the .gitignore files still count. Also unlike git, a .git that belongs neither to one
// of these users nor to the owner of its directory begins no repository (anyone can create one in
// /tmp). In a repository, links that lead out of it are not followed: EXDEV. No rule file or
// configuration is read in a pseudo file system (/proc): kUntrusted.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "watch/model/rule_file.h"

namespace lookout {

// In bytes. A larger file does not count and is a failure with EFBIG.
inline constexpr std::size_t kMaxRuleFile = 64UL * 1024;

// Reads the .gitignore of an open directory. Adds failures with paths relative to it.
RuleFile read_gitignore(int directory_fd, std::vector<RuleFailure>& failures);

// Reads these rules for an open directory. Adds failures with paths relative to it, or absolute
// ones.
RepositoryRules read_repository(int directory_fd, std::vector<RuleFailure>& failures);

// Returns `path`, which is absolute or relative to `directory`, as an absolute path.
std::string absolute_rule_file(const std::string& directory, const std::string& path);

}  // namespace lookout
