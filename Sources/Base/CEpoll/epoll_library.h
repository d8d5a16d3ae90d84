// SPDX-License-Identifier: Apache-2.0
// Swift's Glibc module leaves these two headers out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// It leaves this out, too: the header shows it to GNU's dialect of C only.
int accept4(int descriptor, struct sockaddr *restrict address, socklen_t *restrict length, int flags);
