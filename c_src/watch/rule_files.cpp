#include "watch/rule_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "ignore/git_config.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

// Nothing stands there, or a socket.
bool is_absent(int code) {
  return code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG || code == ENXIO;
}

// The content of a regular file; empty where there is none. `shown` is its name in a failure.
std::string read_file(int directory_fd, const std::string& file, int flags,
                      const std::string& shown, std::vector<RuleFailure>& failures) {
  const auto fail = [&](int code) {
    if (!is_absent(code)) failures.push_back({shown, code});
    return std::string();
  };
  const UniqueFd fd(
      ::openat(directory_fd, file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags));
  struct stat seen {};
  if (!fd || ::fstat(fd.get(), &seen) != 0) return fail(errno);
  if (!S_ISREG(seen.st_mode)) return {};
  std::string content(kMaxRuleFile + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::read(fd.get(), content.data() + filled, content.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (filled > kMaxRuleFile) return fail(EFBIG);
  content.resize(filled);
  content.shrink_to_fit();
  return content;
}

// Of an environment variable; empty where it is not set.
std::string environment(std::string_view name) {
  for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (text.starts_with(name) && text.substr(name.size()).starts_with('=')) {
      return std::string(text.substr(name.size() + 1));
    }
  }
  return {};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + '/' + path;
}

// The directory of the repository whose work tree this is, as openat(2) finds it from there: what
// all its work trees have in common.
std::string repository_of(int directory_fd, std::vector<RuleFailure>& failures) {
  const std::string text = read_file(directory_fd, ".git", 0, ".git", failures);
  constexpr std::string_view kLeads = "gitdir: ";
  std::string repository = ".git";
  if (text.starts_with(kLeads)) repository = first_line(text.substr(kLeads.size()));
  const std::string common_file = repository + "/commondir";
  const std::string common = read_file(directory_fd, common_file, 0, common_file, failures);
  return common.empty() ? repository : below(repository, first_line(common));
}

std::string excludes_file(int directory_fd, const std::string& repository,
                          std::vector<RuleFailure>& failures) {
  const std::string home = environment("HOME");
  std::string configured = environment("XDG_CONFIG_HOME");
  if (configured.empty() && !home.empty()) configured = home + "/.config";

  std::vector<std::string> files{"/etc/gitconfig"};
  if (!configured.empty()) files.push_back(configured + "/git/config");
  if (!home.empty()) files.push_back(home + "/.gitconfig");
  files.push_back(repository + "/config");
  std::string path = configured.empty() ? "" : configured + "/git/ignore";
  for (const std::string& file : files) {
    auto said = excludes_file_of(read_file(directory_fd, file, 0, file, failures));
    if (said) path = std::move(*said);
  }
  if (path.starts_with("~/") && !home.empty()) path = home + path.substr(1);
  if (!path.starts_with('/')) return {};
  return read_file(directory_fd, path, 0, path, failures);
}

bool holds_repository(const std::filesystem::path& directory) {
  struct stat seen {};
  return ::lstat((directory / ".git").c_str(), &seen) == 0;
}

}  // namespace

DirectoryRules RuleFiles::rules() const {
  DirectoryRules rules;
  rules.repository = repository;
  if (!gitignore.empty()) rules.gitignore = Rules::parse(gitignore);
  if (!info_exclude.empty()) rules.info_exclude = Rules::parse(info_exclude);
  if (!excludes_file.empty()) rules.excludes_file = Rules::parse(excludes_file);
  return rules;
}

RuleFiles read_rule_files(int directory_fd, std::vector<RuleFailure>& failures) {
  RuleFiles files;
  files.gitignore = read_file(directory_fd, ".gitignore", O_NOFOLLOW, ".gitignore", failures);
  struct stat seen {};
  files.repository = ::fstatat(directory_fd, ".git", &seen, AT_SYMLINK_NOFOLLOW) == 0;
  if (files.repository) {
    const std::string repository = repository_of(directory_fd, failures);
    const std::string exclude = repository + "/info/exclude";
    files.info_exclude = read_file(directory_fd, exclude, 0, exclude, failures);
    files.excludes_file = excludes_file(directory_fd, repository, failures);
  }
  return files;
}

ScopePtr read_rules_above(const std::string& directory, std::vector<RuleFailure>& failures) {
  ScopePtr scope = Scope::empty();
  std::error_code unknown;
  const std::filesystem::path real = std::filesystem::canonical(directory, unknown);
  if (unknown) return scope;
  std::filesystem::path top = real;
  while (!holds_repository(top)) {
    if (top == top.parent_path()) return scope;
    top = top.parent_path();
  }
  std::filesystem::path at = top;
  for (const std::filesystem::path& name : real.lexically_relative(top)) {
    if (name == ".") break;
    const UniqueFd fd(::open(at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::vector<RuleFailure> failed;
    if (fd) {
      scope = scope->in(read_rule_files(fd.get(), failed).rules());
    } else {
      failed.push_back({".gitignore", errno});
    }
    for (RuleFailure& failure : failed) {
      failures.push_back({below(at.string(), failure.file), failure.code});
    }
    scope = scope->enter(name.string());
    at /= name;
  }
  return scope;
}

}  // namespace lookout
