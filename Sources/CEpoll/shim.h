#pragma once

// Of Linux alone, and no part of Swift's module of the C library.
#ifdef __linux__
#include <sys/epoll.h>
#endif
