// Initializes ei, which must happen before any other call of ei. TermReader and TermWriter call it.
#pragma once

namespace lookout {

// Calls ei_init() the first time; later calls are cheap.
void ensure_ei();

}  // namespace lookout
