// Tells scripts that no watcher of the tree could report in full, so that they prove nothing: those
// that change content where the kernel tells it of another name only (Model::writable and
// Model::written say which). The generator draws none, but a script that was cut short may be one.
#pragma once

#include <optional>
#include <vector>

#include "oracle/operation.h"

namespace lookout::oracle {

// The first operation after which a change of content cannot be known; nullopt where there is none.
// Operations that would fail are passed over.
std::optional<Operation> blind_spot(const std::vector<Operation>& script);

}  // namespace lookout::oracle
