// The user and the groups of a command (credentials(7)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command/launch_spec.h"
#include "support/error.h"

namespace lookout {

// Numbers, as the system calls take them. What is not there is left as it is.
struct Credentials {
  std::optional<uid_t> user;
  std::optional<gid_t> group;
  std::vector<gid_t> groups;  // supplementary groups, always set

  bool operator==(const Credentials&) const = default;
};

struct Account {
  Credentials credentials;
  // HOME, LOGNAME and USER of the user; without a user nothing.
  std::vector<EnvironmentChange> environment;
};

// Looks the user and the groups up (nsswitch.conf(5)), which may read files and ask servers.
// Nothing where the command keeps those of lookout_port. Errors: `bad_user` and `bad_group` for a
// name that is not known, `eperm` where this process may not change them, or could not send signals
// to the command afterwards.
Result<std::optional<Account>> find_account(const LaunchSpec& spec);

// The capabilities, of those that are needed, that a set of capabilities (capabilities(7), as in
// CapEff of /proc/PID/status) does not have, by name: "CAP_SETGID". Pure.
std::string missing_capabilities(std::uint64_t capabilities, bool other_user);

// Takes the credentials: the supplementary groups, the group, the user, each as real, effective and
// saved id, and for a user other than root the loss of all capabilities; then checks that it has
// been taken. For the process between vfork and exec: system calls only. False with errno.
bool take_credentials(const Credentials& credentials);

}  // namespace lookout
