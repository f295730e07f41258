// ei must be set up before anything else of it is called.
#pragma once

namespace lookout {

// Cheap; calls ei_init() the first time.
void ensure_ei();

}  // namespace lookout
