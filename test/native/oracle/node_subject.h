#pragma once

#include <memory>

#include "oracle/subject.h"

namespace lookout::oracle {

// A session of a `lookout_port --node` that is started for it.
std::unique_ptr<Subject> make_node_subject(const SubjectContext& context);

}  // namespace lookout::oracle
