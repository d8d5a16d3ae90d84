// SPDX-License-Identifier: Apache-2.0

/// Which tokens might stand in which places of a prompt, where their log probabilities are wanted
/// and nothing else.
///
/// Only what comes before the last place is computed, and only the places get logits, so that many
/// prompts that begin alike cost little more than their ends. The log probabilities are those that
/// ``GenerationRequest/promptLogprobs`` gives, to the last bit.
package struct PromptScoring: Hashable, Sendable {
    /// A place of the prompt and what might stand there.
    package struct Place: Hashable, Sendable {
        /// Its index in the prompt: at least 1, for nothing precedes the first token.
        package var index: Int

        /// The tokens whose log probabilities are wanted, besides that of the one that is there.
        package var candidates: [Int32]

        /// Creates a place.
        package init(index: Int, candidates: [Int32]) {
            self.index = index
            self.candidates = candidates
        }
    }

    /// At least one place, in the order of the prompt.
    package var places: [Place]

    /// Creates a scoring of some places.
    package init(places: [Place]) { self.places = places }

    /// What is wrong with it for a prompt; nil if nothing is.
    func problem(promptCount: Int, vocabularyCount: Int) -> String? {
        if places.isEmpty { return "it has no places" }
        var last = 0
        for place in places {
            guard place.index > last, place.index < promptCount else {
                return "place \(place.index) is not between \(last) and \(promptCount)"
            }
            last = place.index
            let foreign = place.candidates.first { $0 < 0 || Int($0) >= vocabularyCount }
            if let foreign { return "token id \(foreign) is not in the vocabulary" }
        }
        return nil
    }
}
