// Reads a script as the kernel would, on a model.
//
// Some scripts prove nothing, since no watcher of the tree could report them in full: those that
// change content where the kernel tells it of another name only (Model::writable and
// Model::written say which). The generator draws none, but a script that was cut short may be one.
#pragma once

#include <optional>
#include <vector>

#include "mutator/operation.h"

namespace lookout::oracle {

// The first operation after which a change of content cannot be known; nullopt where there is none.
// Operations that would fail are passed over. To a watcher without privileges a directory that is
// still locked at a rest is one as well.
std::optional<Operation> blind_spot(const std::vector<Operation>& script,
                                    bool unprivileged = false);

// The same last interval on the same tree (of files only that they exist), but made from nothing.
std::vector<Operation> condense(const std::vector<Operation>& script);

}  // namespace lookout::oracle
