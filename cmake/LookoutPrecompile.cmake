# Precompiled headers for a build that is made often and thrown away, as that of bin/test quick.
# They hide a missing #include, so no other build has them; nor do they help one with sanitizers,
# where the compiler spends its time on the code.
find_package(GTest REQUIRED)
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "")
add_library(lookout_precompiled STATIC "${PROJECT_BINARY_DIR}/precompiled.cpp")
target_link_libraries(lookout_precompiled PRIVATE lookout_options lookout_boost GTest::gtest)
target_precompile_headers(lookout_precompiled PRIVATE
  <algorithm> <chrono> <deque> <filesystem> <fstream> <functional> <map> <memory> <optional> <set>
  <sstream> <string> <thread> <unordered_map> <unordered_set> <variant> <vector> <gtest/gtest.h>
  <boost/asio/io_context.hpp> <boost/asio/posix/stream_descriptor.hpp> <boost/asio/post.hpp>
  <boost/asio/steady_timer.hpp> <boost/asio/write.hpp>)

foreach(target lookout_command lookout_watch lookout_bridge ignore_tests watch_tests command_tests
    bridge_tests poll_only_tests)
  # Without the macros of GoogleTest the compiler does not take them.
  target_compile_options(${target} PRIVATE $<TARGET_PROPERTY:GTest::gtest,INTERFACE_COMPILE_OPTIONS>)
  # Static objects in the headers of Boost.Asio refer to its compiled functions.
  target_link_libraries(${target} PRIVATE lookout_boost)
  target_precompile_headers(${target} REUSE_FROM lookout_precompiled)
endforeach()
