// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition

/// What a JSON string without rules makes of a vocabulary, which masks of others are mended from.
struct StringReference: Sendable {
    /// What it makes of the tokens, from its first byte.
    let mask: ScannerMask

    /// For each node of the vocabulary's tree the place that the string is at after it, numbered as
    /// in ``numbers``; 0 where it is not within the string any more.
    let places: [UInt16]

    /// The numbers of places, by the identities of their scanners.
    let numbers: [UInt64: UInt16]

    /// The number of the first place.
    let firstPlace: UInt16

    /// The nodes that complete the string, ascending.
    let closingNodes: [Int32]

    /// Reads a vocabulary; nil where no token has to do with strings.
    init?(_ vocabulary: ConstraintVocabulary) {
        guard
            let document = try? SchemaDocument(["type": "string"]),
            let recognizer = try? JSONRecognizer(document, style: .any)
        else { return nil }
        let text = RecognizedText()
        let begun = recognizer.advance(recognizer.start, by: UInt8(ascii: "\""), after: text)
        guard !begun.isDead else { return nil }
        let scanner = recognizer.scanner(of: begun)
        guard scanner >= 0, let identity = recognizer.identity(of: scanner) else { return nil }

        let trie = vocabulary.trie
        var places = [UInt16](repeating: 0, count: trie.nodes.count)
        var closing: [Int32] = []
        var scanners = [Int32](repeating: -1, count: trie.depth + 1)
        var numbers = [identity: UInt16(1)]
        scanners[0] = scanner
        var index = 0
        while index < trie.nodes.count {
            let node = trie.nodes[index]
            let next = recognizer.scan(scanners[Int(node.depth)], by: node.byte)
            guard next >= 0, let identity = recognizer.identity(of: next),
                numbers.count < Int(UInt16.max)
            else {
                if next < -1 { closing.append(Int32(index)) }
                index = Int(node.end)
                continue
            }
            scanners[Int(node.depth) + 1] = next
            let number = numbers[identity] ?? UInt16(numbers.count + 1)
            numbers[identity] = number
            places[index] = number
            index += 1
        }
        self.places = places
        self.numbers = numbers
        firstPlace = 1
        closingNodes = closing
        let builder = MaskBuilder(recognizer, vocabulary, maxBytes: 1 << 24)
        mask = builder.makeMask(of: scanner, mending: nil)
        vocabulary.sharedMasks.insert(mask, of: identity)
    }
}
