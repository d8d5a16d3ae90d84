// SPDX-License-Identifier: Apache-2.0

import Generation
import Testing

@Suite struct StopMatcherTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var stops: [String]
        var pieces: [String]
        var outputs: [String]
        var match: String?
        var flushed = ""
        var includesStop = false

        var testDescription: String { "\(stops) in \(pieces)" }
    }

    static let cases: [Case] = [
        Case(stops: [], pieces: ["a", "b"], outputs: ["a", "b"]),
        Case(stops: ["x"], pieces: ["ab", "c"], outputs: ["ab", "c"]),
        Case(stops: ["STOP"], pieces: ["a ST", "OP b"], outputs: ["a ", ""], match: "STOP"),
        Case(
            stops: ["STOP"], pieces: ["a ST", "OP b"], outputs: ["a ", "STOP"], match: "STOP",
            includesStop: true),
        Case(stops: ["STOP"], pieces: ["S", "T", "O", "Q"], outputs: ["", "", "", "STOQ"]),
        Case(stops: ["STOP"], pieces: ["a ST"], outputs: ["a "], flushed: "ST"),
        Case(
            stops: ["aab"], pieces: ["a", "a", "a", "b"], outputs: ["", "", "a", ""], match: "aab"),
        Case(stops: ["abab"], pieces: ["aba", "abab"], outputs: ["", "aba"], match: "abab"),
        Case(stops: ["abc", "b"], pieces: ["ab", "c"], outputs: ["a", ""], match: "b"),
        Case(stops: ["c", "abc"], pieces: ["xab", "c"], outputs: ["x", ""], match: "abc"),
        Case(
            stops: ["\n\n"], pieces: ["a\n", "b\n", "\n"], outputs: ["a", "\nb", ""], match: "\n\n"),
        Case(stops: ["é!"], pieces: ["caf", "é", "!"], outputs: ["caf", "", ""], match: "é!"),
        Case(stops: ["é!"], pieces: ["é", "?"], outputs: ["", "é?"]),
        Case(stops: ["😀"], pieces: ["a", "😀b"], outputs: ["a", ""], match: "😀"),
        Case(stops: ["😀x"], pieces: ["😀", "😀"], outputs: ["", "😀"], flushed: "😀"),
        Case(stops: ["</s>", "</"], pieces: ["a<", "/s>"], outputs: ["a", ""], match: "</"),
    ]

    @Test(arguments: cases)
    func `text comes out as soon as no stop string may begin in it`(example: Case) {
        var matcher = StopMatcher(
            stopStrings: example.stops, includesStopString: example.includesStop)
        var outputs: [String] = []
        var match: String?
        for piece in example.pieces where match == nil {
            let output = matcher.append(piece)
            outputs.append(output.text)
            match = output.match
        }
        let expected = example.outputs.prefix(outputs.count)
        #expect(outputs.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
        #expect(match == example.match)
        #expect(matcher.flush() == example.flushed)
    }

    @Test func `the cut of the text into pieces changes nothing`() {
        let stops = ["aba", "bb", "cab"]
        var state: UInt64 = 1
        for _ in 0..<2_000 {
            var text = ""
            var pieces = [""]
            for _ in 0..<12 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let character = ["a", "b", "c"][Int(state >> 40) % 3]
                text += character
                if (state >> 50) % 2 == 0 { pieces.append("") }
                pieces[pieces.count - 1] += character
            }
            #expect(run([text], stops) == run(pieces, stops))
            #expect(run(pieces, stops) == expected(text, stops))
        }
    }

    private func run(_ pieces: [String], _ stops: [String]) -> [String?] {
        var matcher = StopMatcher(stopStrings: stops)
        var text = ""
        for piece in pieces {
            let output = matcher.append(piece)
            text += output.text
            if output.match != nil { return [text, output.match] }
        }
        return [text + matcher.flush(), nil]
    }

    /// The plain meaning: the first prefix of the text that ends with a stop string.
    private func expected(_ text: String, _ stops: [String]) -> [String?] {
        for end in text.indices {
            let prefix = text[...end]
            let match = stops.filter { prefix.hasSuffix($0) }.max { $0.count < $1.count }
            if let match { return [String(prefix.dropLast(match.count)), match] }
        }
        return [text, nil]
    }
}
