// SPDX-License-Identifier: Apache-2.0

/// Reads SentencePiece's `tokenizer.model`, a protocol buffer.
///
/// Field numbers are those of sentencepiece_model.proto.
struct SentencePieceModelFile {
    private let file: String
    private let bytes: [UInt8]
    private var pieces: [String] = []
    private var scores: [Float] = []
    private var kinds: [TokenKind] = []
    private var trainer = Trainer()
    private var normalizer = Normalizer()

    /// The message `trainer_spec`.
    private struct Trainer {
        static let unigram = 1
        static let bytePairs = 2

        var modelType = unigram
        var hasByteFallback = false
        var treatsSpaceAsSuffix = false
        var unknown = 0
        var bos = 1
        var eos = 2
        var unknownText = " \u{2047} "
    }

    /// The message `normalizer_spec`.
    private struct Normalizer {
        var characterMap: Range<Int>?
        var addsDummyPrefix = true
        var removesExtraSpaces = true
        var escapesSpaces = true
    }

    /// Reads a vocabulary.
    ///
    /// - Parameters:
    ///   - bytes: the file's content.
    ///   - file: its name, for messages.
    /// - Returns: the vocabulary; it asks for BOS, as every model that ships such a file does.
    /// - Throws: `TokenizerError` for bytes that are no such model, and for word and character
    ///   models and other settings that are not implemented.
    static func vocabulary(
        of bytes: [UInt8], file: String
    ) throws(TokenizerError) -> SentencePieceVocabulary {
        var reader = SentencePieceModelFile(file: file, bytes: bytes)
        do {
            try reader.readModel()
        } catch let failure as ProtobufReader.Failure {
            throw .malformed(
                file: file, field: "byte \(failure.offset)", reason: failure.reason)
        } catch let error as TokenizerError {
            throw error
        } catch {
            throw .malformed(file: file, field: "model", reason: "\(error)")
        }
        return try reader.vocabulary()
    }

    private init(file: String, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    private mutating func readModel() throws {
        var reader = ProtobufReader(bytes, 0..<bytes.count)
        while let (field, value) = try reader.next() {
            guard case .bytes(let range) = value else { continue }
            switch field {
            case 1: try readPiece(range)
            case 2: try readTrainer(range)
            case 3: try readNormalizer(range)
            default: break
            }
        }
    }

    private mutating func readPiece(_ range: Range<Int>) throws {
        var piece: String?
        var score: Float = 0
        var kind = TokenKind.normal
        var reader = ProtobufReader(bytes, range)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text)): piece = String(validating: bytes[text], as: UTF8.self)
            case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
            case (3, .varint(let number)):
                guard let known = UInt8(exactly: number).flatMap(TokenKind.init) else {
                    throw TokenizerError.malformed(
                        file: file, field: "type of token \(pieces.count)",
                        reason: "\(number) is not a type")
                }
                kind = known
            default: break
            }
        }
        guard let piece, !piece.isEmpty else {
            throw TokenizerError.malformed(
                file: file, field: "token \(pieces.count)", reason: "no spelling in UTF-8")
        }
        guard pieces.count < VocabularyLimits.tokenCount else {
            throw TokenizerError.malformed(
                file: file, field: "pieces",
                reason: "more than \(VocabularyLimits.tokenCount) tokens")
        }
        pieces.append(piece)
        scores.append(score)
        kinds.append(kind)
    }

    private mutating func readTrainer(_ range: Range<Int>) throws {
        var reader = ProtobufReader(bytes, range)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (3, .varint(let type)): trainer.modelType = Int(truncatingIfNeeded: type)
            case (24, .varint(let flag)): trainer.treatsSpaceAsSuffix = flag != 0
            case (35, .varint(let flag)): trainer.hasByteFallback = flag != 0
            case (40, .varint(let id)): trainer.unknown = Int(truncatingIfNeeded: id)
            case (41, .varint(let id)): trainer.bos = Int(truncatingIfNeeded: id)
            case (42, .varint(let id)): trainer.eos = Int(truncatingIfNeeded: id)
            case (44, .bytes(let text)):
                trainer.unknownText = String(decoding: bytes[text], as: UTF8.self)
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ range: Range<Int>) throws {
        var reader = ProtobufReader(bytes, range)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .bytes(let map)): normalizer.characterMap = map.isEmpty ? nil : map
            case (3, .varint(let flag)): normalizer.addsDummyPrefix = flag != 0
            case (4, .varint(let flag)): normalizer.removesExtraSpaces = flag != 0
            case (5, .varint(let flag)): normalizer.escapesSpaces = flag != 0
            default: break
            }
        }
    }

    private mutating func vocabulary() throws(TokenizerError) -> SentencePieceVocabulary {
        guard !pieces.isEmpty else {
            throw .malformed(file: file, field: "pieces", reason: "there are none")
        }
        try checkFeatures()
        var seen: Set<String> = []
        for (index, piece) in pieces.enumerated() where !seen.insert(piece).inserted {
            throw .malformed(
                file: file, field: "token \(index)", reason: "\(quoted(piece)) occurs twice")
        }
        var special = SpecialTokens(
            bos: try id(trainer.bos, "bos_id"), eos: try id(trainer.eos, "eos_id"),
            unknown: try id(trainer.unknown, "unk_id"), addsBOS: true)
        TurnMarkers.mark(pieces, &kinds, special)
        special.stops.formUnion(
            TurnMarkers.ends(
                in: pieces.indices.filter { kinds[$0] == .control }
                    .map { (Int32($0), pieces[$0]) }))
        var spaces = SpaceRule(prefix: normalizer.addsDummyPrefix ? .always : .never)
        spaces.removesExtraSpaces = normalizer.removesExtraSpaces
        spaces.followsSentencePiece = true
        var vocabulary = SentencePieceVocabulary(
            file: file, pieces: pieces,
            order: trainer.modelType == Trainer.unigram
                ? .unigram(scores.map(Double.init), roundsSums: true) : .scores(scores),
            kinds: kinds, special: special, spaces: spaces,
            hasByteFallback: trainer.hasByteFallback)
        vocabulary.unknownText = trainer.unknownText
        if let range = normalizer.characterMap {
            do {
                let map = try CharacterMap(Array(bytes[range]))
                vocabulary.normalization = TextNormalization(steps: [.map(map, .longest)])
            } catch {
                throw .malformed(
                    file: file, field: "precompiled_charsmap", reason: error.reason)
            }
        }
        return vocabulary
    }

    private func checkFeatures() throws(TokenizerError) {
        let types = [3: "word", 4: "character"]
        guard [Trainer.unigram, Trainer.bytePairs].contains(trainer.modelType) else {
            let type = types[trainer.modelType] ?? "unknown (\(trainer.modelType))"
            throw .unsupported(
                file: file, feature: "SentencePiece model type: \(type), neither BPE nor Unigram")
        }
        if trainer.treatsSpaceAsSuffix || !normalizer.escapesSpaces {
            throw .unsupported(
                file: file, feature: "SentencePiece spaces as suffix or unescaped")
        }
    }

    /// Negative ids mean that there is no such token.
    private func id(_ value: Int, _ field: String) throws(TokenizerError) -> Int32? {
        // The wire has negative 32-bit numbers sign-extended to 64 bits.
        if value < 0 { return nil }
        guard value < pieces.count else {
            throw .malformed(
                file: file, field: field, reason: "\(value), but there are \(pieces.count) tokens")
        }
        return Int32(value)
    }
}
