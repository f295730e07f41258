// The system calls of a look, a listing and a watch, made on the thread of the mount that they
// concern where that is a remote one, and directly elsewhere.
//
// What has no answer fails with EAGAIN, and with ETIMEDOUT where the mount is hung.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "watch/disk.h"
#include "watch/hint_source.h"
#include "watch/open_directory.h"
#include "watch/remote_mounts.h"
#include "watch/rule_files.h"
#include "watch/tree.h"
#include "watch/writers.h"

namespace lookout {

struct Opening {
  DirectoryFd fd;  // null where it failed
  int code = 0;    // then an errno
  Identity identity;
  mode_t mode = 0;
  bool remote = false;
};
// `name` in the directory `parent`, which may be null for a path.
Opening open_directory(const RemoteMounts& mounts, const DirectoryFd& parent,
                       const std::string& name, int flags);

// As look_at() and look_through() of disk.h.
std::variant<Look, int> look_at(const RemoteMounts& mounts, const DirectoryFd& directory,
                                const std::string& name);
std::variant<Look, int> look_through(const RemoteMounts& mounts, const DirectoryFd& directory,
                                     const std::string& name);

// A listing; `live` as in FileSystem. `started` is set back where it is one that was asked for
// before.
DirectoryReader read_directory(const DirectoryFd& directory, bool live, std::int64_t& started);

// As HintSource::watch().
int watch_directory(HintSource& source, const DirectoryFd& directory, Backend backend);

// A watch of the entry `name`, which is no directory, itself; see HintSource::watch_file().
struct FileWatch {
  int watch = -1;
  int code = 0;       // an errno where it failed
  FileSystem system;  // that it is on
};
struct FileWatchOptions {
  bool content;  // not its attributes alone
  bool choose;   // make none where events would not tell everything
  bool follow;   // of what the symbolic link `name` leads to
};
FileWatch watch_file(HintSource& source, const RemoteMounts& mounts, const DirectoryFd& directory,
                     const std::string& name, FileWatchOptions options);

// As writers_of() of writers.h.
Writers writers_of(const DirectoryFd& directory, const std::string& name);

// A part of the rules of a directory, and where the mount that was asked did not answer, that one.
template <class Rules>
struct RuleAnswer {
  Rules rules;
  std::vector<RuleFailure> failures;
  RemoteMounts::Pointer unanswered = nullptr;
};

// As read_gitignore() and read_repository() of rule_files.h. Something may be mounted at these
// entries, or below .git.
RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const DirectoryFd& directory);
RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const DirectoryFd& directory);
// Of a directory by its path, which has no symbolic links. One that cannot be opened begins no
// repository.
RuleAnswer<RuleFile> read_gitignore(const RemoteMounts& mounts, const std::string& directory);
RuleAnswer<RepositoryRules> read_repository(const RemoteMounts& mounts,
                                            const std::string& directory);

// Makes a call about a path; an errno where the way there has no answer.
template <class Call>
std::variant<std::invoke_result_t<Call>, int> call_at(const RemoteMounts& mounts,
                                                      const std::string& path,
                                                      const std::string& what, Call call) {
  if (mounts.none()) return call();
  const RemoteMounts::Way way = mounts.way(path);
  if (way.code != 0) return way.code;
  if (!way.mount) return call();
  auto answer = way.mount->ask(what + ' ' + path, std::move(call));
  if (!answer) return way.mount->code();
  return std::move(*answer);
}

}  // namespace lookout
