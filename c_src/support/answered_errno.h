// The errno with which a remote mount has answered a call. answered() sets it; the classes of
// roots/ and reconcile/ test for it.
//
// Without descriptors or memory of this process, a call fails for a moment only: the same call is
// made again a little later, and a sync waits for that. A server may answer with the same errno
// for as long as it likes. So an errno of a server has this bit if it would count as transient.
#pragma once

namespace lookout {

inline constexpr int kAnswered = 1 << 12;  // no errno is as large

inline bool is_answered(int code) {
  return code > kAnswered && code < 2 * kAnswered;
}

// The errno itself, for texts.
inline int plain_errno(int code) {
  return is_answered(code) ? code & ~kAnswered : code;
}

}  // namespace lookout
