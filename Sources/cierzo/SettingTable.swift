// SPDX-License-Identifier: Apache-2.0

import APIs
import Computation
import Console
import HTTP
import Jobs
import Logging
import Page
import Parallelism
import Serving
import Storage

/// Every setting of the server: flags, variables, `config/cierzo.yaml` and `serve --help` are all made
/// from this table, and defaults are the initial values of the fields that it names.
///
/// A new setting is a row here and the field that it sets.
package enum SettingTable {
    /// All rows, in the order of the file.
    package static let rows: [Setting] =
        model + access + accounts + machine + engine + api + storage + jobs + http + process

    /// The row of a key.
    package static func row(_ key: String) -> Setting? { rows.first { $0.key == key } }

    private static let model = [
        Setting(
            "model", \.model, .optional(.text),
            otherwise: Setting.required + " unless models says what to serve",
            example: "models/smollm2-135m-instruct-8x.json",
            "What to serve: a manifest (models/*.json), a GGUF file, a file of `cierzo pack`, or a "
                + "Hugging Face directory."),
        Setting(
            "accept-stale", \.acceptsStale, .onOff,
            "Take a packed file though the model that it was packed from has changed since."),
        Setting(
            "verify", \.verifiesWeights, .onOff,
            "Check every weight before serving, which reads the whole model: a packed file's "
                + "checksums, and that numbers are finite.",
            "`cierzo inspect` does the same."),
        Setting(
            "served-name", \.servedName, .optional(.text), otherwise: "the model's",
            example: "my-model",
            "The name that /v1/models shows.",
            "The model's is what its manifest says, or else that of its file."),
        Setting(
            "models", \.models,
            .listed(write: { $0.text }) { ModelRecord($0) }, otherwise: "none",
            "Further models of the same process, as NAME=PATH or PATH: requests name the one they "
                + "want, and they are in memory by turns where memory-limit does not hold them all.",
            "Whoever names none gets `model`, or else the first of these, which is loaded at the "
                + "start; the others are when they are asked for. Those that have been idle longest "
                + "make room. In this file an entry can say more:"),
        Setting(
            "memory-limit", \.memoryLimit, .optional(.memoryLimit),
            otherwise: "none for one model, \(MemoryLimit.standard) for several", example: "12GiB",
            "Memory for weights, KV caches and scratch of all models together.",
            "A share is one of what the machine and the control group allow. Weights that are mapped "
                + "count, too. A model that could never be loaded within it is an error at the start."
        ),
        Setting(
            "model-wait", \.modelWait, .seconds(1...86_400),
            "How long a request waits for room in memory for its model; then it gets 503.",
            "A model that is busy for long makes room after some seconds: requests that come then "
                + "wait, in turn, until it is back."),
    ]

    private static let access = [
        Setting(
            "host", \.http.host, .text,
            "Where to listen: a name or an address, IPv6 with or without brackets, \"*\" for all, or "
                + "unix:/PATH for a Unix socket. Anything but a loopback address or a Unix socket "
                + "needs api-keys, key-file or insecure.",
            "Loopback addresses are 127.0.0.0/8, ::1 and localhost. A socket's file that nobody "
                + "listens on is replaced; unix:@NAME has no file. Sockets that systemd has opened "
                + "for the server (LISTEN_FDS) take the place of host and port."),
        Setting(
            "port", \.http.port, .number(0...65535), "The port to listen on; 0 picks a free one."),
        Setting(
            "socket-access", \.http.socketAccess, .choice,
            "Who may connect to a Unix socket.",
            "owner: the server's user. group: its group, too. everyone: all users of the machine."),
        Setting(
            "tls-cert", \.http.tls.certificate, .optional(.text), otherwise: "none, plain HTTP",
            example: "/etc/cierzo/certificate.pem",
            "The server's certificate in PEM, followed by those that it was issued by; then it speaks "
                + "HTTPS only, with TLS 1.2 or 1.3.",
            "SIGHUP reads the files of all tls- keys again: new connections get what they hold, and "
                + "those that there are go on. OpenSSL 3 (libssl3) must be installed."),
        Setting(
            "tls-key", \.http.tls.key, .optional(.text), otherwise: "none",
            example: "/etc/cierzo/key.pem",
            "The private key of tls-cert in PEM, without a password."),
        Setting(
            "tls-client-ca", \.http.tls.clientAuthorities, .optional(.text),
            otherwise: "none, clients need no certificate",
            example: "/etc/cierzo/clients.pem",
            "The authorities, in PEM, one of which must have issued a client's certificate; others "
                + "cannot connect."),
        Setting(
            "api-keys", \.apiKeys, .list(ServiceConfiguration.readKeys),
            otherwise: "none, all may ask",
            example: "[key-one, key-two]", isSecret: true,
            "Keys that clients must send as \"Authorization: Bearer KEY\"; better kept in the file or "
                + "the environment than on the command line.",
            "In the environment and as a flag they are separated by commas. An empty key, one with "
                + "white space in it and one that occurs twice are errors."),
        Setting(
            "key-weights", \.keyWeights, .numbers(1...1000), otherwise: "all the same",
            example: "[3, 1]",
            "How much of the machine each key gets while others want it too, in the order of "
                + "api-keys.",
            "Work counts, not requests: with [3, 1] the first key's requests get three quarters."),
        Setting(
            "key-file", \.keyFile, .optional(.text), otherwise: "none",
            example: "/var/lib/cierzo/keys.json",
            "A file of keys beside api-keys, each with limits of its own, as `cierzo keys` writes it.",
            "It holds no key that could be used, and only the server's user may read it. It is read "
                + "again when it changes and on SIGHUP; where it cannot be, that is logged and the "
                + "keys of before stay."),
        Setting(
            "jwt-keys", \.jwtKeys, .optional(.text), otherwise: "none, no tokens are taken",
            example: "/etc/cierzo/issuer.jwks",
            "A file of the public keys (JWKS or PEM) of whoever issues tokens (JWT), which are taken "
                + "in place of a key: RS256, ES256 and EdDSA.",
            "It is read again as key-file is, and nothing is ever fetched. What a token's owner may "
                + "do is said by the first of the tenants in key-file whose claims the token has: "
                + "\"tenants\": [{\"name\": \"gold\", \"claims\": {\"tier\": \"gold\"}, "
                + "\"requests-per-minute\": 60}]. Each subject has these limits to itself."),
        Setting(
            "jwt-secret", \.jwtSecret, .optional(.text), otherwise: "none",
            example: "/etc/cierzo/issuer.secret",
            "A file of the secret of tokens that are signed with HS256, of at least 32 bytes, which "
                + "only the server's user may read."),
        Setting(
            "jwt-issuer", \.jwtIssuer, .optional(.text), otherwise: "none",
            example: "https://login.example", "The issuer (iss) that tokens must name."),
        Setting(
            "jwt-audience", \.jwtAudience, .optional(.text), otherwise: "none",
            example: "cierzo", "The audience (aud) that tokens must be for."),
        Setting(
            "jwt-leeway", \.jwtLeeway, .seconds(0...300),
            "How much the clocks of issuer and server may differ (exp, nbf)."),
        Setting(
            "insecure", \.isInsecure, .onOff,
            "Listen on a public address without keys, which is said in the log."),
        Setting(
            "allowed-origins", \.allowedOrigins,
            .texts { text in
                BrowserPolicy.isOrigin(text)
                    ? nil
                    : SettingRejection(
                        expected:
                            "origins such as https://app.example or http://localhost:3000, or *",
                        found: text)
            },
            otherwise: "none", example: "[\"http://localhost:3000\"]",
            "Web pages that may use the server from their reader's browser (CORS): origins such as "
                + "https://app.example, http://localhost:* for any port, or \"*\" for all pages "
                + "there are.",
            "Local web interfaces that call the server from the browser need this."),
        Setting(
            "allowed-hosts", \.allowedHosts, .texts(), otherwise: "none", example: "[llm.example]",
            "Names that a server without keys answers to, besides local ones: the one that a "
                + "reverse proxy passes on (\"*.example\" for all below it, \"*\" for every name).",
            "Without keys it answers only to its addresses, this machine's name, names without a dot "
                + "and those below .localhost, .local, .internal and .home.arpa, so that no web page "
                + "can reach it under a name that it has rebound to this machine."),
    ]

    private static let accounts = [
        Setting(
            "usage-file", \.usageFile, .optional(.text), otherwise: "none, nothing is counted",
            example: "/var/lib/cierzo/usage.sqlite",
            "A file (SQLite) in which requests and tokens are counted, for each key, model, family of "
                + "the API and hour.",
            "`cierzo usage` and GET /v1/admin/usage read it. What an answer took is in the file before "
                + "its end is sent, so that a process that is killed loses nothing; limits by the day "
                + "go on from it after a restart."),
        Setting(
            "audit", \.audit, .optional(.text), otherwise: "none, nothing is recorded",
            example: "/var/lib/cierzo/audit",
            "A folder in which a line of JSON is written for each request of whoever is known: who, "
                + "what, digests of prompt and reply, and how it ended.",
            "It holds no content unless audit-content says so. Each line has the digest of the one "
                + "before in it, which `cierzo audit verify` checks. One server at a time uses a "
                + "folder. Requests that came too often, or without a key that is known, are counted "
                + "in one line a minute."),
        Setting(
            "audit-content", \.auditContent, .choice,
            "Of whom what is asked and answered is recorded, too, sealed with audit-content-key.",
            "none: nobody. keys: those keys and tenants of key-file with \"audit-content\": true. "
                + "all: everybody. The server cannot read it again; `cierzo audit replay` answers a "
                + "request once more and compares."),
        Setting(
            "audit-content-key", \.auditContentKey, .optional(.text), otherwise: "none",
            example: "/etc/cierzo/audit-public.pem",
            "The file of the public key of whoever may read it, as `cierzo audit keygen` makes it."),
        Setting(
            "audit-file-size", \.auditFileByteCount, .mebibytes(1...1024),
            "Beyond that, another file is begun."),
        Setting(
            "audit-age", \.auditAge, .optional(.seconds(3600...3_153_600_000)),
            otherwise: "for ever", example: "31536000",
            "How long records are kept; files whose last line is older are removed."),
    ]

    private static let machine = [
        Setting(
            "threads", \.engine.threads, .optional(.number(1...1024)),
            otherwise: "what affinity and cgroup allow", example: "8",
            "Compute threads.",
            "Affinity and cgroup allow one for each physical core that the processor affinity names, "
                + "and at most the quota rounded down."),
        Setting(
            "pin", \.engine.pinning, .choice, "Keep compute threads on cores of their own.",
            "automatic: where there are as many threads as cores that this process may use, so that "
                + "programs beside it keep theirs; with fewer threads, on several memory nodes, each "
                + "thread stays with the memory of its node. always: also with fewer threads than "
                + "cores. never: the system moves them as it likes."),
        Setting(
            "kernels", \.engine.kernels, .choice(of: KernelChoice.allCases.map(\.rawValue)),
            "Instruction set of the kernels.",
            "exact: products in f32, weights as in the file. blas: products by OpenBLAS. What this "
                + "machine cannot run is an error."),
    ]

    private static let engine = [
        Setting(
            "context", \.engine.context, .optional(.number(16...16_777_216, "tokens")),
            otherwise: "the model's, at most \(EngineAssembly.defaultContext)", example: "8192",
            "Context window, prompt and answer together."),
        Setting(
            "rope-scaling", \.engine.ropeScaling, .choice,
            "What makes room for a context that is longer than the model's own, by stretching its "
                + "rotary positions.",
            "none: such a context is cut to the model's own. yarn loses least; answers are somewhat "
                + "worse within the model's own context, and beyond it as good as the model bears. "
                + "Only for models whose makers have not stretched them already."),
        Setting(
            "block-size", \.engine.blockSize, .number(16...32, "positions", multipleOf: 16),
            "Positions per block of the KV cache."),
        Setting(
            "kv-type", \.engine.kvType, .choice,
            "How keys and values are stored. Attention computes in f32 with all of them.",
            "f16 changes the model's probabilities by a KL divergence of a millionth of a nat, bf16 "
                + "by fifty times that, q8 by more, for little more than half the memory of either; "
                + "f32 loses nothing and takes twice the memory. Long contexts are read at every "
                + "token, so memory is time as well."),
        Setting(
            "kv-memory", \.engine.kvByteCount, .optional(.mebibytes(1...16_777_216)),
            otherwise:
                "\(EngineAssembly.defaultContextCount) contexts, at most a quarter of memory",
            example: "1024",
            "Memory for the KV cache."),
        Setting(
            "adapter-directory", \.api.adapterDirectory, .optional(.text),
            otherwise: "none, adapters are loaded at the start only",
            example: "/var/lib/cierzo/adapters",
            "The folder from which LoRA adapters may be loaded while the server runs, by POST "
                + "/v1/load_lora_adapter and keys with admin."),
        Setting(
            "cache-directory", \.cacheDirectory, .optional(.text),
            otherwise: "none, prompts are computed anew after a restart",
            example: "/var/cache/cierzo",
            "A folder in which KV blocks of prompts are kept, so that they outlive their place in "
                + "memory and the server.",
            "They are written in the background, and read for a prompt that begins like theirs. They "
                + "belong to one model, program, kv-type, block-size and key (unless "
                + "share-prefix-cache), and are checked before use. Prompts can be guessed from them: "
                + "the files are for the server's user alone."),
        Setting(
            "cache-disk-limit", \.cacheDiskByteCount, .mebibytes(1...1_073_741_824),
            "The most that all files in cache-directory take; those not used for longest go first."),
        Setting(
            "max-sequences", \.engine.maxSequences, .number(1...4096, "requests"),
            "Requests that generate at the same time.",
            "Keys share the places by weight: who waits with less than its share gets one from a key "
                + "that has more (whose youngest answer goes on later)."),
        Setting(
            "max-queue", \.engine.maxQueue, .number(0...1_000_000, "requests"),
            "Requests that may wait. More get 503 at once.",
            "A key with less than its share of the places may wait even where others have filled the "
                + "queue, in a reserve of a quarter besides."),
        Setting(
            "max-batch-tokens", \.engine.maxBatchTokens, .number(16...65536, "tokens"),
            "Tokens that one step of the model may hold."),
        Setting(
            "prefill-chunk", \.engine.prefillChunk, .number(16...65536, "tokens"),
            "How many tokens of a step are of prompts while nothing else is being generated.",
            "Otherwise it is 64, or 3 for each answer in progress if that is more."),
        Setting(
            "no-speculation", \.engine.drafts, .offOn,
            "Generate one token of an answer at a time.",
            "Otherwise next tokens are guessed from the prompt, the answer so far and a request's "
                + "\"prediction\", and several are checked in one step. Answers are the same to the "
                + "byte, and come up to several times sooner where they repeat what was there, such as a "
                + "file that is changed. Where guesses do not pay they stop."),
    ]

    private static let api = [
        Setting(
            "dialect", \.api.defaultDialect, .choice,
            "The dialect of requests that do not show theirs."),
        Setting(
            "strict-mistral", \.api.limits.isStrictMistral, .onOff,
            "Refuse requests in Mistral's dialect with fields that its own API does not have (422)."
        ),
        Setting(
            "share-prefix-cache", \.api.sharesPrefixes, .onOff,
            "Let requests with different keys find each other's cached prompts.",
            "Faster where all keys share a system prompt; but then the time of an answer tells "
                + "whether somebody else asked the same. Within a key, requests share unless their "
                + "\"cache_salt\" differs."),
        Setting(
            "keep-alive-interval", \.api.keepAliveInterval, .seconds(1...3600),
            "The longest silence of a stream; something breaks it, which clients and proxies need."),
        Setting(
            "heartbeats", \.api.sendsHeartbeats, .onOff,
            "Send white space while an answer that is not streamed is being computed, so that "
                + "clients' read timeouts do not strike.",
            "A failure then breaks the connection off instead of giving a status."),
        Setting(
            "no-page", \.hasPage, .offOn,
            "Do not show the page for people, which browsers get at / otherwise."),
        Setting(
            "tool-servers", \.toolServers,
            .texts { text in
                PagePolicy.isAddress(text)
                    ? nil
                    : SettingRejection(
                        expected: "addresses such as https://tools.example/mcp", found: text)
            },
            otherwise: "none", example: "[https://tools.example/mcp]",
            "Servers of tools (MCP over HTTP) that the page may ask from its reader's browser; the "
                + "server itself asks none."),
        Setting(
            "allow-repetition", \.api.limits.stopsOnRepetition, .offOn,
            "Let answers without max_tokens repeat themselves to the end of the context.",
            "Otherwise an answer whose last thousand tokens only repeat one cycle of at most 256, "
                + "sixteen times or more, ends with the finish_reason length and the stop_reason "
                + "repetition_detected, unless the request sets max_tokens, ignore_eos or "
                + "stop_on_repetition: false."),
    ]

    private static let storage = [
        Setting(
            "storage", \.storage, .optional(.text), otherwise: "none, nothing is stored",
            example: "/var/lib/cierzo/responses",
            "A folder in which answers of /v1/responses are kept with what was asked, so that clients "
                + "can go on from them (\"previous_response_id\") and read or delete them.",
            "As with OpenAI they are then kept unless a request says \"store\": false. Each key finds "
                + "its own only. Files are not encrypted; only the server's user may read them. One "
                + "server at a time uses a folder."),
        Setting(
            "storage-responses", \.storageLimits.maxCount, .number(1...1_000_000, "responses"),
            "The most responses that are kept; beyond it the oldest go."),
        Setting(
            "storage-size", \.storageLimits.maxByteCount, .mebibytes(1...1_048_576),
            "The most that they take together."),
        Setting(
            "storage-age", \.storageLimits.maxAge, .seconds(60...315_360_000),
            "How long they are kept."),
    ]

    private static let jobs = [
        Setting(
            "jobs-directory", \.jobsDirectory, .optional(.text),
            otherwise: "none, no files are kept",
            example: "/var/lib/cierzo/jobs",
            "A folder in which files are kept that clients upload (/v1/files), and their batches "
                + "(/v1/batches, /v1/batch/jobs).",
            "Each key finds its own only. Only the server's user may read them. One server at a time "
                + "uses a folder."),
        Setting(
            "jobs-key", \.jobsKey, .optional(.text), otherwise: "none, files are not encrypted",
            example: "/etc/cierzo/jobs.key",
            "A file with the key that files are encrypted with on the disk (AES-256-GCM).",
            "`openssl rand -out FILE 32` makes one; only the server's user may be able to read it. "
                + "Names, sizes and times are not encrypted. Without the key nobody can read what was "
                + "stored with it, the operator included."),
        Setting(
            "max-file-size", \.fileLimits.maxFileByteCount, .mebibytes(1...1_048_576),
            "The largest file that is uploaded.",
            "It goes to the disk as it arrives, past max-body-bytes and memory."),
        Setting(
            "files-per-key", \.fileLimits.maxCountPerOwner, .number(1...1_000_000, "files"),
            "The most files of a key."),
        Setting(
            "files-size-per-key", \.fileLimits.maxByteCountPerOwner, .mebibytes(1...1_073_741_824),
            "The most that the files of a key take together.",
            "What the server writes for a key counts, and is not refused."),
        Setting(
            "files-size", \.fileLimits.maxByteCount, .mebibytes(1...1_073_741_824),
            "The most that all files take together."),
        Setting(
            "files-age", \.fileLimits.maxAge, .optional(.seconds(60...315_360_000)),
            otherwise: "for ever", example: "2592000",
            "How long files are kept whose upload says nothing of it (expires_after).",
            "A file that a job needs is kept until that has ended."),
        Setting(
            "batch-lines", \.batchLimits.maxLineCount, .number(1...1_000_000, "lines"),
            "The most requests of a batch (/v1/batches), each of max-body-bytes at most."),
        Setting(
            "batches-per-key", \.batchLimits.maxUnfinishedPerOwner, .number(1...100_000, "batches"),
            "The most batches of a key that have not ended."),
        Setting(
            "batches-at-once", \.batchLimits.maxRunning, .number(1...64, "batches"),
            "The batches that are worked on at the same time, each of another key where there are "
                + "several.",
            "Their requests are computed only while nobody else has any."),
        Setting(
            "batch-webhook", \.batchWebhook, .optional(.text), otherwise: "none, nobody is told",
            example: "https://hooks.example/cierzo/{status}/{id}",
            "An address that is told when a batch has ended, as OpenAI's webhooks are; {status} and "
                + "{id} stand for the batch's.",
            "Nothing but the batch's id and status is told. What is not taken is tried again for some "
                + "hours. It needs batch-webhook-secret and libcurl4."),
        Setting(
            "batch-webhook-secret", \.batchWebhookSecret, .optional(.text), otherwise: "none",
            example: "/etc/cierzo/webhook.secret",
            "A file with the secret that webhooks are signed with (Standard Webhooks): whsec_ and "
                + "base64 of 24 to 64 bytes.",
            "`(printf whsec_; openssl rand -base64 32) > FILE` makes one; only the server's user may "
                + "be able to read it."),
    ]

    private static let http = [
        Setting(
            "max-body-bytes", \.http.limits.maxBodyBytes, .number(1024...1_073_741_824, "bytes"),
            "The largest request body.",
            "Bodies are read and tokenized by threads of their own: a quarter of the processors, at "
                + "least one, for bodies up to 64 KiB, and as many for larger ones. A prompt that "
                + "cannot fit the context is refused before all of it is tokenized."),
        Setting(
            "max-body-memory", \.http.maxBodyMemoryBytes, .optional(.mebibytes(1...1_048_576)),
            otherwise: "16 of the largest bodies", example: "256",
            "Memory for the bodies of all requests being received.",
            "503 beyond, but the first 64 KiB of each always pass."),
        Setting(
            "max-header-bytes", \.http.limits.maxHeaderBytes, .number(1024...1_048_576, "bytes"),
            "The largest request header."),
        Setting(
            "max-header-count", \.http.limits.maxHeaderCount, .number(1...10_000, "fields"),
            "The most fields in a request header."),
        Setting(
            "max-connections", \.http.maxConnections, .optional(.number(1...65536)),
            otherwise: "what open files allow, to 16384", example: "1024",
            "The most connections at a time; idle ones give way to new ones.",
            "Those give way, too, whose header does not come to its end; a running request never "
                + "does. Beyond, /health and / are answered and all else is refused. Fewer where the "
                + "limit of open files (ulimit -n, of which the hard one counts) does not allow as "
                + "many."),
        Setting(
            "max-per-address", \.http.maxConnectionsPerAddress,
            .optional(.number(1...65536)), otherwise: "half of max-connections", example: "64",
            "The most connections of one client address, or of one IPv6 network of 64 bits.",
            "Beyond, its idle ones give way, a few get 503, and the rest are closed. This machine's "
                + "own addresses are not limited, for a reverse proxy stands for many; of one on "
                + "another machine the limit must be as high as its connections."),
        Setting(
            "header-timeout", \.http.timeouts.header, .seconds(1...3600),
            "Time for a request's header to arrive."),
        Setting(
            "body-timeout", \.http.timeouts.body, .seconds(1...3600),
            "Time for a request's body to arrive.",
            "A body that sends less than 4096 bytes a second runs out of it, wherever it stalls."),
        Setting(
            "write-timeout", \.http.timeouts.write, .seconds(1...3600),
            "How long a client may keep its answer waiting in all before it is cut.",
            "One that takes 1024 bytes a second or more gets all, however long that is. What waits "
                + "for it is bounded: by the kernel, and by the answer's own length."),
        Setting(
            "idle-timeout", \.http.timeouts.idle, .seconds(1...3600),
            "How long an idle connection is kept."),
        Setting(
            "compress-streams", \.http.compressesStreams, .onOff,
            "Compress streams of events, too, for clients that accept gzip.",
            "Each event can be read at once all the same. It takes of the processors what it spares the "
                + "network, and 32 KiB for each stream, of which 256 are compressed at most."),
    ]

    private static let process = [
        Setting(
            "shutdown-grace", \.shutdownGrace, .seconds(0...3600),
            "Time that running requests have to finish on SIGTERM or SIGINT; a second signal ends the "
                + "server at once. SIGHUP reads key-file, jwt-keys and the certificate again."),
        Setting("log-level", \.logLevel, .choice, "The least important messages of the log."),
        Setting(
            "otlp-endpoint", \.traceEndpoint, .optional(.text), otherwise: "none, nobody is told",
            example: "http://127.0.0.1:4318",
            "A collector that is told what requests do (OTLP over HTTP, as JSON to /v1/traces below "
                + "this address).",
            "A request with a traceparent goes on with its client's trace, if that is recorded; any "
                + "other that asks for work begins one. The collector learns routes, models, counts, times and "
                + "statuses, never a text. What it does not take in time is dropped."),
        Setting(
            "log-format", \.logFormat, .choice, "How each line of the log is written.",
            "text: for people. json: an object with time (UTC), level, logger, source and message, "
                + "and what is known of the event besides, such as request, the id that "
                + "x-request-id told the client. In systemd's journal each line has its priority."),
    ]
}
