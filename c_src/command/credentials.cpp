#include "command/credentials.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace lookout {
namespace {

// The numbers of the calls that take 32-bit ids. The C library functions would change the ids of
// all threads that they know of; after a vfork these are the threads of the parent.
#ifdef SYS_setresuid32
constexpr long kSetGroups = SYS_setgroups32;
constexpr long kSetGroupIds = SYS_setresgid32;
constexpr long kSetUserIds = SYS_setresuid32;
#else
constexpr long kSetGroups = SYS_setgroups;
constexpr long kSetGroupIds = SYS_setresgid;
constexpr long kSetUserIds = SYS_setresuid;
#endif

constexpr std::size_t kFirstBuffer = 1024;
constexpr std::size_t kMaxBuffer = std::size_t{16} * 1024 * 1024;

struct User {
  std::string name;
  std::string home;
  uid_t id = 0;
  gid_t group = 0;
};

// Calls getpwnam_r(3) or a similar function with a large enough buffer, and passes the entry to
// `found`. Returns 0, also if there is no entry, else errno.
template <class Entry, class Lookup, class Found>
int look_up(Lookup lookup, Found found) {
  for (std::vector<char> buffer(kFirstBuffer);; buffer.resize(buffer.size() * 4)) {
    Entry entry{};
    Entry* result = nullptr;
    const int code = lookup(&entry, buffer.data(), buffer.size(), &result);
    if (code == EINTR) continue;
    if (code == ERANGE && buffer.size() < kMaxBuffer) continue;
    if (result != nullptr) found(*result);
    return result != nullptr ? 0 : code;
  }
}

// Some name services report a missing entry with one of these (getpwnam(3)).
bool is_absence(int code) {
  return code == 0 || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

std::string printed(const NameOrId& wanted) {
  if (const auto* name = std::get_if<std::string>(&wanted)) return '"' + *name + '"';
  return std::to_string(std::get<id_t>(wanted));
}

Error unknown(const char* reason, const char* kind, const NameOrId& wanted, int code) {
  std::string detail = std::string("there is no ") + kind + " " + printed(wanted);
  if (!is_absence(code)) {
    detail = std::string("the ") + kind + " " + printed(wanted) +
             " could not be looked up: " + errno_name(code);
  }
  return Error{reason, kind, "", detail + "; getent passwd and getent group list what there is"};
}

// Returns nothing for a number without an entry.
Result<std::optional<User>> find_user(const NameOrId& wanted) {
  std::optional<User> user;
  const auto keep = [&user](const passwd& entry) {
    user = User{entry.pw_name, entry.pw_dir, entry.pw_uid, entry.pw_gid};
  };
  if (const auto* id = std::get_if<id_t>(&wanted)) {
    look_up<passwd>([id](auto... rest) { return ::getpwuid_r(*id, rest...); }, keep);
    return user;
  }
  const auto& name = std::get<std::string>(wanted);
  const int code =
      look_up<passwd>([&name](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); }, keep);
  if (!user) return unknown("bad_user", "user", wanted, code);
  return user;
}

Result<gid_t> find_group(const NameOrId& wanted) {
  if (const auto* id = std::get_if<id_t>(&wanted)) return static_cast<gid_t>(*id);
  const auto& name = std::get<std::string>(wanted);
  std::optional<gid_t> group;
  const int code =
      look_up<::group>([&name](auto... rest) { return ::getgrnam_r(name.c_str(), rest...); },
                       [&group](const ::group& entry) { group = entry.gr_gid; });
  if (!group) return unknown("bad_group", "group", wanted, code);
  return *group;
}

// Returns the groups of the group database, including the primary group.
std::vector<gid_t> groups_of(const User& user, gid_t group) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(user.name.c_str(), group, groups.data(), &count) < 0) {
    // Some versions do not update the count.
    const std::size_t needed = static_cast<std::size_t>(count);
    groups.resize(needed > groups.size() ? needed : groups.size() * 2);
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

std::vector<EnvironmentChange> environment_of(const std::optional<User>& user) {
  if (!user) return {{"HOME", std::nullopt}, {"LOGNAME", std::nullopt}, {"USER", std::nullopt}};
  return {{"HOME", user->home}, {"LOGNAME", user->name}, {"USER", user->name}};
}

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

long capability_call(long number, Capabilities& data) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return ::syscall(number, &header, data.data());
}

std::uint64_t effective_capabilities() {
  Capabilities data{};
  if (capability_call(SYS_capget, data) != 0) return 0;
  return data[0].effective | (static_cast<std::uint64_t>(data[1].effective) << 32U);
}

