// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import JSON
import Testing

struct ToolTests {
    @Test func `a tool takes any arguments unless it says which`() {
        #expect(Tool(name: "f", definition: [:]).input == .arguments([:]))
    }
}
