// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct RecognitionErrorTests {
    @Test func `an error names its place and its reason`() {
        #expect(
            RecognitionError(at: "/properties/a", "not a schema").description
                == "/properties/a: not a schema")
        #expect(RecognitionError(at: "", "not a schema").description == "not a schema")
    }
}
