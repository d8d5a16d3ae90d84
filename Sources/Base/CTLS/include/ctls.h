// SPDX-License-Identifier: Apache-2.0
#ifndef CTLS_H
#define CTLS_H

#include <stddef.h>

// The server's side of TLS 1.2 and 1.3 by the system's libssl (OpenSSL 3), opened when a server is
// first asked to speak it: without, the library need not even be installed.
//
// Nothing here waits: whoever calls does, until the socket can be read or written.

/// A certificate with its key, and whom it trusts. Any thread may use it.
typedef struct ctls_context ctls_context;

/// One connection; one thread uses it at a time.
typedef struct ctls_session ctls_session;

/// What is wrong with a context.
typedef enum {
    CTLS_NO_LIBRARY = 1,
    CTLS_BAD_CERTIFICATE = 2,
    CTLS_BAD_KEY = 3,
    CTLS_BAD_AUTHORITIES = 4
} ctls_problem;

/// What became of an attempt.
typedef enum {
    CTLS_DONE = 0,
    /// Nothing before more has come from the peer.
    CTLS_WANTS_INPUT = 1,
    /// Nothing before the peer has taken some of what was sent. The same bytes must be given again.
    CTLS_WANTS_ROOM = 2,
    /// The peer has ended its side.
    CTLS_ENDED = 3,
    /// The peer broke the protocol, or is not trusted: nothing more can be sent.
    CTLS_FAILED = 4,
    /// The socket failed; errno says how.
    CTLS_BROKEN = 5
} ctls_outcome;

/// Reads a chain of certificates and a key in PEM, and the authorities that clients' certificates must
/// come from; NULL where clients need none. On failure returns NULL, with what is wrong and a line of
/// at most 255 bytes that says why.
ctls_context *ctls_context_open(
    const char *certificate, const char *key, const char *authorities, ctls_problem *problem,
    char reason[256]);
/// Connections that began with it go on.
void ctls_context_close(ctls_context *context);
/// How many days the certificate is still valid; negative when it is not any more.
long ctls_context_days_left(ctls_context *context);

/// The server's end of a connection on a non-blocking socket, which stays the caller's. NULL: no memory.
ctls_session *ctls_session_open(ctls_context *context, int descriptor);
void ctls_session_close(ctls_session *session);

/// Agrees with the peer on how to go on. `reason` receives a line where that fails.
ctls_outcome ctls_handshake(ctls_session *session, char reason[256]);
/// Whether that is done.
int ctls_is_established(const ctls_session *session);
/// Takes what has come, at most `capacity` bytes.
ctls_outcome ctls_read(ctls_session *session, void *bytes, size_t capacity, size_t *count);
/// Whether there is something to read, without taking it: CTLS_DONE if so.
ctls_outcome ctls_peek(ctls_session *session);
/// Sends some of the bytes.
ctls_outcome ctls_write(ctls_session *session, const void *bytes, size_t count, size_t *written);
/// Says that nothing more will be sent, if that can be said at once.
void ctls_end(ctls_session *session);

#endif
