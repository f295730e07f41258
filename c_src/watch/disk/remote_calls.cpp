#include "watch/disk/remote_calls.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "support/fd_link.h"
#include "support/unique_fd.h"
#include "watch/disk/confinement.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_answer.h"
#include "watch/disk/safe_file.h"

namespace lookout {
namespace {

struct Opened {
  UniqueFd fd;
  int code = 0;
  struct stat seen {};
  FileSystem system;
};

Opened open_now(int parent_fd, const std::string& name, int flags) {
  Opened opened;
  opened.fd.reset(::openat(parent_fd, name.c_str(), flags));
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.seen) != 0) opened.code = errno;
  return opened;
}

// Opens the end of a path that leads to a local file system. The path may lead to a remote one by
// now, so the kernel must not resolve it again: EAGAIN if a component became a symbolic link.
Opened open_end(const RemoteMounts::Resolved& resolved, int flags) {
  Opened opened;
  opened.code = resolved.missing;
  if (resolved.real.empty()) return opened;
  opened.fd = open_without_links(resolved.real, flags);
  const bool failed = !opened.fd || ::fstat(opened.fd.get(), &opened.seen) != 0;
  opened.code = !failed ? 0 : errno == ELOOP ? EAGAIN : errno;
  return opened;
}

std::string key_of(Identity identity) {
  return std::to_string(identity.device) + ':' + std::to_string(identity.inode) + '/';
}

DirectoryFd local_directory(Opened& opened) {
  const auto mode = static_cast<std::uint16_t>(opened.seen.st_mode & 07777);
  return std::make_shared<const OpenDirectory>(std::move(opened.fd), mode);
}

std::variant<FileStatus, int> answered_status(std::variant<FileStatus, int> checked) {
  if (int* const code = std::get_if<int>(&checked)) *code = answered(*code);
  return checked;
}

// A key that is unique among all open directories.
std::string key_of(const OpenDirectory& directory) {
  if (directory.mount()) return directory.key();
  const std::string path = path_of(directory.get());
  if (!path.empty()) return path + '/';
  struct stat seen {};
  return ::fstat(directory.get(), &seen) == 0 ? key_of(Identity{seen.st_dev, seen.st_ino}) : "/";
}

}  // namespace

Opening open_directory(const RemoteMounts& mounts, const DirectoryFd& parent,
                       const std::string& name, int flags) {
  RemoteMounts::Resolved resolved;
  if (parent && (flags & O_NOFOLLOW) != 0) {
    resolved.mount = mounts.of(*parent, name);
  } else if (!mounts.none()) {
    resolved = parent ? mounts.resolve(*parent, name) : mounts.resolve(name);
  }
  Opening opening;
  opening.remote = resolved.mount != nullptr;
  opening.code = resolved.code;
  if (opening.code != 0) return opening;
  const int parent_fd = parent ? parent->get() : AT_FDCWD;
  if (!resolved.mount) {
    const bool by_path = !mounts.none() && !(parent && (flags & O_NOFOLLOW) != 0);
    Opened opened = by_path ? open_end(resolved, flags) : open_now(parent_fd, name, flags);
    opening.code = opened.code;
    if (opened.code == 0) opening.fd = local_directory(opened);
    opening.identity = {opened.seen.st_dev, opened.seen.st_ino};
    opening.mode = opened.seen.st_mode;
    return opening;
  }
  const std::string where = parent ? key_of(*parent) : std::string();
  auto opened = resolved.mount->ask("open " + where + name, [parent, parent_fd, name, flags] {
    Opened found = open_now(parent_fd, name, flags);
    found.code = answered(found.code);
    if (found.code == 0) found.system = file_system_of(found.fd.get()).value_or(FileSystem{});
    return found;
  });
  opening.code = opened ? opened->code : resolved.mount->code();
  if (opening.code != 0) return opening;
  opening.identity = {opened->seen.st_dev, opened->seen.st_ino};
  opening.mode = opened->seen.st_mode;
  if (resolved.mount == mounts.unknown()) {
    const std::string path = path_of(opened->fd.get());
    if (!path.empty()) resolved.mount = mounts.at(path);
  }
  opening.remote = resolved.mount != nullptr;
  if (!resolved.mount) {
    opening.fd = local_directory(*opened);
  } else {
    opening.fd = std::make_shared<const OpenDirectory>(std::move(opened->fd), resolved.mount,
                                                       opened->system, key_of(opening.identity));
  }
  return opening;
}

