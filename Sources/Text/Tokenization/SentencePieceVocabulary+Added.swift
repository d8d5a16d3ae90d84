// SPDX-License-Identifier: Apache-2.0

extension SentencePieceVocabulary {
    /// Adds the tokens that the files beside a `tokenizer.model` list, most of them behind its own.
    ///
    /// - Throws: `TokenizerError` if there are too many tokens.
    mutating func add(_ settings: TokenizerSettings) throws(TokenizerError) {
        guard case .scores(var scores) = order else { return }
        for var token in settings.added.values.sorted(by: { $0.id < $1.id }) {
            let index = Int(token.id)
            let missing = index + 1 - pieces.count
            if missing > 0 {
                pieces += [String](repeating: "", count: missing)
                kinds += [TokenKind](repeating: .unused, count: missing)
                scores += [Float](repeating: -1e4, count: missing)
            } else if pieces[index] == token.spelling,
                ![.normal, .userDefined].contains(kinds[index])
            {
                continue
            }
            let isControl =
                token.isControl || settings.specialNames.contains(token.spelling)
                || TurnMarkers.isControl(token.spelling)
            pieces[index] = token.spelling
            kinds[index] = isControl ? .control : .userDefined
            token.isControl = isControl || TurnMarkers.looksLikeControl(token.spelling)
            outerTokens.append(token)
        }
        order = .scores(scores)
        func id(_ name: String?) -> Int32? {
            name.flatMap { name in pieces.firstIndex(of: name).map(Int32.init) }
        }
        special.bos = id(settings.bos) ?? special.bos
        special.eos = id(settings.eos) ?? special.eos
        TurnMarkers.markEnds(special, &kinds)
        for index in outerTokens.indices where kinds[Int(outerTokens[index].id)] == .control {
            outerTokens[index].isControl = true
        }
        if let eos = special.eos { special.stops.insert(eos) }
        special.stops.formUnion(
            TurnMarkers.ends(
                in: outerTokens.filter(\.isControl).map { ($0.id, $0.spelling) }))
    }
}
