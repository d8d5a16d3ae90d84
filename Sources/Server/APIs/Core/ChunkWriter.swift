// SPDX-License-Identifier: Apache-2.0

import HTTP
import JSON

/// Writes the chunks of a stream; what is the same in all of them is spelled once.
package struct ChunkWriter: Sendable {
    /// What a chunk says besides its choices, in the order in which it stands there.
    package struct Rest {
        /// The token counts, if this chunk tells them.
        package var usage: UsageReport?

        /// The added ids under llama.cpp's name, if asked by it.
        package var tokens: [Int32]?

        /// The prompt's ids, if this chunk tells them.
        package var promptTokenIDs: [Int32]?

        /// Nothing.
        package init(usage: UsageReport? = nil) { self.usage = usage }
    }

    /// Everything up to the choices.
    private let beginning: [UInt8]

    /// Where the stream tells its usage.
    let usage: StreamUsage

    /// A writer for a stream.
    ///
    /// - Parameters:
    ///   - header: what every chunk begins with.
    ///   - usage: where usage belongs.
    package init(_ header: AnswerHeader, usage: StreamUsage) {
        var bytes = Array("data: ".utf8) + header.opened
        bytes.append(text: #","choices":["#)
        beginning = bytes
        self.usage = usage
    }

    /// Appends a chunk.
    ///
    /// - Parameters:
    ///   - bytes: receives a server-sent event.
    ///   - rest: what the chunk says besides its choices.
    ///   - choices: appends the elements of `choices`.
    package func append(
        to bytes: inout [UInt8], _ rest: Rest = Rest(), _ choices: (inout [UInt8]) -> Void
    ) {
        if bytes.isEmpty { bytes.reserveCapacity(beginning.count + 160) }
        bytes.append(contentsOf: beginning)
        choices(&bytes)
        bytes.append(text: "]")
        if let counts = rest.usage {
            bytes.append(text: #","usage":"#)
            bytes.append(json: counts.json)
        } else if usage.isNullElsewhere {
            bytes.append(text: #","usage":null"#)
        }
        if let tokens = rest.tokens {
            bytes.append(text: #","tokens":"#)
            bytes.append(ids: tokens)
        }
        if let ids = rest.promptTokenIDs {
            bytes.append(text: #","prompt_token_ids":"#)
            bytes.append(ids: ids)
        }
        bytes.append(text: "}\n\n")
    }

    /// Appends an error as a chunk.
    static func append(_ error: APIError, in dialect: Dialect, to bytes: inout [UInt8]) {
        bytes.append(
            contentsOf: ServerSentEvents.encode(data: error.body(in: dialect).serialized()))
    }
}

/// Whether and where a stream tells its usage.
package enum StreamUsage: Hashable, Sendable {
    /// Nowhere (OpenAI when asked for none).
    case omitted

    /// In the chunk that ends the last choice, without a word in the others (OpenAI unless asked).
    ///
    /// Clients that know no `stream_options` find it there, and no chunk is without a choice.
    case unasked

    /// In a chunk of its own at the end, `null` in the others (OpenAI when asked).
    case lastChunk

    /// In the chunk that ends the last choice, `null` in the others (Mistral).
    case finishingChunk

    /// Whether the end of the last choice waits for the usage that belongs to it.
    var holdsEnd: Bool { self == .unasked || self == .finishingChunk }

    /// Whether chunks that do not tell it say `null`.
    var isNullElsewhere: Bool { self == .lastChunk || self == .finishingChunk }
}

extension StreamUsage {
    /// Where usage belongs.
    init(_ options: GenerationOptions, in dialect: Dialect) {
        self =
            dialect.streamUsage
            ?? options.includesUsage.map { $0 ? .lastChunk : .omitted } ?? .unasked
    }
}
