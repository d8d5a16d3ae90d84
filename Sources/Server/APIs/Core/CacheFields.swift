// SPDX-License-Identifier: Apache-2.0

/// What a request says of the prefix cache, by the names of OpenAI's APIs.
///
/// The cache is automatic and exact here: every whole block of every prompt is kept until its
/// memory is needed for another, and found by its tokens alone. So there is nothing that these
/// fields could turn on:
///
/// * `prompt_cache_key` says which prompts belong together. It never keeps equal prompts of one
///   client apart, for that would only compute them twice; `cache_salt` does. Diagnostics compare a
///   prompt with the last one of its key.
/// * Breakpoints (`prompt_cache_breakpoint`, Anthropic's `cache_control`) mark the ends of prefixes
///   that will come again. Those prefixes are found up to their last whole block wherever they end.
/// * Lifetimes are least ones at OpenAI's. Nothing is promised here, for memory is what decides, and
///   nothing is thrown away while it lasts.
package struct CacheFields: Hashable, Sendable {
    /// Which prompts belong together; empty for all of a client's.
    package var key = ""

    /// Whether the answer is to say what was found, and why not more.
    package var wantsDiagnostics = false

    /// Nothing was said.
    package init() {}

    /// Reads and checks the fields.
    ///
    /// - Throws: `FieldError`, which names the field.
    init(_ fields: FieldReader) throws(FieldError) {
        key = try fields.read(Self.key)
        wantsDiagnostics = try fields.read(Self.diagnoses)
        _ = try fields.read(Self.retention)
        guard let options = try fields.read(Self.options) else { return }
        _ = try options.read(Self.mode)
        _ = try options.read(Self.lifetime)
        // OpenAI asks for diagnostics by naming an answer to compare with.
        if try options.read(Self.comparison) != nil { wantsDiagnostics = true }
        try options.refuse(Self.prewarm)
    }

    // MARK: Declarations

    private static let key = Field.string(
        "prompt_cache_key", maxBytes: 1_024,
        "Which prompts belong together, for diagnostics; prompts are found again without it."
    ).defaulting(to: "")
    private static let diagnoses = Field.boolean(
        "cache_diagnostics", "Whether the usage tells why not more of the prompt was found."
    ).defaulting(to: false)
    private static let retention = Field.choice(
        "prompt_cache_retention", of: ["in_memory", "in-memory", "24h"],
        "Taken; prompts are kept as long as there is memory.")
    private static let options = Field.object(
        "prompt_cache_options",
        of: FieldList {
            mode
            lifetime
            comparison
            prewarm
        }, "Taken; the cache is automatic.")
    private static let mode = Field.choice(
        "mode", of: ["implicit", "explicit"], "Taken; every whole block is kept.")
    private static let lifetime = Field.choice(
        "ttl", of: ["5m", "30m", "1h", "12h", "24h"],
        "Taken; prompts are kept as long as there is memory.")
    private static let comparison = Field.string(
        "comparison_response_id", maxBytes: 1_024,
        "Asks for diagnostics; they compare with the nearest prompt.")
    private static let prewarm = FieldDeclaration.refused(
        "prewarm", reason: "not supported; send the prompt with max_tokens 1")

    /// All of them.
    static let list = FieldList {
        key
        diagnoses
        retention
        options
    }

    // MARK: Breakpoints

    /// The mark of a part of a message that ends a prefix.
    static let breakpoint = Field.object(
        "prompt_cache_breakpoint", of: FieldList { breakpointMode },
        "Taken; a prefix is found again wherever it ends.")
    private static let breakpointMode = Field.choice(
        "mode", of: ["explicit"], "The kind of the mark."
    ).required

    /// Checks the mark of a part.
    static func checkBreakpoint(_ part: FieldReader) throws(FieldError) {
        guard let mark = try part.read(breakpoint) else { return }
        _ = try mark.require(breakpointMode)
    }
}
