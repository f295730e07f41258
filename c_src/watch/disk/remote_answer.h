// What a remote mount has answered, as opposed to what this process lacks. The functions that make
// calls on the thread of a mount call it.
#pragma once

namespace lookout {

// Call it on the thread of a mount, with the errno of a call on that mount. Returns it with
// kAnswered if it is transient (model/transient.h) and this process lacks neither descriptors nor
// memory now.
int answered(int code);

}  // namespace lookout
