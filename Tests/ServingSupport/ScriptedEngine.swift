// SPDX-License-Identifier: Apache-2.0

import Conversation
package import Dispatch
package import Generation
import JSON
import Sampling
package import Serving
import Synchronization
package import Tokenization

/// An engine that says what a test tells it to say.
package final class ScriptedEngine: CompletionEngine {
    /// What is to happen to a request.
    package typealias Script =
        @Sendable (GenerationRequest) throws(SubmissionError) -> AsyncStream<GenerationEvent>

    package let contextLength: Int
    package let vocabularyCount = ByteTokenizer.count
    private let state = Mutex((requests: [GenerationRequest](), statistics: EngineStatistics()))
    private let script: Script

    /// An engine of that script, or one that greets.
    package init(
        contextLength: Int = 512, _ script: @escaping Script = ScriptedEngine.greeting
    ) {
        self.contextLength = contextLength
        self.script = script
    }

    /// The requests so far.
    package var requests: [GenerationRequest] { state.withLock { $0.requests } }

    /// Keeps nothing of them any more.
    package func forget() { state.withLock { $0.requests = [] } }

    package var statistics: EngineStatistics {
        get { state.withLock { $0.statistics } }
        set { state.withLock { $0.statistics = newValue } }
    }

    package func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        let promptCount = request.promptTokens.count
        guard promptCount + (request.maxTokens == 0 ? 0 : 1) <= contextLength else {
            throw .promptTooLong(tokenCount: promptCount, contextLength: contextLength)
        }
        state.withLock { $0.requests.append(request) }
        let waiting = statistics.waitingSequences
        let events = try script(request)
        let source = stream.open(choiceCount: request.choiceCount)
        let sending = Task {
            for await event in events { source.send(event) }
            source.finish()
        }
        source.onCancellation { sending.cancel() }
        return QueuePlace(position: waiting, estimatedWait: .seconds(waiting))
    }

    /// Events that have all happened already.
    package static func events(_ events: [GenerationEvent]) -> AsyncStream<GenerationEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        for event in events { continuation.yield(event) }
        continuation.finish()
        return stream
    }

    /// Says those texts, one for each choice, a byte at a time, and ends them for that reason.
    package static func saying(
        _ texts: String..., ending reason: FinishReason = .stop,
        stop: MatchedStop? = .token(ByteTokenizer.eos)
    ) -> ScriptedEngine {
        ScriptedEngine { request throws(SubmissionError) in
            var script: [GenerationEvent] = []
            for choice in 0..<request.choiceCount {
                let bytes = Array(texts[choice % texts.count].utf8)
                for (offset, byte) in bytes.enumerated() {
                    let id = Int32(byte)
                    let token = TokenOutput(
                        id: id, logprobs: logprobs(id, choice, request), textOffset: offset)
                    let text = String(decoding: [byte], as: UTF8.self)
                    script.append(.output(choice: choice, text: text, tokens: [token]))
                }
                script.append(
                    .finished(
                        choice: choice, reason: reason, stop: reason == .stop ? stop : nil))
            }
            script.append(.usage(Usage(promptTokens: 1, completionTokens: 2)))
            return events(script)
        }
    }

    /// Says "Hé!" in three tokens of which one is half a character, and stops.
    package static let greeting: Script = { request throws(SubmissionError) in
        events(greetingEvents(request))
    }

    /// The events of a greeting.
    package static func greetingEvents(_ request: GenerationRequest) -> [GenerationEvent] {
        var events: [GenerationEvent] = []
        if request.embedding != nil {
            events.append(.embedding((0..<8).map { Float($0) / 8 }))
            events.append(.finished(choice: 0, reason: .length, stop: nil))
            events.append(.usage(Usage(promptTokens: request.promptTokens.count)))
            return events
        }
        if request.promptLogprobs != nil {
            events.append(
                .promptLogprobs(
                    request.promptTokens.enumerated().map { index, id in
                        index == 0
                            ? nil : TokenLogprobs(id: id, logprob: -0.5, top: [])
                    }))
        }
        if let scoring = request.scoring {
            events.append(
                .promptLogprobs(
                    scoring.places.map { place in
                        TokenLogprobs(
                            id: request.promptTokens[place.index], logprob: -1,
                            top: place.candidates.enumerated().map { rank, id in
                                TokenLogprob(id: id, logprob: -Double(rank + 1))
                            })
                    }))
        }
        let bytes: [(UInt8, String)] =
            request.maxTokens == 0
            ? [] : [(UInt8(ascii: "H"), "H"), (0xC3, ""), (0xA9, "é"), (UInt8(ascii: "!"), "!")]
        for choice in 0..<request.choiceCount {
            for (index, (byte, text)) in bytes.enumerated() {
                let token = TokenOutput(
                    id: Int32(byte), logprobs: logprobs(Int32(byte), choice, request),
                    textOffset: [0, 1, 1, 2][index])
                events.append(.output(choice: choice, text: text, tokens: [token]))
            }
            if bytes.isEmpty {
                events.append(.finished(choice: choice, reason: .length, stop: nil))
                continue
            }
            let end = TokenOutput(
                id: ByteTokenizer.eos, logprobs: logprobs(ByteTokenizer.eos, choice, request),
                textOffset: 3, isStop: true)
            events.append(.output(choice: choice, text: "", tokens: [end]))
            events.append(
                .finished(choice: choice, reason: .stop, stop: .token(ByteTokenizer.eos)))
        }
        events.append(
            .usage(
                Usage(
                    promptTokens: request.promptTokens.count,
                    completionTokens: request.choiceCount * (bytes.isEmpty ? 0 : 5),
                    cachedPromptTokens: 1)))
        return events
    }

    /// Each choice is less probable than the one before, save that choice 1 is the best.
    private static func logprobs(
        _ id: Int32, _ choice: Int, _ request: GenerationRequest
    ) -> TokenLogprobs? {
        guard let count = request.topLogprobs else { return nil }
        let logprob = choice == 1 ? -0.125 : -0.25 * Double(choice + 1)
        let top = [TokenLogprob(id: id, logprob: logprob), TokenLogprob(id: 90, logprob: -4)]
        return TokenLogprobs(id: id, logprob: logprob, top: Array(top.prefix(count)))
    }
}

