// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Page
import Testing

@Suite struct SiteTests {
    private let site = Site.embedded

    private func get(
        _ address: String, _ fields: HTTPFields = [:], policy: PagePolicy = PagePolicy()
    ) -> ServerResponse? {
        site.response(to: address, fields: fields, policy: policy)
    }

    private func bytes(_ response: ServerResponse?) -> [UInt8] {
        if case .bytes(let bytes)? = response?.body { return bytes }
        return []
    }

    private static let types = [
        ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8", ".json": "application/json",
        ".svg": "image/svg+xml", ".woff2": "font/woff2", ".md": "text/markdown; charset=utf-8",
        ".txt": "text/plain; charset=utf-8",
    ]

    @Test(arguments: Site.embedded.paths)
    func `a file has its type, a tag and what a browser must hold it to`(path: String) throws {
        let response = try #require(get(path))
        let fields = response.head.headerFields
        #expect(response.head.status == .ok)
        let ending = try #require(Self.types.keys.first { path.hasSuffix($0) })
        #expect(fields[.contentType] == Self.types[ending])
        #expect(fields[.eTag]?.count == 18)
        #expect(fields[.cacheControl] == "no-cache")
        #expect(fields[.vary]?.hasSuffix("Accept-Encoding") == true)
        #expect(fields[.contentEncoding] == nil)
        let policy = try #require(fields[.contentSecurityPolicy])
        #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self';"))
        #expect(!policy.contains("unsafe") && !policy.contains("*"))
        let expected = [
            "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        ]
        for (name, value) in expected {
            #expect(fields[try #require(HTTPField.Name(name))] == value)
        }
        #expect(!bytes(response).isEmpty)
    }

    @Test func `the first file, the libraries and the book are there`() {
        let paths = site.paths
        for path in [
            "index.html", "vendor/marked.js", "vendor/dompurify.js", "vendor/highlight.js",
            "vendor/katex/katex.js", "vendor/licences/node-marked.txt", "vendor/VERSIONS.json",
            "book/README.md", "book/operations.md",
        ] {
            #expect(paths.contains(path), "\(path)")
        }
    }

    @Test func `below its revision a file is kept for ever`() throws {
        let response = try #require(get(site.revision + "/vendor/marked.js"))
        #expect(
            response.head.headerFields[.cacheControl] == "public, max-age=31536000, immutable")
        #expect(bytes(response) == bytes(get("vendor/marked.js")))
        // Which says what the revision is.
        let index = get(site.revision + "/index.html")
        #expect(index?.head.headerFields[.cacheControl] == "no-cache")
    }

    @Test(arguments: [
        "", "nothing.js", "0000000000000000/vendor/marked.js", "vendor", "vendor/", "/index.html",
        "../index.html", "vendor/../index.html", "index.html/", "INDEX.html",
    ])
    func `what is no file is none`(address: String) {
        #expect(get(address) == nil)
    }

    @Test func `the first file names all others below the revision`() throws {
        let front = try #require(site.front(fields: [:], policy: PagePolicy()))
        let text = String(decoding: bytes(front), as: UTF8.self)
        #expect(text.contains("=\"page/\(site.revision)/app.js\""))
        #expect(!text.contains("=\"page/app.js\""))
        #expect(front.head.headerFields[.cacheControl] == "no-cache")
        #expect(front.head.headerFields[.vary] == "Accept, Accept-Encoding")
    }

    @Test func `who has a file is told so`() throws {
        let tag = try #require(get("vendor/marked.js")?.head.headerFields[.eTag])
        for known in [tag, "W/\(tag)", "\"x\", \(tag)", " \(tag) ,\"y\"", "*"] {
            let response = try #require(get("vendor/marked.js", [.ifNoneMatch: known]))
            #expect(response.head.status == .notModified)
            #expect(response.head.headerFields[.eTag] == tag)
            #expect(response.head.headerFields[.cacheControl] != nil)
            #expect(bytes(response).isEmpty)
        }
        for other in ["\"x\"", String(tag.dropLast()), ""] {
            #expect(get("vendor/marked.js", [.ifNoneMatch: other])?.head.status == .ok)
        }
    }

    @Test func `a text goes as gzip to who accepts it, with a tag of its own`() throws {
        let accepts: HTTPFields = [.acceptEncoding: "gzip, br"]
        let plain = try #require(get("vendor/marked.js"))
        let response = try #require(get("vendor/marked.js", accepts))
        #expect(response.head.headerFields[.contentEncoding] == "gzip")
        #expect(bytes(response).starts(with: [0x1F, 0x8B]))
        #expect(bytes(response).count * 2 < bytes(plain).count)
        let tag = try #require(response.head.headerFields[.eTag])
        #expect(tag != plain.head.headerFields[.eTag])
        var asks = accepts
        asks[.ifNoneMatch] = tag
        #expect(get("vendor/marked.js", asks)?.head.status == .notModified)
        #expect(get("vendor/marked.js", [.ifNoneMatch: tag])?.head.status == .ok)
        let font = try #require(site.paths.first { $0.hasSuffix(".woff2") })
        #expect(get(font, accepts)?.head.headerFields[.contentEncoding] == nil)
    }

    @Test func `what a first visit loads is under 500 kB`() {
        let accepts: HTTPFields = [.acceptEncoding: "gzip"]
        let late = ["vendor/katex/", "vendor/highlight.js", "vendor/licences/", "book/"]
        let sizes = site.paths.filter { path in !late.contains { path.hasPrefix($0) } }
            .map { bytes(get($0, accepts)).count }
        #expect(sizes.reduce(0, +) < 500_000)
    }
}
