// SPDX-License-Identifier: Apache-2.0

import Recognition
import Tokenization

/// What marks a part of an answer: a control token where the vocabulary has one, else a text.
struct Mark: Hashable, Sendable {
    let text: String
    let bytes: [UInt8]
    /// The control token, which has no text.
    let control: Int32?

    init(_ text: String, _ tokenizer: any Tokenizer) {
        self.text = text
        bytes = Array(text.utf8)
        control = tokenizer.id(ofControl: text)
    }

    /// A mark that is a text in every vocabulary.
    init(text: String) {
        self.text = text
        bytes = Array(text.utf8)
        control = nil
    }

    /// The mark as part of an answer.
    var structure: Structure { control.map { .control($0) } ?? .literal(text) }
}

extension Structure {
    /// Free text up to the first of some marks.
    static func freeText(until marks: [Mark]) -> Structure {
        .freeText(
            until: marks.filter { $0.control == nil }.map(\.text),
            orControls: marks.compactMap(\.control))
    }

    /// One of them, without a choice where there is none.
    static func anyOf(_ structures: [Structure]) -> Structure {
        if structures.count == 1, let only = structures.first { return only }
        return .choice(structures)
    }

    /// Nothing at all.
    static let nothing = Structure.literal("")

    /// It or nothing.
    static func optional(_ structure: Structure) -> Structure { .choice([structure, .nothing]) }

    /// As many line feeds, or fewer.
    static func lineFeeds(upTo count: Int) -> Structure {
        .repetition(.literal("\n"), least: 0, most: count)
    }
}
