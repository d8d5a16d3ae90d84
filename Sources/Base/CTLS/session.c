// SPDX-License-Identifier: Apache-2.0
#include "ctls.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/// Functions of libssl and libcrypto under their own names, by the types that their headers give them.
#define CTLS_FUNCTIONS(X) \
    X(TLS_server_method) X(SSL_CTX_new) X(SSL_CTX_free) X(SSL_CTX_ctrl) X(SSL_CTX_set_options) \
    X(SSL_CTX_set_cipher_list) X(SSL_CTX_set_session_id_context) X(SSL_CTX_set_default_passwd_cb) \
    X(SSL_CTX_use_certificate_chain_file) X(SSL_CTX_use_PrivateKey_file) \
    X(SSL_CTX_check_private_key) X(SSL_CTX_load_verify_locations) X(SSL_load_client_CA_file) \
    X(SSL_CTX_set_client_CA_list) X(SSL_CTX_set_verify) X(SSL_CTX_set_alpn_select_cb) \
    X(SSL_CTX_get0_certificate) X(SSL_new) X(SSL_free) X(SSL_set_bio) X(SSL_set_accept_state) \
    X(SSL_do_handshake) X(SSL_read_ex) X(SSL_peek_ex) X(SSL_write_ex) X(SSL_shutdown) \
    X(SSL_get_error) X(X509_get0_notAfter) X(ASN1_TIME_diff) X(BIO_get_new_index) X(BIO_meth_new) \
    X(BIO_meth_set_read) X(BIO_meth_set_write) X(BIO_meth_set_ctrl) X(BIO_new) X(BIO_set_data) \
    X(BIO_get_data) X(BIO_set_init) X(BIO_set_flags) X(BIO_clear_flags) X(ERR_get_error) \
    X(ERR_clear_error) X(ERR_reason_error_string)

static struct {
#define CTLS_FIELD(name) __typeof__(name) *name##_;
    CTLS_FUNCTIONS(CTLS_FIELD)
#undef CTLS_FIELD
    BIO_METHOD *method;
    int is_ready;
} ssl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

struct ctls_session {
    SSL *ssl;
    int descriptor;
    int has_ended;
    int is_established;
    /// After an error of the protocol or the socket nothing may be sent, not even the end.
    int is_broken;
    /// Whether the end of our side is said.
    int is_ending;
    /// What has come since the last bytes of a request.
    size_t idle_count;
};

/// More than so much without a byte of a request is not a client's: records that only cost work.
///
/// Several times the largest record. OpenSSL reads on behind each record without data, such as one
/// that asks for new keys, so that a flood of them would hold the thread for ever.
static const size_t most_idle = 64 << 10;

// MARK: The socket, without signals and without ownership of the descriptor

