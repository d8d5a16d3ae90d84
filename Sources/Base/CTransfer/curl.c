// SPDX-License-Identifier: Apache-2.0
#include "ctransfer.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Functions of libcurl, by the types that its header gives them.
static struct {
    __typeof__(curl_global_init) *global_init;
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*getinfo)(CURL *, CURLINFO, ...);
    void (*reset)(CURL *);
    void (*cleanup)(CURL *);
    const char *(*strerror)(CURLcode);
    struct curl_slist *(*append)(struct curl_slist *, const char *);
    void (*free_all)(struct curl_slist *);
    int is_ready;
} curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
#define CT_FIND(field, name) \
    *(void **)&curl.field = dlsym(library, name); \
    if (!curl.field) return
    CT_FIND(global_init, "curl_global_init");
    CT_FIND(init, "curl_easy_init");
    CT_FIND(setopt, "curl_easy_setopt");
    CT_FIND(perform, "curl_easy_perform");
    CT_FIND(getinfo, "curl_easy_getinfo");
    CT_FIND(reset, "curl_easy_reset");
    CT_FIND(cleanup, "curl_easy_cleanup");
    CT_FIND(strerror, "curl_easy_strerror");
    CT_FIND(append, "curl_slist_append");
    CT_FIND(free_all, "curl_slist_free_all");
#undef CT_FIND
    curl.is_ready = curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct ct_session {
    CURL *handle;
};

ct_session *ct_session_open(void) {
    pthread_once(&once, load);
    if (!curl.is_ready) return NULL;
    ct_session *session = malloc(sizeof *session);
    if (!session) return NULL;
    session->handle = curl.init();
    if (!session->handle) {
        free(session);
        return NULL;
    }
    return session;
}

void ct_session_close(ct_session *session) {
    if (!session) return;
    curl.cleanup(session->handle);
    free(session);
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    const ct_request *request = context;
    return request->on_header(request->context, bytes, size * count) ? 0 : size * count;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    const ct_request *request = context;
    if (size * count == 0) return 0;
    // A number that is not the one of the bytes ends the transfer.
    return request->on_body(request->context, bytes, size * count) ? 0 : size * count;
}

static ct_outcome outcome(CURLcode code) {
    switch (code) {
    case CURLE_OK: return CT_DONE;
    case CURLE_WRITE_ERROR: return CT_STOPPED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return CT_UNTRUSTED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return CT_BROKEN;
    default: return CT_FAILED;
    }
}

ct_outcome ct_ask(ct_session *session, const ct_request *request, long *status, char reason[256]) {
    CURL *handle = session->handle;
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *lines = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        struct curl_slist *longer = curl.append(lines, request->headers[i]);
        if (!longer) {
            curl.free_all(lines);
            snprintf(reason, 256, "no memory");
            return CT_FAILED;
        }
        lines = longer;
    }
    curl.reset(handle);
    *status = 0;
    CURLcode code = CURLE_OK;
#define CT_SET(option, value) \
    if (code == CURLE_OK) code = curl.setopt(handle, option, value)
    CT_SET(CURLOPT_ERRORBUFFER, error);
    CT_SET(CURLOPT_URL, request->url);
    CT_SET(CURLOPT_PROTOCOLS_STR, request->allows_plain ? "http,https" : "https");
    CT_SET(CURLOPT_FOLLOWLOCATION, 0L);
    CT_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CT_SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    CT_SET(CURLOPT_NOSIGNAL, 1L);
    CT_SET(CURLOPT_NOPROGRESS, 1L);
    CT_SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    CT_SET(CURLOPT_HTTPHEADER, lines);
    CT_SET(CURLOPT_USERAGENT, request->user_agent);
    CT_SET(CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
    CT_SET(CURLOPT_LOW_SPEED_LIMIT, 1000L);
    CT_SET(CURLOPT_LOW_SPEED_TIME, request->stalled_seconds);
    CT_SET(CURLOPT_TIMEOUT, request->total_seconds);
    if (request->body) {
        CT_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_count);
        CT_SET(CURLOPT_POSTFIELDS, request->body);
    }
    CT_SET(CURLOPT_HEADERFUNCTION, take_header);
    CT_SET(CURLOPT_HEADERDATA, (void *)request);
    CT_SET(CURLOPT_WRITEFUNCTION, take_body);
    CT_SET(CURLOPT_WRITEDATA, (void *)request);
    if (request->authorities) CT_SET(CURLOPT_CAINFO, request->authorities);
#undef CT_SET
    int is_unset = code != CURLE_OK;
    if (code == CURLE_OK) code = curl.perform(handle);
    if (code == CURLE_OK) code = curl.getinfo(handle, CURLINFO_RESPONSE_CODE, status);
    snprintf(reason, 256, "%s", error[0] ? error : curl.strerror(code));
    // What these point to is about to be gone.
    curl.setopt(handle, CURLOPT_HTTPHEADER, NULL);
    curl.setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    curl.free_all(lines);
    return is_unset && code == CURLE_UNKNOWN_OPTION ? CT_NO_LIBRARY : outcome(code);
}

const char *ct_redirection(ct_session *session) {
    char *url = NULL;
    return curl.getinfo(session->handle, CURLINFO_REDIRECT_URL, &url) == CURLE_OK ? url : NULL;
}
