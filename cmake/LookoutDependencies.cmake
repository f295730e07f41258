# What Lookout is built with: a C++ compiler, threads, Boost's headers and Erlang's ei. What is
# missing is said with the package that has it.
#
# A cross compiler may be named by CC alone: CMake then looks for the C++ compiler beside it.
if(NOT CMAKE_CXX_COMPILER AND "$ENV{CXX}" STREQUAL "" AND NOT "$ENV{CC}" STREQUAL "")
  enable_language(C)
elseif(NOT CMAKE_TOOLCHAIN_FILE)
  include(CheckLanguage)
  check_language(CXX)
  if(NOT CMAKE_CXX_COMPILER)
    message(FATAL_ERROR "No C++ compiler was found. Install one that knows C++20: g++ on Debian "
      "and Alpine, the command line tools on macOS (xcode-select --install); or set CXX.")
  endif()
endif()
enable_language(CXX)

find_package(Threads REQUIRED)

# Boost: only headers (Asio), whose functions without templates are compiled once, in c_src/boost_asio.cpp. The package configuration where there is one, else the headers alone.
add_library(lookout_boost_headers INTERFACE)
target_compile_definitions(lookout_boost_headers INTERFACE BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(lookout_boost_headers INTERFACE Threads::Threads)
find_package(Boost 1.81 CONFIG QUIET)
if(Boost_FOUND)
  target_link_libraries(lookout_boost_headers INTERFACE Boost::headers)
else()
  find_path(LOOKOUT_BOOST_INCLUDE_DIR boost/version.hpp
    HINTS "${BOOST_ROOT}" "$ENV{BOOST_ROOT}" PATH_SUFFIXES include)
  set(boost_found "none was found")
  set(boost_version 0)
  if(LOOKOUT_BOOST_INCLUDE_DIR)
    file(STRINGS "${LOOKOUT_BOOST_INCLUDE_DIR}/boost/version.hpp" boost_version
      REGEX "^#define BOOST_VERSION ")
    string(REGEX REPLACE "[^0-9]" "" boost_version "${boost_version}")
    set(boost_found "${LOOKOUT_BOOST_INCLUDE_DIR}/boost/version.hpp is version ${boost_version}")
  endif()
  if(boost_version LESS 108100)
    unset(LOOKOUT_BOOST_INCLUDE_DIR CACHE)
    message(FATAL_ERROR "Boost 1.81 or newer is needed; ${boost_found}. Install libboost1.81-dev "
      "on Debian 12, libboost-dev on newer Debian, boost-dev on Alpine, boost with Homebrew; or "
      "set BOOST_ROOT.")
  endif()
  target_include_directories(lookout_boost_headers SYSTEM INTERFACE "${LOOKOUT_BOOST_INCLUDE_DIR}")
endif()

add_library(lookout_boost_asio STATIC c_src/boost_asio.cpp)
target_link_libraries(lookout_boost_asio PRIVATE lookout_options PUBLIC lookout_boost_headers)
add_library(lookout_boost INTERFACE)
target_link_libraries(lookout_boost INTERFACE lookout_boost_asio)

# ei: where ERL_EI_INCLUDE_DIR and ERL_EI_LIBDIR say (variables of CMake or of the environment, as
# Nerves sets them), else where `erl` says that it stands.
foreach(variable ERL_EI_INCLUDE_DIR ERL_EI_LIBDIR)
  if(NOT ${variable} AND NOT "$ENV{${variable}}" STREQUAL "")
    set(${variable} "$ENV{${variable}}")
  endif()
endforeach()
if(NOT ERL_EI_INCLUDE_DIR OR NOT ERL_EI_LIBDIR)
  execute_process(
    COMMAND erl -noshell -eval "io:put_chars(code:lib_dir(erl_interface)), halt()."
    OUTPUT_VARIABLE erl_interface_dir RESULT_VARIABLE erl_status ERROR_QUIET)
  if(erl_status EQUAL 0)
    set(ERL_EI_INCLUDE_DIR "${erl_interface_dir}/include")
    set(ERL_EI_LIBDIR "${erl_interface_dir}/lib")
  endif()
endif()
find_file(ei_header ei.h PATHS "${ERL_EI_INCLUDE_DIR}" NO_CACHE NO_DEFAULT_PATH
  NO_CMAKE_FIND_ROOT_PATH)
find_library(ei_library ei PATHS "${ERL_EI_LIBDIR}" NO_CACHE NO_DEFAULT_PATH
  NO_CMAKE_FIND_ROOT_PATH)
if(NOT ei_header OR NOT ei_library)
  message(FATAL_ERROR "Erlang's C library ei was not found (ei.h in '${ERL_EI_INCLUDE_DIR}', "
    "libei.a in '${ERL_EI_LIBDIR}'). Install erlang-dev on Debian and Alpine, erlang with "
    "Homebrew; or set ERL_EI_INCLUDE_DIR and ERL_EI_LIBDIR.")
endif()
add_library(lookout_ei INTERFACE)
target_include_directories(lookout_ei SYSTEM INTERFACE "${ERL_EI_INCLUDE_DIR}")
target_link_libraries(lookout_ei INTERFACE "${ei_library}" Threads::Threads)
