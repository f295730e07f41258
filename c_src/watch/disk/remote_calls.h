// The system calls of checks, listings and watches. A call on a remote mount is made on the thread
// of that mount, any other call directly. They keep no state; the classes of watch/ call them.
//
// A call that has no response yet fails with EAGAIN, and with ETIMEDOUT if the mount is hung.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "watch/disk/disk.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/rule_files.h"
#include "watch/disk/writers.h"
#include "watch/model/tree.h"
#include "watch/sources/hint_source.h"

namespace lookout {

struct Opening {
  DirectoryFd fd;  // null if the call failed
  int code = 0;    // the errno if it failed
  Identity identity;
  mode_t mode = 0;
  bool remote = false;
};
// Opens `name` in the directory `parent`; if `parent` is null, `name` is a path.
Opening open_directory(const RemoteMounts& mounts, const DirectoryFd& parent,
                       const std::string& name, int flags);

// As stat_entry() and stat_target() in disk.h.
std::variant<FileStatus, int> stat_entry(const RemoteMounts& mounts, const DirectoryFd& directory,
                                         const std::string& name);
std::variant<FileStatus, int> stat_target(const RemoteMounts& mounts, const DirectoryFd& directory,
                                          const std::string& name);

// Lists a directory; `live` as in FileSystem. If the response belongs to an earlier request, sets
// `started` back to the time of that request.
DirectoryReader read_directory(const DirectoryFd& directory, bool live, std::int64_t& started);

// As HintSource::watch().
int watch_directory(HintSource& source, const DirectoryFd& directory, Backend backend);

// A watch on the entry `name` itself, which is no directory; see HintSource::watch_file().
struct FileWatch {
  int watch = -1;
  int code = 0;         // the errno if it failed
  FileSystem system;    // the file system of the entry
  bool allowed = true;  // false: it may not be watched, and has no watch (confinement.h)
};
struct FileWatchOptions {
  bool content;  // watch its content, not its attributes alone
  bool choose;   // add no watch if events would not report every change
  bool follow;   // watch what the symbolic link `name` leads to
};
FileWatch watch_file(HintSource& source, const RemoteMounts& mounts, const DirectoryFd& directory,
                     const std::string& name, FileWatchOptions options);

// As writers_of() in writers.h.
Writers writers_of(const RemoteMounts& mounts, const DirectoryFd& directory,
                   const std::string& name);

// A part of the rules of a directory; `unanswered` is the mount that did not answer, if any.
template <class Rules>
struct RuleAnswer {
  Rules rules;
  std::vector<RuleFailure> failures;
  RemoteMounts::Pointer unanswered = nullptr;
};

// As read_gitignore() and read_repository() in rule_files.h. A file system may be mounted at these
// entries, or below .git.
RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const DirectoryFd& directory);
RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const DirectoryFd& directory);
// The same for a directory by its path, which has no symbolic links. A directory that cannot be
// opened begins no repository.
RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const std::string& directory);
RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const std::string& directory);

// Makes a call about a path. Returns an errno if a mount on that path does not answer.
template <class Call>
std::variant<std::invoke_result_t<Call>, int> call_at(const RemoteMounts& mounts,
                                                      const std::string& path,
                                                      const std::string& what, Call call) {
  if (mounts.none()) return call();
  const RemoteMounts::Resolved resolved = mounts.resolve(path);
  if (resolved.code != 0) return resolved.code;
  if (!resolved.mount) return call();
  auto answer = resolved.mount->ask(what + ' ' + path, std::move(call));
  if (!answer) return resolved.mount->code();
  return std::move(*answer);
}

}  // namespace lookout
