// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct SHA256Tests {
    /// As Python has them, each byte as a word:
    /// `hashlib.sha256("".join("\0\0\0" + letter for letter in text).encode()).hexdigest()`.
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "13e3c593ee3d90c6d62aabc0d8d85188fc557896396fd9fb08c4ef7ef13c4179"),
            // Its last block has no room for the length.
            ("abcdefghijklmno", "a0265b8e661367a642cdfd64414e57397671abb1454b28e09c8bbfcd90a4ca4a"),
            (
                "abcdefghijklmnopqrst",
                "c84773f98de81e27358693fac6c71d78e9e3f651b57dbfe23de4104720e7655f"
            ),
        ] as [(String, String)])
    func `a text has the digest that others compute`(text: String, digits: String) {
        #expect(SHA256.digits(of: text) == digits)
    }
}