static int read_socket(BIO *bio, char *bytes, int count) {
    ctls_session *session = ssl.BIO_get_data_(bio);
    ssl.BIO_clear_flags_(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    if (session->is_established && session->idle_count > most_idle) {
        errno = EPROTO;
        return -1;
    }
    ssize_t received;
    do {
        received = recv(session->descriptor, bytes, (size_t)count, 0);
    } while (received < 0 && errno == EINTR);
    if (received > 0 && session->is_established) session->idle_count += (size_t)received;
    if (received == 0) session->has_ended = 1;
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        ssl.BIO_set_flags_(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return (int)received;
}

static int write_socket(BIO *bio, const char *bytes, int count) {
    ctls_session *session = ssl.BIO_get_data_(bio);
    ssl.BIO_clear_flags_(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    ssize_t sent;
    do {
        sent = send(session->descriptor, bytes, (size_t)count, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        ssl.BIO_set_flags_(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
    return (int)sent;
}

static long control_socket(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    const ctls_session *session = ssl.BIO_get_data_(bio);
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return session && session->has_ended;
    default: return 0;
    }
}

static void load(void) {
    void *library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    // What libssl itself needs, libcrypto, is found through it.
#define CTLS_FIND(name) \
    *(void **)&ssl.name##_ = dlsym(library, #name); \
    if (!ssl.name##_) return;
    CTLS_FUNCTIONS(CTLS_FIND)
#undef CTLS_FIND
    ssl.method = ssl.BIO_meth_new_(
        ssl.BIO_get_new_index_() | BIO_TYPE_SOURCE_SINK, "socket of cierzo");
    if (!ssl.method) return;
    ssl.is_ready = ssl.BIO_meth_set_read_(ssl.method, read_socket) == 1
        && ssl.BIO_meth_set_write_(ssl.method, write_socket) == 1
        && ssl.BIO_meth_set_ctrl_(ssl.method, control_socket) == 1;
}

/// Writes why the last call failed: the first of the errors it left is the cause of the others.
static void explain(char reason[256]) {
    unsigned long code = ssl.ERR_get_error_();
    const char *text = NULL;
    if (code && ERR_SYSTEM_ERROR(code))
        text = strerror(ERR_GET_REASON(code));
    else if (code)
        text = ssl.ERR_reason_error_string_(code);
    snprintf(reason, 256, "%s", text ? text : "no reason given");
    ssl.ERR_clear_error_();
}

// MARK: Contexts

struct ctls_context {
    SSL_CTX *context;
};

/// A key that needs a password is an error; nobody is asked at a terminal.
static int no_password(char *bytes, int capacity, int is_writing, void *context) {
    (void)bytes;
    (void)capacity;
    (void)is_writing;
    (void)context;
    return -1;
}

/// Chooses HTTP/1 among what a client offers; one that offers only others is refused.
static int choose_protocol(
    SSL *connection, const unsigned char **chosen, unsigned char *chosen_count,
    const unsigned char *offered, unsigned int count, void *context) {
    (void)connection;
    (void)context;
    static const char *const known[] = {"http/1.1", "http/1.0"};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (unsigned int i = 0; i < count && i + 1u + offered[i] <= count; i += 1u + offered[i]) {
            if (offered[i] == strlen(known[k]) && !memcmp(offered + i + 1, known[k], offered[i])) {
                *chosen = offered + i + 1;
                *chosen_count = offered[i];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// What holds for every certificate; whether it could be set.
static int configure(SSL_CTX *context) {
    // Suites with forward secrecy and authenticated encryption; those of TLS 1.3 all are.
    static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
    static const unsigned char name[] = "cierzo";
    // An end without a closing alert is one: HTTP tells by itself whether all has come.
    ssl.SSL_CTX_set_options_(
        context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE
            | SSL_OP_IGNORE_UNEXPECTED_EOF);
    ssl.SSL_CTX_ctrl_(
        context, SSL_CTRL_MODE,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
            | SSL_MODE_RELEASE_BUFFERS,
        NULL);
    // Clients keep what resumes a session, in tickets; the server keeps nothing.
    ssl.SSL_CTX_ctrl_(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    ssl.SSL_CTX_set_default_passwd_cb_(context, no_password);
    ssl.SSL_CTX_set_alpn_select_cb_(context, choose_protocol, NULL);
    return ssl.SSL_CTX_ctrl_(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) == 1
        && ssl.SSL_CTX_set_cipher_list_(context, ciphers) == 1
        && ssl.SSL_CTX_set_session_id_context_(context, name, sizeof name - 1) == 1;
}

static int trust(SSL_CTX *context, const char *authorities) {
    if (ssl.SSL_CTX_load_verify_locations_(context, authorities, NULL) != 1) return 0;
    STACK_OF(X509_NAME) *names = ssl.SSL_load_client_CA_file_(authorities);
    if (!names) return 0;
    // The context owns the names from now on.
    ssl.SSL_CTX_set_client_CA_list_(context, names);
    ssl.SSL_CTX_set_verify_(
        context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 1;
}

ctls_context *ctls_context_open(
    const char *certificate, const char *key, const char *authorities, ctls_problem *problem,
    char reason[256]) {
    pthread_once(&once, load);
    *problem = CTLS_NO_LIBRARY;
    snprintf(reason, 256, "libssl.so.3 (OpenSSL 3) is not installed");
    if (!ssl.is_ready) return NULL;
    ssl.ERR_clear_error_();
    ctls_context *context = malloc(sizeof *context);
    if (!context) return NULL;
    context->context = ssl.SSL_CTX_new_(ssl.TLS_server_method_());
    int is_whole = context->context && configure(context->context);
    if (is_whole) {
        *problem = CTLS_BAD_CERTIFICATE;
        is_whole = ssl.SSL_CTX_use_certificate_chain_file_(context->context, certificate) == 1;
    }
    if (is_whole) {
        *problem = CTLS_BAD_KEY;
        is_whole =
            ssl.SSL_CTX_use_PrivateKey_file_(context->context, key, SSL_FILETYPE_PEM) == 1
            && ssl.SSL_CTX_check_private_key_(context->context) == 1;
    }
    if (is_whole && authorities) {
        *problem = CTLS_BAD_AUTHORITIES;
        is_whole = trust(context->context, authorities);
    }
    if (is_whole) return context;
    explain(reason);
    ctls_context_close(context);
    return NULL;
}

void ctls_context_close(ctls_context *context) {
    if (!context) return;
    ssl.SSL_CTX_free_(context->context);
    free(context);
}

long ctls_context_days_left(ctls_context *context) {
    int days = 0, seconds = 0;
    const X509 *certificate = ssl.SSL_CTX_get0_certificate_(context->context);
    const ASN1_TIME *end = certificate ? ssl.X509_get0_notAfter_(certificate) : NULL;
    if (!end || ssl.ASN1_TIME_diff_(&days, &seconds, NULL, end) != 1) return 0;
    // Both have the sign of the difference.
    return days == 0 && seconds < 0 ? -1 : days;
}

// MARK: Sessions

ctls_session *ctls_session_open(ctls_context *context, int descriptor) {
    ctls_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    session->descriptor = descriptor;
    session->ssl = ssl.SSL_new_(context->context);
    BIO *bio = session->ssl ? ssl.BIO_new_(ssl.method) : NULL;
    if (!bio) {
        ctls_session_close(session);
        return NULL;
    }
    ssl.BIO_set_data_(bio, session);
    ssl.BIO_set_init_(bio, 1);
    ssl.SSL_set_bio_(session->ssl, bio, bio);
    ssl.SSL_set_accept_state_(session->ssl);
    return session;
}

void ctls_session_close(ctls_session *session) {
    if (!session) return;
    if (session->ssl) ssl.SSL_free_(session->ssl);
    free(session);
}

static ctls_outcome outcome(ctls_session *session, int code) {
    int saved = errno;
    switch (ssl.SSL_get_error_(session->ssl, code)) {
    case SSL_ERROR_NONE: return CTLS_DONE;
    case SSL_ERROR_WANT_READ: return CTLS_WANTS_INPUT;
    case SSL_ERROR_WANT_WRITE: return CTLS_WANTS_ROOM;
    case SSL_ERROR_ZERO_RETURN: return CTLS_ENDED;
    case SSL_ERROR_SYSCALL:
        session->is_broken = 1;
        errno = saved;
        return session->has_ended ? CTLS_ENDED : CTLS_BROKEN;
    default:
        session->is_broken = 1;
        return CTLS_FAILED;
    }
}

ctls_outcome ctls_handshake(ctls_session *session, char reason[256]) {
    ssl.ERR_clear_error_();
    ctls_outcome result = outcome(session, ssl.SSL_do_handshake_(session->ssl));
    if (result == CTLS_DONE) session->is_established = 1;
    if (result == CTLS_FAILED) explain(reason);
    return result;
}

int ctls_is_established(const ctls_session *session) { return session->is_established; }

ctls_outcome ctls_read(ctls_session *session, void *bytes, size_t capacity, size_t *count) {
    *count = 0;
    ssl.ERR_clear_error_();
    ctls_outcome result =
        outcome(session, ssl.SSL_read_ex_(session->ssl, bytes, capacity, count));
    if (*count) session->idle_count = 0;
    return result;
}

ctls_outcome ctls_peek(ctls_session *session) {
    char byte;
    size_t count = 0;
    ssl.ERR_clear_error_();
    return outcome(session, ssl.SSL_peek_ex_(session->ssl, &byte, 1, &count));
}

ctls_outcome ctls_write(ctls_session *session, const void *bytes, size_t count, size_t *written) {
    *written = 0;
    ssl.ERR_clear_error_();
    return outcome(session, ssl.SSL_write_ex_(session->ssl, bytes, count, written));
}

void ctls_end(ctls_session *session) {
    if (!session->is_established || session->is_broken || session->is_ending) return;
    session->is_ending = 1;
    ssl.ERR_clear_error_();
    ssl.SSL_shutdown_(session->ssl);
    ssl.ERR_clear_error_();
}
