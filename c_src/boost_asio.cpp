// The functions of Boost.Asio that are no templates, compiled once rather than in each source that
// uses them.
#include <boost/asio/impl/src.hpp>