/// Every byte is a token; 256 is BOS, 257 EOS, and 258 to 260 may mark a gap.
package struct ByteTokenizer: Tokenizer {
    /// The number of ids.
    package static let count = 261

    /// The id of EOS.
    package static let eos: Int32 = 257

    private let gapMarks: [String]

    /// A vocabulary without tokens for a gap, or with Mistral's.
    package init(fillsGaps: Bool = false) {
        self.init(gapMarks: fillsGaps ? ["[PREFIX]", "[SUFFIX]", "[MIDDLE]"] : [])
    }

    /// A vocabulary with at most three tokens for a gap.
    package init(gapMarks: [String]) { self.gapMarks = gapMarks }

    package var vocabularyCount: Int { Self.count }
    package var bosTokenID: Int32? { 256 }
    package var eosTokenIDs: Set<Int32> { [Self.eos] }
    package var addsBOS: Bool { true }
    package var addsEOS: Bool { false }
    package var dropsLeadingSpace: Bool { false }

    private var controls: [String] {
        ["<s>", "</s>"] + gapMarks
    }

    package func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        (addSpecial ? [256] : []) + text.utf8.map { Int32($0) }
    }

    package func encode(_ segments: [PromptSegment]) -> [Int32] {
        segments.flatMap { segment in
            switch segment {
            case .text(let text): encode(text, addSpecial: false)
            case .templated(let text): parse(text)
            case .control(let name): id(ofControl: name).map { [$0] } ?? []
            }
        }
    }

    private func parse(_ text: String) -> [Int32] {
        var ids: [Int32] = []
        var rest = text[...]
        while let character = rest.first {
            if let index = controls.firstIndex(where: { rest.hasPrefix($0) }) {
                ids.append(Int32(256 + index))
                rest.removeFirst(controls[index].count)
            } else {
                ids += character.utf8.map { Int32($0) }
                rest.removeFirst()
            }
        }
        return ids
    }

    package func bytes(of token: Int32) -> [UInt8] { UInt8(exactly: token).map { [$0] } ?? [] }

    package func isControl(_ token: Int32) -> Bool { token >= 256 }

    package func id(ofControl name: String) -> Int32? {
        controls.firstIndex(of: name).map { Int32(256 + $0) }
    }

    package func piece(of token: Int32) -> String {
        let index = Int(token) - 256
        if controls.indices.contains(index) { return controls[index] }
        return String(decoding: bytes(of: token), as: UTF8.self)
    }
}

/// Renders a conversation as `role=content;` and refuses the content "raise".
package struct PlainPrompts: PromptSource {
    /// How many conversations were rendered.
    package let renderings = Counter()
    /// What rendering waits for; nil to go on at once.
    private let gate: DispatchSemaphore?

    /// A format of all that conversations have.
    package init(gate: DispatchSemaphore? = nil) {
        self.gate = gate
    }

    /// Why a conversation is refused.
    package struct Refusal: Error, CustomStringConvertible {
        /// Its words.
        package let description = "roles must alternate <b>\u{1B}"
    }

    package func tokens(of prompt: ChatPrompt) throws -> [Int32] {
        renderings.increase()
        gate?.wait()
        if prompt.messages.contains(where: { $0.parts == ["raise"] }) { throw Refusal() }
        var text = prompt.messages
            .map { "\($0.role.rawValue)=\($0.parts.joined(separator: "\n"))" }.joined(
                separator: ";")
        for tool in prompt.tools { text += tool.serialized() }
        if prompt.addsGenerationPrompt { text += ";assistant=" }
        return ByteTokenizer().encode(text, addSpecial: true)
    }
}

/// Counts what happens on any thread.
package final class Counter: Sendable {
    private let count = Mutex(0)

    /// How often it happened.
    package var value: Int { count.withLock { $0 } }

    /// Counts once more.
    package func increase() { count.withLock { $0 += 1 } }
}
