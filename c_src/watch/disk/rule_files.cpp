#include "watch/disk/rule_files.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "ignore/git_config.h"
#include "support/error.h"
#include "support/fd_link.h"
#include "support/unique_fd.h"
#include "watch/disk/disk.h"
#include "watch/disk/file_system.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/safe_file.h"

namespace lookout {
namespace {

using Failures = std::vector<RuleFailure>;

// Nothing exists at the path, or a socket does.
bool is_absent(int code) {
  return code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG || code == ENXIO;
}

// The value of an environment variable; empty if it is not set.
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

// Returns kUntrusted if the kernel generates the content of a file (procfs and the like): reading
// it may have effects, or reveal what only this process may know. Otherwise 0, or the errno of a
// transient error.
int check_generated(const SafePath& file) {
  const auto system = file_system_of(file.fd.get());
  if (!system) return is_transient(errno) ? errno : 0;
  return system->pseudo.empty() ? 0 : kUntrusted;
}

// Returns the content of a regular file; empty if there is none. A failure names the file
// `display_path`.
std::string read_opened(const SafePath& file, const std::string& display_path, Failures& failures) {
  if (file.code == 0 && S_ISREG(file.seen.st_mode)) {
    if (const int code = check_generated(file); code != 0) {
      failures.push_back({display_path, code});
      return {};
    }
  }
  SafeText read = read_text(file, kMaxRuleFile);
  if (read.code != 0 && !is_absent(read.code)) failures.push_back({display_path, read.code});
  return std::move(read.text);
}

RuleFile read_file(int directory_fd, const std::string& path, Links links, Failures& failures) {
  return {path, read_opened(open_path(directory_fd, path, links), path, failures)};
}

// The git configuration of the user and of the system.
class UserConfig {
 public:
  explicit UserConfig(Failures& failures)
      : home_(environment("HOME")), directory_(environment("XDG_CONFIG_HOME")) {
    if (directory_.empty() && !home_.empty()) directory_ = home_ + "/.config";
    read("/etc/gitconfig", failures);
    if (!directory_.empty()) read(directory_ + "/git/config", failures);
    if (!home_.empty()) read(home_ + "/.gitconfig", failures);
  }

  // The value of core.excludesFile, or its default.
  std::string excludes_file() const {
    std::string path = directory_.empty() ? "" : directory_ + "/git/ignore";
    for (const std::string& text : texts_) path = excludes_file_of(text).value_or(path);
    return path;
  }

  bool lists_as_safe(int work_tree, Failures& failures) const {
    std::vector<std::string> listed;
    for (const std::string& text : texts_) add_safe_directories(text, listed);
    if (listed.empty()) return false;
    std::error_code unknown;
    const auto path = std::filesystem::read_symlink(fd_link(work_tree), unknown);
    if (is_transient(unknown.value())) failures.push_back({".git", unknown.value()});
    return !unknown && is_safe_directory(listed, path.string(), home_);
  }

  const std::string& home() const { return home_; }

 private:
  void read(const std::string& path, Failures& failures) {
    texts_.push_back(read_file(AT_FDCWD, path, Links::all, failures).content);
  }

