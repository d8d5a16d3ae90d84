// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The descriptors that a process is started with.
package enum StandardDescriptors {
    /// Makes what a process inherits safe to use, before anything else is opened.
    ///
    /// A descriptor from 0 to 2 that is closed is opened on `/dev/null`, or a socket or model file
    /// would get its number and be read or written as if it were stdin or stderr. Writing where nobody
    /// reads, or beyond the limit of a file's size, becomes an error of the write.
    package static func prepare() {
        for descriptor in STDIN_FILENO...STDERR_FILENO
        where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            // The lowest free number is this one, since those below are open by now.
            _ = unsafe open("/dev/null", O_RDWR)
        }
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
    }
}
