// SPDX-License-Identifier: Apache-2.0
#ifndef CTRANSFER_H
#define CTRANSFER_H

#include <stddef.h>

// libcurl, opened when it is first needed: a server that never asks anybody for anything does not
// even have it in memory. (Linked, it costs every start 25 ms and 6 MiB.)

/// What one request needs: a GET, or a POST where there is a body. All texts end in a zero.
typedef struct {
    const char *url;
    /// Lines such as `Range: bytes=5-`.
    const char *const *headers;
    size_t header_count;
    const char *user_agent;
    /// A file of certificates in PEM to trust in place of the system's, or NULL.
    const char *authorities;
    /// Seconds for connecting, and without as much as a byte per millisecond, before it is given up.
    long connect_seconds;
    long stalled_seconds;
    /// Seconds for all of it, or 0.
    long total_seconds;
    /// Whether it may go over HTTP without TLS.
    int allows_plain;
    const void *body;
    size_t body_count;
    void *context;
    /// Takes a header line; a number other than 0 ends the transfer.
    int (*on_header)(void *context, const char *bytes, size_t count);
    /// Takes bytes of the body; a number other than 0 ends the transfer.
    int (*on_body)(void *context, const char *bytes, size_t count);
} ct_request;

/// How it ended.
typedef enum {
    CT_DONE = 0,
    /// A callback ended it.
    CT_STOPPED = 1,
    /// There is no libcurl, or it is too old.
    CT_NO_LIBRARY = 2,
    /// The name, the connection or what came over it failed: another attempt may do better.
    CT_BROKEN = 3,
    /// The server's certificate is not trusted.
    CT_UNTRUSTED = 4,
    /// Anything else.
    CT_FAILED = 5
} ct_outcome;

typedef struct ct_session ct_session;

/// A session keeps connections open between requests; one thread uses it at a time. NULL: no libcurl.
ct_session *ct_session_open(void);
void ct_session_close(ct_session *session);

/// Does one request, following no redirection. `reason` receives a line of at most 255 bytes.
ct_outcome ct_ask(ct_session *session, const ct_request *request, long *status, char reason[256]);

/// Where the last answer redirects to, resolved against its address; valid until the next request,
/// NULL where it does not.
const char *ct_redirection(ct_session *session);

#endif