  std::string home_;
  std::string directory_;
  std::vector<std::string> texts_;  // in increasing order of precedence
};

// The access ACL (acl(5)) of an open path, which may grant or deny more than the mode bits.
struct AccessAcl {
  bool exists;
  bool all_read;  // every entry grants read permission
  int code = 0;   // the errno of a transient error
};

AccessAcl access_acl_of(int fd) {
  const std::string path = fd_link(fd);
  std::array<char, 4096> acl{};
  const ssize_t size = ::getxattr(path.c_str(), "system.posix_acl_access", acl.data(), acl.size());
  // Without /proc (ENOENT) the file cannot be read either, and without the call (ENOSYS) the kernel
  // has no ACLs. An ACL that cannot be read may deny anything.
  if (size < 0) {
    if (is_transient(errno)) return {true, false, errno};
    return {errno != ENODATA && errno != ENOTSUP && errno != ENOENT && errno != ENOSYS, false};
  }
  posix_acl_xattr_entry entry{};
  for (std::size_t at = sizeof(posix_acl_xattr_header);
       at + sizeof entry <= static_cast<std::size_t>(size); at += sizeof entry) {
    std::memcpy(&entry, acl.data() + at, sizeof entry);
    if ((le16toh(entry.e_perm) & ACL_READ) == 0) return {true, false};
  }
  return {true, true};
}

// Whether everyone who may put a file into the directory may also read this file: the owner of the
// directory, its group or others if they may write to it, and anyone if an ACL grants more. A user
// without read permission could link or move the file there, and infer its lines from the names
// that they hide. Returns 0 if so, kUntrusted, or an errno.
int check_readable_by_writers(int directory_fd, const SafePath& path) {
  const struct stat& file = path.seen;
  struct stat directory {};
  if (::fstat(directory_fd, &directory) != 0) return errno;
  const AccessAcl acl = access_acl_of(path.fd.get());
  if (acl.code != 0) return acl.code;
  if (acl.exists) return acl.all_read ? 0 : kUntrusted;
  const bool group_reads = (file.st_mode & S_IRGRP) != 0;
  if (group_reads && (file.st_mode & S_IROTH) != 0) return 0;
  if ((directory.st_mode & S_IWOTH) != 0) return kUntrusted;
  const AccessAcl writers = access_acl_of(directory_fd);
  if (writers.exists) return writers.code != 0 ? writers.code : kUntrusted;
  if ((directory.st_mode & S_IWGRP) != 0 && !(group_reads && file.st_gid == directory.st_gid)) {
    return kUntrusted;
  }
  return directory.st_uid == file.st_uid || directory.st_uid == 0 ? 0 : kUntrusted;
}

bool belongs_to_us(const SafePath& path) {
  return path.seen.st_uid == 0 || path.seen.st_uid == ::geteuid();
}

// No other user may write to it. The mode of a symbolic link is not used.
bool is_ours_alone(const SafePath& path) {
  const bool others_write = !S_ISLNK(path.seen.st_mode) && (path.seen.st_mode & S_IWOTH) != 0;
  return belongs_to_us(path) && !others_write;
}

// The repository of a work tree.
class Repository {
 public:
  Repository(int work_tree, Failures& failures) : work_tree_(work_tree), failures_(failures) {
    SafePath git = open_path(work_tree, ".git", Links::none);
    note(".git", git.code);
    if (git.code != 0) return;
    const bool owned = belongs_to_us(git) || belongs_to_owner_of_work_tree(git);
    const Found found = open_directory(std::move(git));
    trusted_ = found == Found::trusted;
    begins_ = trusted_ || (found == Found::untrusted && owned);
    if (found == Found::untrusted) failures.push_back({".git", kUntrusted});
  }

  RepositoryRules read() {
    RepositoryRules rules;
    rules.begins = begins_;
    if (!trusted_) return rules;
    rules.info_exclude = read("info/exclude");
    const auto configured = excludes_file_of(read("config").content);
    std::string path = configured.value_or(user().excludes_file());
    const std::string& home = user().home();
    if (path.starts_with("~/") && !home.empty()) path = home + path.substr(1);
    if (path.starts_with('/')) rules.excludes_file = read_trusted(path);
    return rules;
  }

 private:
  enum class Found : std::uint8_t { nothing, untrusted, trusted };

  bool belongs_to_owner_of_work_tree(const SafePath& git) const {
    struct stat seen {};
    return ::fstat(work_tree_, &seen) == 0 && seen.st_uid == git.seen.st_uid;
  }

  const UserConfig& user() {
    if (!user_) user_.emplace(failures_);
    return *user_;
  }

  // A file that cannot be opened because of a transient error must not count as missing.
  void note(const std::string& path, int code) {
    if (is_transient(code)) failures_.push_back({path, code});
  }

  bool trusts(const SafePath& path) {
    if (is_ours_alone(path)) return true;
    if (!listed_) listed_ = user().lists_as_safe(work_tree_, failures_);
    return *listed_;
  }

  // Follows .git to the directory that all work trees of the repository share. A path that leads
  // nowhere is trusted. A regular file that is no .git file counts as nothing, since someone may
  // have moved it there.
  Found open_directory(SafePath git) {
    std::string path = ".git";
    if (!trusts(git)) return Found::untrusted;
    std::string leads = S_ISLNK(git.seen.st_mode) ? target_of(git) : path;
    if (S_ISREG(git.seen.st_mode)) {
      constexpr std::string_view kLead = "gitdir: ";
      const std::string text = read_opened(git, path, failures_);
      if (!text.starts_with(kLead)) return Found::nothing;
      path = first_line(text.substr(kLead.size()));
      leads = path;
    }
    beneath_work_tree_ = S_ISDIR(git.seen.st_mode);
    directory_ = beneath_work_tree_ ? std::move(git) : open_trusted(work_tree_, leads);
    note(path, directory_.code);
    if (directory_.code != 0) return Found::trusted;
    if (!trusts(directory_)) return Found::untrusted;
    if (!S_ISDIR(directory_.seen.st_mode)) return Found::nothing;
    display_path_ = path;
    const std::string common = first_line(read("commondir").content);
    if (common.empty()) return Found::trusted;
    SafePath shared = open_trusted(directory_.fd.get(), common);
    note(common, shared.code);
    if (shared.code != 0) return Found::trusted;
    if (!trusts(shared)) return Found::untrusted;
    directory_ = std::move(shared);
    display_path_ = below(display_path_, common);
    beneath_work_tree_ = false;
    return Found::trusted;
  }

