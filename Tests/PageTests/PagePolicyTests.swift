// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Page
import Testing

@Suite struct PagePolicyTests {
    @Test func `the servers of tools may be asked, and nobody else`() throws {
        let policy = PagePolicy(toolServers: [
            "https://tools.example/mcp", "http://127.0.0.1:8900/mcp",
        ])
        let response = try #require(Site.embedded.front(fields: [:], policy: policy))
        let text = try #require(response.head.headerFields[.contentSecurityPolicy])
        #expect(
            text.contains(
                "; connect-src 'self' https://tools.example http://127.0.0.1:8900; base-uri"))
    }

    @Test(arguments: [
        ("https://tools.example/mcp", true), ("http://[::1]:8900/mcp", true),
        ("https://a", true), ("ftp://a/b", false), ("https://", false), ("tools.example", false),
        ("https:///mcp", false), ("https://*", false), ("https://*.example/mcp", false),
        ("https://a; script-src *", false), ("https://a b", false), ("https://u:p@a/", false),
        ("https://a/é", false), ("https://a,b", false), ("https://a/?key=1", false),
        ("https://a/#key", false),
        ("https://a/'x'", false),
    ])
    func `an address that could widen the policy is none`(text: String, isGood: Bool) {
        #expect(PagePolicy.isAddress(text) == isGood)
    }
}
