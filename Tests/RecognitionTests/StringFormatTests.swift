// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct StringFormatTests {
    @Test(arguments: [
        ("date", "2024-02-29", true), ("date", "2023-02-29", false), ("date", "2100-02-29", false),
        ("date", "2000-02-29", true), ("date", "2023-04-31", false), ("date", "0000-12-31", true),
        ("time", "23:59:60Z", true), ("time", "22:59:60Z", false), ("time", "01:29:60+01:30", true),
        ("time", "00:00:60+00:01", true), ("time", "15:59:60.5-08:00", true),
        ("time", "15:59:60-08:01", false), ("time", "12:00:00", false),
        ("date-time", "1985-04-12t23:20:50.52z", true),
        ("date-time", "1985-04-12T23:20:50", false),
        ("duration", "P1Y2M3DT4H5M6S", true), ("duration", "P1Y2D", false),
        ("duration", "P2W", true), ("duration", "P", false),
        ("email", "joe.bloggs@example.com", true), ("email", "\"a b\"@[IPv6:::1]", true),
        ("email", "a..b@example.com", false), ("idn-email", "δοκιμή@example.com", true),
        ("hostname", "a--b.com", true), ("hostname", "-a.com", false),
        ("hostname", "xn--9n2bp8q.xn--9t4b11yi5a", true), ("hostname", "xn--X", false),
        ("hostname", "xn--hello-txk", false), ("hostname", "xn--ll-0ea", true),
        ("idn-hostname", "실례.테스트", true), ("idn-hostname", "실〮례.테스트", false),
        ("idn-hostname", "l·l", true), ("idn-hostname", "a·l", false),
        ("idn-hostname", "0a.\u{5D0}", false), ("idn-hostname", "\u{30FB}\u{3041}", true),
        ("idn-hostname", "xn---9uc", false), ("idn-hostname", "a\u{3002}b", true),
        ("ipv4", "255.255.255.255", true), ("ipv4", "01.2.3.4", false),
        ("ipv6", "1:2:3:4:5:6:7::", true), ("ipv6", "1::2:192.168.0.1", true),
        ("ipv6", "1:2:3:4:5:6:7:8:9", false), ("ipv6", "fe80::a%eth1", false),
        ("uri", "ldap://[2001:db8::7]/c=GB?objectClass?one", true), ("uri", "/abc", false),
        ("uri-reference", "./this:that", true), ("uri-reference", "1:b", false),
        ("iri", "http://ƒøø.ßår/?∂éœ=πîx#πîüx", true),
        ("uri-template", "a/{term:1}{?x,y*}", true), ("uri-template", "{a,}", false),
        ("uuid", "2eb8aa08-AA98-11ea-b4aa-73b441d16380", true), ("uuid", "2eb8aa08", false),
        ("json-pointer", "/a~1b/~0", true), ("json-pointer", "/~2", false),
        ("relative-json-pointer", "120/foo", true), ("relative-json-pointer", "01#", false),
        ("regex", "^(a|b)\\s+$", true), ("regex", "^(abc]", false), ("regex", "\\a", false),
    ])
    func `a format takes what its RFC takes`(
        _ name: String, _ text: String, _ expected: Bool
    ) throws {
        let format = try #require(StringFormat(named: name))
        #expect(format.accepts(text) == expected)
    }

    @Test func `an unknown format is none`() {
        #expect(StringFormat(named: "slug") == nil)
    }
}