  // The owner of a link on the path decides where it leads. A link that is not trusted is not
  // followed: the result is the link itself, which then fails the check of its owner.
  SafePath open_trusted(int directory_fd, const std::string& path) {
    return open_path(directory_fd, path, [this](const SafePath& link) { return trusts(link); });
  }

  // A file outside the repository, by an absolute path.
  RuleFile read_trusted(const std::string& path) {
    const SafePath file = open_trusted(AT_FDCWD, path);
    if (file.code == 0 && S_ISLNK(file.seen.st_mode)) {
      failures_.push_back({path, kUntrusted});
      return {path, {}};
    }
    return {path, read_opened(file, path, failures_)};
  }

  RuleFile read(const std::string& name) {
    const std::string display_path = below(display_path_, name);
    if (!directory_.fd) return {display_path, {}};
    const SafePath file = open_within(name);
    if (const int code = file.code == 0 ? check_file(name, file) : 0; code != 0) {
      failures_.push_back({display_path, code});
      return {display_path, {}};
    }
    return {display_path, read_opened(file, display_path, failures_)};
  }

  // Returns 0 if a file in the repository is trusted; otherwise kUntrusted, or the errno of a
  // transient error. Checks its folder as well: a user who may write there may have moved a trusted
  // file of another user into it.
  int check_file(const std::string& name, const SafePath& file) {
    if (!trusts(file)) return kUntrusted;
    const std::size_t end = name.find('/');
    if (end == std::string::npos) return 0;
    const SafePath folder = open_within(name.substr(0, end));
    if (is_transient(folder.code)) return folder.code;
    return folder.code == 0 && trusts(folder) ? 0 : kUntrusted;
  }

  // Links of a repository that is a directory in its work tree may lead to files of both. The name
  // .git may lead to another directory now: the file counts only if the opened directory leads to
  // the same one.
  SafePath open_within(const std::string& name) const {
    SafePath file = open_path(directory_.fd.get(), name, Links::beneath);
    if (file.code != EXDEV || !beneath_work_tree_) return file;
    SafePath within = open_path(work_tree_, ".git/" + name, Links::beneath);
    if (within.code != 0) return within;
    SafePath meant = open_path(directory_.fd.get(), name, Links::all);
    if (is_transient(meant.code)) return meant;
    const bool same = meant.code == 0 && meant.seen.st_dev == within.seen.st_dev &&
                      meant.seen.st_ino == within.seen.st_ino;
    if (!same) return file;
    if (!S_ISREG(within.seen.st_mode)) return within;
    // A file of the work tree: as for a .gitignore.
    const int code = check_readable_by_writers(work_tree_, within);
    if (is_transient(code)) within.code = code;
    return code == 0 || is_transient(code) ? std::move(within) : std::move(file);
  }

  const int work_tree_;
  Failures& failures_;
  std::optional<UserConfig> user_;
  std::optional<bool> listed_;  // safe.directory lists the work tree
  SafePath directory_;
  std::string display_path_;  // in failures
  bool beneath_work_tree_ = false;
  bool begins_ = false;
  bool trusted_ = false;
};

}  // namespace

RuleFile read_gitignore(int directory_fd, Failures& failures) {
  RuleFile file{".gitignore", {}};
  const SafePath opened = open_path(directory_fd, file.path, Links::none);
  if (opened.code == 0 && S_ISREG(opened.seen.st_mode)) {
    if (const int code = check_readable_by_writers(directory_fd, opened); code != 0) {
      failures.push_back({file.path, code});
      return file;
    }
  }
  file.content = read_opened(opened, file.path, failures);
  return file;
}

RepositoryRules read_repository(int directory_fd, Failures& failures) {
  return Repository(directory_fd, failures).read();
}

std::string absolute_rule_file(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : join(directory, path);
}

}  // namespace lookout
