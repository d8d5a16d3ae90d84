// SPDX-License-Identifier: Apache-2.0

/// Reads `tiktoken.model`: a byte-level BPE by rank, in each line a token as base64 and its rank.
///
/// The file has neither special tokens nor the way to split words; those of Kimi K2 and Moonlight
/// are in `tokenizer_config.json` and in the code that it names, `tokenization_kimi.py`.
package struct TiktokenFile {
    /// What such a file is called.
    static let name = "tiktoken.model"

    /// The class whose vocabularies these are, as `tokenizer_config.json` names it.
    private static let tokenizerClass = "TikTokenTokenizer"

    /// How many ids behind those of the file are special tokens, by that class.
    private static let specialCount = 258

    /// Reads a vocabulary.
    ///
    /// - Parameters:
    ///   - bytes: the file's content.
    ///   - settings: what `tokenizer_config.json` says of special tokens.
    ///   - file: its name, for messages.
    /// - Returns: the vocabulary; special tokens have the last ids.
    /// - Throws: `TokenizerError`, naming the line.
    static func vocabulary(
        of bytes: [UInt8], settings: TokenizerSettings, file: String
    ) throws(TokenizerError) -> RankedVocabulary {
        guard settings.tokenizerClass == tokenizerClass else {
            let found = settings.tokenizerClass.map(quoted) ?? "none"
            throw .unsupported(
                file: file,
                feature: "tokenizer_class \(found) of tokenizer_config.json beside it, not "
                    + quoted(tokenizerClass))
        }
        let ranked = try ranked(bytes, file)
        var vocabulary = RankedVocabulary(
            file: file, specialNames: [], ranked: ranked, special: SpecialTokens(),
            preTokenizer: PreTokenizer([.words(.kimiK2)]))
        vocabulary.hasSpecialsLast = true
        for id in Int32(ranked.count)..<Int32(ranked.count + specialCount) {
            let token = settings.added[id]
            let name = token?.spelling ?? "<|reserved_token_\(id)|>"
            vocabulary.specialNames.append(name)
            if let token, !token.isControl, !TurnMarkers.isControl(name) {
                vocabulary.specialTexts.insert(name)
            }
        }
        vocabulary.special = special(vocabulary, settings)
        return vocabulary
    }

    /// Builds the tokenizer of a file alone, as if its special tokens had no names.
    ///
    /// - Throws: `TokenizerError`, naming the line.
    package static func tokenizer(
        of bytes: [UInt8], file: String
    ) throws(TokenizerError) -> VocabularyTokenizer {
        var settings = TokenizerSettings()
        settings.tokenizerClass = tokenizerClass
        return try vocabulary(of: bytes, settings: settings, file: file).tokenizer()
    }

    private static func ranked(
        _ bytes: [UInt8], _ file: String
    ) throws(TokenizerError) -> ByteStrings {
        var ranked = ByteStrings()
        var seen: Set<[UInt8]> = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let parts = line.split(whereSeparator: { [0x20, 0x09, 0x0D].contains($0) })
            guard parts.count == 2,
                let token = Base64.decode(String(decoding: parts[0], as: UTF8.self)),
                !token.isEmpty, Int(String(decoding: parts[1], as: UTF8.self)) == index
            else {
                throw .malformed(
                    file: file, field: "line \(index + 1)",
                    reason: "expected a token as base64 and its rank, \(index)")
            }
            guard seen.insert(token).inserted else {
                throw .malformed(
                    file: file, field: "line \(index + 1)", reason: "its token occurs twice")
            }
            ranked.append(token)
        }
        guard ranked.count <= VocabularyLimits.tokenCount - specialCount else {
            throw .malformed(
                file: file, field: "content",
                reason: "\(ranked.count) tokens, more than "
                    + "\(VocabularyLimits.tokenCount - specialCount)")
        }
        return ranked
    }

    private static func special(
        _ vocabulary: RankedVocabulary, _ settings: TokenizerSettings
    ) -> SpecialTokens {
        let first = vocabulary.ranked.count
        let named = vocabulary.specialNames.enumerated().map { index, name in
            (Int32(first + index), name)
        }
        func id(_ name: String?) -> Int32? { named.first { $0.1 == name }?.0 }
        var special = SpecialTokens(bos: id(settings.bos), eos: id(settings.eos))
        special.addsBOS = settings.addsBOS ?? false
        special.addsEOS = settings.addsEOS ?? false
        special.stops.formUnion(
            settings.stops.filter { $0 >= 0 && Int($0) < first + named.count })
        special.stops.formUnion(
            TurnMarkers.ends(in: named.filter { !vocabulary.specialTexts.contains($0.1) }))
        if let eos = special.eos { special.stops.insert(eos) }
        return special
    }
}
