#include "watch/disk/remote_answer.h"

#include <fcntl.h>

#include <cerrno>

#include "support/answered_errno.h"
#include "support/unique_fd.h"
#include "watch/model/transient.h"

namespace lookout {

int answered(int code) {
  if (!is_transient(code)) return code;
  const UniqueFd own(::open("/", O_PATH | O_CLOEXEC));
  return own || !is_transient(errno) ? code | kAnswered : code;
}

}  // namespace lookout