std::variant<FileStatus, int> stat_entry(const RemoteMounts& mounts, const DirectoryFd& directory,
                                         const std::string& name) {
  const auto mount = mounts.of(*directory, name);
  if (!mount) return stat_entry(directory->get(), name);
  const auto checked = mount->ask("look " + key_of(*directory) + name, [directory, name] {
    return answered_status(stat_entry(directory->get(), name));
  });
  return checked ? *checked : mount->code();
}

std::variant<FileStatus, int> stat_target(const RemoteMounts& mounts, const DirectoryFd& directory,
                                          const std::string& name) {
  if (mounts.none() && !directory->mount()) return stat_target(directory->get(), name);
  const RemoteMounts::Resolved resolved = mounts.resolve(*directory, name);
  if (resolved.code != 0) return resolved.code;
  const auto& mount = resolved.mount ? resolved.mount : directory->mount();
  if (!mount) {
    const Opened target = open_end(resolved, O_PATH | O_CLOEXEC);
    if (target.code == 0) return stat_open_target(target.fd.get());
    return target.code == ENOTDIR || target.code == ELOOP ? ENOENT : target.code;
  }
  const auto checked = mount->ask("through " + key_of(*directory) + name, [directory, name] {
    return answered_status(stat_target(directory->get(), name));
  });
  return checked ? *checked : mount->code();
}

DirectoryReader read_directory(const DirectoryFd& directory, bool live, std::int64_t& started) {
  if (!directory->mount()) {
    return live && directory->take_offset() ? DirectoryReader(directory->get(), directory)
                                            : DirectoryReader(directory->get());
  }
  using Answer = std::pair<DirectoryRecords, std::int64_t>;
  const auto read = directory->mount()->ask("list " + directory->key(), [directory, started] {
    Answer answer(read_records(directory->get()), started);
    answer.first.error = answered(answer.first.error);
    return answer;
  });
  if (!read) return DirectoryReader(DirectoryRecords{{}, directory->mount()->code()});
  started = read->second;
  return DirectoryReader(read->first);
}

int watch_directory(HintSource& source, const DirectoryFd& directory, Backend backend) {
  if (!directory->mount()) return source.watch(directory->get(), backend);
  using Answer = std::pair<int, int>;  // the watch and the errno
  const auto watched = directory->mount()->ask(
      "watch " + directory->key(), [own = source.shared_from_this(), directory] {
        const int watch = own->watch_on_any_thread(directory->get());
        return Answer(watch, watch < 0 ? answered(errno) : 0);
      });
  errno = watched ? watched->second : directory->mount()->code();
  return watched ? watched->first : kNoWatch;
}

FileWatch watch_file(HintSource& source, const RemoteMounts& mounts, const DirectoryFd& directory,
                     const std::string& name, FileWatchOptions options) {
  const int flags = O_PATH | O_CLOEXEC | (options.follow ? 0 : O_NOFOLLOW);
  const auto watch = [own = source.shared_from_this(), options](const UniqueFd& file) {
    FileWatch made;
    // The link at the name may lead elsewhere since it was checked.
    made.allowed = !file || is_allowed(file.get());
    if (!made.allowed) return made;
    if (file) made.system = file_system_of(file.get()).value_or(FileSystem{});
    if (options.choose && !(made.system.remote.empty() && made.system.pseudo.empty())) return made;
    if (file) made.watch = own->watch_file(file.get(), options.content);
    if (made.watch < 0) made.code = errno;
    return made;
  };
  const auto call = [watch, directory, name, flags] {
    return watch(UniqueFd(::openat(directory->get(), name.c_str(), flags)));
  };
  RemoteMounts::Pointer mount;
  if (options.follow && !mounts.none()) {
    const RemoteMounts::Resolved resolved = mounts.resolve(*directory, name);
    mount = resolved.mount;
    if (!mount) {
      const Opened target = open_end(resolved, flags);
      return target.code == 0 ? watch(target.fd) : FileWatch{-1, target.code, {}};
    }
  } else {
    mount = mounts.of(*directory, name);
  }
  if (!mount) return call();
  const std::string what = "watch file " + key_of(*directory) + name;
  return mount->ask(what, call).value_or(FileWatch{-1, mount->code(), {}});
}

