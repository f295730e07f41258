// The user and the groups of a command (credentials(7)). prepare_launch() stores them in the
// LaunchPlan, and launch() applies them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/launch_spec.h"
#include "support/error.h"

namespace lookout {

// Numeric ids for the system calls. An id without a value stays unchanged.
struct Credentials {
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  std::vector<gid_t> groups;  // supplementary groups, always set

  bool operator==(const Credentials&) const = default;
};

struct Account {
  Credentials credentials;
  // HOME, LOGNAME and USER of the user; empty without a user.
  std::vector<EnvironmentChange> environment;
};

// Looks up the user and the groups (nsswitch.conf(5)); this may read files and query servers.
// Returns nothing if the command keeps the user and groups of lookout_port. Errors: `bad_user` and
// `bad_group` for an unknown name, `eperm` if this process may not change its ids, or could not
// signal the command afterwards.
Result<std::optional<Account>> find_account(const LaunchSpec& spec);

// Returns the names ("CAP_SETGID") of the required capabilities that are not in `capabilities`, a
// bit set as in CapEff of /proc/PID/status (capabilities(7)). Pure.
std::string missing_capabilities(std::uint64_t capabilities, bool other_user);

// Sets the supplementary groups, the group and the user, each as real, effective and saved id. For
// a user other than root it also drops all capabilities. Then verifies the ids. Runs between vfork
// and exec, so it makes system calls only. Returns false with errno.
bool take_credentials(const Credentials& credentials);

}  // namespace lookout