std::optional<Error> refusal(const Credentials& credentials) {
  const bool other_user = credentials.user && *credentials.user != ::geteuid();
  const std::string missing = missing_capabilities(effective_capabilities(), other_user);
  if (missing.empty()) return std::nullopt;
  return Error{"eperm", "setuid", "",
               "the user and the groups of a command can be changed by root, or with the "
               "capabilities CAP_SETUID, CAP_SETGID and, to end it, CAP_KILL; this process does "
               "not have " +
                   missing};
}

Result<Done> find_groups(const LaunchSpec& spec, const std::optional<User>& user,
                         Credentials& credentials) {
  if (spec.group) {
    const Result<gid_t> group = find_group(*spec.group);
    if (const auto* error = std::get_if<Error>(&group)) return *error;
    credentials.group = std::get<gid_t>(group);
  } else if (user) {
    credentials.group = user->group;
  } else if (spec.user) {
    return Error{"bad_user", "user", "",
                 "the user " + printed(*spec.user) +
                     " has no entry in the user database, which would name its group: give the "
                     "command a :group"};
  }
  if (!spec.groups) {
    if (user) credentials.groups = groups_of(*user, *credentials.group);
    return Done{};
  }
  for (const NameOrId& wanted : *spec.groups) {
    const Result<gid_t> group = find_group(wanted);
    if (const auto* error = std::get_if<Error>(&group)) return *error;
    credentials.groups.push_back(std::get<gid_t>(group));
  }
  return Done{};
}

bool has_ids(const Credentials& credentials) {
  std::array<uid_t, 3> users{};
  std::array<gid_t, 3> groups{};
  if (::getresuid(&users[0], &users[1], &users[2]) != 0) return false;
  if (::getresgid(&groups[0], &groups[1], &groups[2]) != 0) return false;
  for (const uid_t user : users) {
    if (credentials.user && user != *credentials.user) return false;
  }
  for (const gid_t group : groups) {
    if (credentials.group && group != *credentials.group) return false;
  }
  return true;
}

// When root becomes another user, the kernel clears its capabilities, unless a flag forbids that
// (capabilities(7)). A process that was not root before keeps them.
bool drop_capabilities() {
  // Before Linux 4.3 there is no ambient set.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return false;
  }
  Capabilities none{};
  return capability_call(SYS_capset, none) == 0;
}

// A process with a session keyring may read its keys (session-keyring(7)). If keyctl(2) is missing
// in the kernel or blocked by a seccomp filter, which the command inherits, there is nothing to
// leave.
bool leave_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0) return true;
  return errno == ENOSYS || errno == EPERM;
}

}  // namespace

Result<std::optional<Account>> find_account(const LaunchSpec& spec) {
  if (!spec.user && !spec.group && !spec.groups) return std::nullopt;
  Account account;
  std::optional<User> user;
  if (spec.user) {
    Result<std::optional<User>> found = find_user(*spec.user);
    if (auto* error = std::get_if<Error>(&found)) return std::move(*error);
    user = std::get<std::optional<User>>(std::move(found));
    const auto* id = std::get_if<id_t>(&*spec.user);
    account.credentials.user = id != nullptr ? static_cast<uid_t>(*id) : user->id;
    account.environment = environment_of(user);
  }
  Result<Done> groups = find_groups(spec, user, account.credentials);
  if (auto* error = std::get_if<Error>(&groups)) return std::move(*error);
  if (auto error = refusal(account.credentials)) return std::move(*error);
  return account;
}

std::string missing_capabilities(std::uint64_t capabilities, bool other_user) {
  struct Needed {
    unsigned number;
    const char* name;
    bool needed;
  };
  const std::array<Needed, 3> all{{{CAP_SETGID, "CAP_SETGID", true},
                                   {CAP_SETUID, "CAP_SETUID", other_user},
                                   {CAP_KILL, "CAP_KILL", other_user}}};
  std::string missing;
  for (const Needed& capability : all) {
    if (!capability.needed || ((capabilities >> capability.number) & 1U) != 0) continue;
    if (!missing.empty()) missing += ", ";
    missing += capability.name;
  }
  return missing;
}

bool take_credentials(const Credentials& credentials) {
  if (::syscall(kSetGroups, credentials.groups.size(), credentials.groups.data()) != 0)
    return false;
  if (credentials.group) {
    const gid_t group = *credentials.group;
    if (::syscall(kSetGroupIds, group, group, group) != 0) return false;
  }
  if (credentials.user) {
    const uid_t user = *credentials.user;
    // Do this before the change of the user, because processes of that user may have used up its
    // key quota.
    if (!leave_session_keyring()) return false;
    if (::syscall(kSetUserIds, user, user, user) != 0) return false;
    if (user != 0 && !drop_capabilities()) return false;
  }
  // This process shares its memory with the guardian or its helper until the exec, and
  // fs.suid_dumpable may have made it dumpable.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (has_ids(credentials)) return true;
  errno = EPERM;
  return false;
}

}  // namespace lookout