Writers writers_of(const RemoteMounts& mounts, const DirectoryFd& directory,
                   const std::string& name) {
  const auto mount = mounts.of(*directory, name);
  if (!mount) return writers_of(directory->get(), name);
  return mount
      ->ask("writers " + key_of(*directory) + name,
            [directory, name] { return writers_of(directory->get(), name); })
      .value_or(Writers::unknown);
}

namespace {

template <class Call>
std::invoke_result_t<Call> ask_rules(const RemoteMounts::Pointer& mount, const std::string& what,
                                     Call call) {
  if (!mount) return call();
  auto answer = mount->ask(what, [call = std::move(call)] {
    auto read = call();
    for (RuleFailure& failure : read.failures) failure.code = answered(failure.code);
    return read;
  });
  if (answer) return std::move(*answer);
  return {{}, {}, mount};
}

// The same on the mount `at`, or else on that of an open directory. The key of the directory costs
// a readlink(2), and its path may be long: only a mount needs it.
template <class Call>
std::invoke_result_t<Call> ask_rules_in(const DirectoryFd& directory,
                                        const RemoteMounts::Pointer& at, const char* what,
                                        Call call) {
  const auto& mount = at ? at : directory->mount();
  return ask_rules(mount, mount ? what + key_of(*directory) : "", std::move(call));
}

RuleAnswer<RuleFile> read_gitignore_now(int directory_fd) {
  RuleAnswer<RuleFile> answer;
  answer.rules = read_gitignore(directory_fd, answer.failures);
  return answer;
}

RuleAnswer<RepositoryRules> read_repository_now(int directory_fd) {
  RuleAnswer<RepositoryRules> answer;
  answer.rules = read_repository(directory_fd, answer.failures);
  return answer;
}

// No component is a symbolic link; a link must have been created since.
SafePath open_path_of(const std::string& directory) {
  return open_path(AT_FDCWD, directory, Links::refused);
}

}  // namespace

RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const DirectoryFd& directory) {
  return ask_rules_in(directory, mounts.of(*directory, ".gitignore"), "gitignore ",
                      [directory] { return read_gitignore_now(directory->get()); });
}

RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const DirectoryFd& directory) {
  return ask_rules_in(directory, mounts.within(*directory, ".git"), "repository ",
                      [directory] { return read_repository_now(directory->get()); });
}

RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const std::string& directory) {
  return ask_rules(mounts.at(join(directory, ".gitignore")), "gitignore above " + directory,
                   [directory]() -> RuleAnswer<RuleFile> {
                     const SafePath opened = open_path_of(directory);
                     if (opened.code != 0) return {{}, {{".gitignore", opened.code}}};
                     return read_gitignore_now(opened.fd.get());
                   });
}

RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const std::string& directory) {
  return ask_rules(mounts.within(join(directory, ".git")), "repository above " + directory,
                   [directory]() -> RuleAnswer<RepositoryRules> {
                     const SafePath opened = open_path_of(directory);
                     if (opened.code == 0) return read_repository_now(opened.fd.get());
                     if (!is_transient(opened.code)) return {};
                     return {{}, {{".git", opened.code}}};
                   });
}

}  // namespace lookout
