// What the mutator does to the disk: one system call or a few, written as one line of a script.
//
// Paths are relative to the workspace, a directory that holds the roots ("r0", "r1", ...) and a
// directory outside of every root ("side"). A line is the verb and its arguments, separated by
// spaces; a byte of a path that is not a plain character stands as \xHH, a long run of equal bytes
// as
// \{COUNT*HH}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lookout::oracle {

enum class Verb : std::uint8_t {
  mkdir,           // path
  write,           // path, bytes: created or truncated, then written
  append,          // path, bytes
  overwrite,       // path, bytes: from the beginning, not truncated
  truncate,        // path, bytes
  chmod,           // path, mode
  utimes,          // path, seconds since the epoch
  unlink,          // path
  rmdir,           // path
  rename,          // path, other
  exchange,        // path, other: RENAME_EXCHANGE
  link,            // path, other: another name for path
  symlink,         // path, other: a link at path whose text is other
  lead,            // path, other: a link at path that leads to other, by an absolute path
  rules,           // path, other: created or truncated, then other is written into it
  fifo,            // path
  socket,          // path
  tmpfile,         // path, bytes: written before it has a name (O_TMPFILE), then linked
  hold,            // path: opened for writing and kept open
  hold_write,      // bytes: through the descriptor that is kept
  hold_close,      //
  fill,            // path, count: a directory, made with so many empty files "m0", "m1", ...
  move_busy,       // path, other, count: a directory renamed while another thread writes so many
                   // files "busy0", "busy1", ... into it
  mount,           // path: a new tmpfs over a directory (in a mount namespace of the mutator's own)
  bind,            // path, other: the file or directory at other, mounted over the one at path
  umount,          // path: what is mounted there, taken away again
  replace_parent,  // kind: the parent of the roots is renamed away, and something else is in its
                   // place: nothing, a file, a link to one, a loop of links, an empty directory,
                   // one that may not be searched, or a mount point
  restore_parent,  // as it was
  pause,           // microseconds
  flood,   // path, count: so many attribute changes, alternating between path and path + "2"
  stall,   // tells the judge to stop reading the kernel's queue
  resume,  // tells it to go on
  rest,    // waits until the judge has compared
};

inline constexpr std::uint64_t kParentKinds = 7;  // of replace_parent

struct Operation {
  Verb verb;
  std::string path{};
  std::string other{};
  std::uint64_t number = 0;

  bool operator==(const Operation&) const = default;
};

// A text in plain characters only, and back; nullopt where an escape is malformed.
std::string escape(std::string_view bytes);
std::optional<std::string> unescape(std::string_view text);

std::string to_line(const Operation& operation);
// nullopt where the line is no operation.
std::optional<Operation> from_line(std::string_view line);

}  // namespace lookout::oracle
