// SPDX-License-Identifier: Apache-2.0

import JSON
import Jinja
import Testing

@Suite struct HostileTemplateTests {
    /// The error of a template that must have one.
    private func failure(
        _ source: String, limits: TemplateLimits = TemplateLimits()
    ) -> TemplateError? {
        do {
            _ = try Template(source: source)
                .render(
                    TemplateContext(["s": "x", "n": 1, "l": [1, 2, 3]]), limits: limits)
            return nil
        } catch {
            return error
        }
    }

    private func isLimit(_ error: TemplateError?) -> Bool {
        if case .limit = error { return true }
        return false
    }

    private static let extremes: [JSONValue] = [
        .integer(.min), .integer(.min + 1), .integer(-1), 0, 1, .integer(.max - 1),
        .integer(.max), .number(.nan), .number(.infinity), .number(-.infinity),
        .number(.greatestFiniteMagnitude), .number(.leastNonzeroMagnitude), 9.3e18, -9.3e18,
        "", "9223372036854775808", "-9223372036854775809", "1e400", true, nil, [1, 2],
    ]

    @Test(arguments: [
        "a + b", "a - b", "a * b", "a / b", "a // b", "a % b", "-a", "+a", "a|abs", "a|int",
        "a|int(b, b)", "a|float(b)", "a|round", "a|round(b)", "a|round(b, 'floor')",
        "a|round(b, 'ceil')", "range(a, b)|list", "range(a)|list", "range(a, b, -1)|list",
        "range(0, 5, a)|list", "range(a, b, b)|list", "range(b, a, 7)|first", "l[a]", "l[a:]",
        "l[:a]", "l[a:b]", "l[::a]", "l[a:b:a]", "s[a]", "s[a:b]", "s[::a]", "s[b:a:-1]",
        "s * a", "a * l", "l * a", "range(9)[a:b]|list", "range(9)[a]", "s|indent(a)",
        "s.replace('x', 'y', a)", "s|replace('x', 'y', a)", "s.split('x', a)",
        "s.rsplit('x', a)", "s.split(none, a)", "s.find('x', a, b)", "s.rfind('x', a, b)",
        "s.count('', a, b)", "s.startswith('x', a, b)", "s.endswith('x', a, b)",
        "l.index(1, a, b)", "l.count(a)", "l|sum(start=a)", "[a, b]|sum", "[a, b]|sort",
        "[a, b]|unique|list", "[a, b]|min", "[a, b]|max", "{a: b}[b]", "{a: 1, b: 2}|length",
        "a == b", "a < b", "a in [b]", "a is divisibleby(b)", "a is odd", "a is even",
        "'{}'.format(a)", "a|tojson", "l|tojson(indent=a)", "a|string", "[a, b]|join(b)",
        "strftime_now(a)", "dict([(a, b)])", "a|default(b)", "l|map('round', a)|list",
        "'{}{0}'.format(a)", "'{9223372036854775807}'.format(a)",
    ])
    func `numbers at the ends of their range are values or errors`(expression: String) throws {
        let template = try Template(source: "{{ \(expression) }}")
        var outcomes = 0
        for a in Self.extremes {
            for b in Self.extremes {
                do throws(TemplateError) {
                    _ = try template.render(
                        TemplateContext(["a": a, "b": b, "s": "xaxbx", "l": [1, 2, 3]]))
                } catch {
                    #expect(!error.description.isEmpty)
                }
                outcomes += 1
            }
        }
        #expect(outcomes == Self.extremes.count * Self.extremes.count)
    }

    @Test func `all values that are not numbers are one key`() throws {
        let source = "{% set n = 'nan'|float %}{{ dict([(n, 1), (n, 2), (-n, 3)])|length }}"
        #expect(try Template(source: source).render(TemplateContext([:])).text == "1")
    }

    private static func nested(_ open: String, _ close: String, _ inner: String = "1") -> String {
        String(repeating: open, count: 60_000) + inner + String(repeating: close, count: 60_000)
    }

    @Test(arguments: [
        "{{ \(nested("(", ")")) }}", "{{ \(nested("[", "]")) }}", "{{ \(nested("{1:", "}")) }}",
        "{{ \(nested("-", "")) }}", "{{ \(nested("not ", "")) }}", "{{ \(nested("n|f(", ")")) }}",
        "{{ n\(nested("[", "]")) }}", "{{ n\(nested(".a", "")) }}", "{{ n\(nested("|abs", "")) }}",
        "{{ n\(nested("(", ")")) }}", "{{ 1\(nested(" + 1", "")) }}",
        "{{ 1\(nested(" if n else 1", "")) }}",
        "{{ 1\(nested(" and 1", "")) }}", "{{ n\(nested(" is odd", "")) }}",
        "{% set \(nested("(", ")", "a")) = 1 %}",
        String(repeating: "{% if n %}", count: 60_000),
        String(repeating: "{% for a in l %}", count: 60_000),
        String(repeating: "{% set a %}", count: 60_000),
        String(repeating: "{% macro a() %}", count: 60_000),
        String(repeating: "{% call a() %}", count: 60_000),
        String(repeating: "{% filter upper %}", count: 60_000),
    ])
    func `deep nesting is an error`(source: String) {
        #expect(failure(source) != nil)
    }

    @Test(arguments: [
        "{{ range(1000000000000) }}", "{{ range(0, 1000000000000000000, 1)|list }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}", "{{ 1000000000000 * 'ab' }}",
        "{{ 'a'|indent(1000000000) }}", "{{ l|tojson(indent=1000000000) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('', ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s]|join(ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = {1: ns.l} %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l]|reverse %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l].count %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l }}",
        "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(i) %}{{ m(i + 1) }}{{ m(i + 1) }}{% endmacro %}{{ m(0) }}",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% macro r() %}{% call m() %}{{ r() }}{% endcall %}{% endmacro %}{{ r() }}",
        "{% for x in [l] recursive %}{{ loop([x]) }}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% if s in s %}{% endif %}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% set b = s.split('a') %}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% set b = s[::-1] %}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% set b = s|upper %}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% set b = {s: 1} %}{% endfor %}",
        "{% set s = 'a' * 999999 %}{% for a in range(9999) %}{% set b = s|tojson %}{% endfor %}",
        "{% set s = 'a' * 99999 %}{% for a in range(9999) %}{% set b = s|list %}{% endfor %}",
        "{% set a = range(99999)|list %}{% for x in a %}{% if x in a %}{% endif %}{% endfor %}",
        "{% set a = range(99999)|list %}{% for x in a %}{% set b = a|sort %}{% endfor %}",
    ])
    func `unbounded work is cut off`(source: String) {
        // A tenth of the usual bounds, since these tests run into them.
        let limits = TemplateLimits(maxSteps: 400_000, maxTextWork: 3 << 20)
        let error = failure(source, limits: limits)
        #expect(isLimit(error), "\(String(describing: error)) \(source.prefix(100))")
    }

    @Test(arguments: [
        "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
        "{{ 9223372036854775807 * 2 }}", "{{ 99999999999999999999 }}",
        "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1)|abs }}",
        "{{ 1e300|int }}", "{{ '99999999999999999999'|int }}",
    ])
    func `integers past 64 bits are an error`(source: String) {
        #expect(failure(source) != nil)
    }

    @Test(arguments: [
        "{{ l[9223372036854775807] }}", "{{ l[-9223372036854775807 - 1] }}",
        "{{ l[-9223372036854775807 - 1:9223372036854775807:9223372036854775807] }}",
        "{{ l[::-9223372036854775807] }}", "{{ 's'[9223372036854775807:] }}",
        "{{ (-9223372036854775807 - 1) % -1 }}", "{{ 's'.find('s', 9223372036854775807) }}",
        "{{ 's'.find('s', -9223372036854775807) }}", "{{ 's'.split('x', 9223372036854775807) }}",
        "{{ 1.5|round(9223372036854775807) }}", "{{ 1.5|round(-9223372036854775807) }}",
        "{{ 's' * -9223372036854775807 }}", "{{ range(-5, 5, 9223372036854775807)|list }}",
        "{{ 's'.replace('s', 't', 9223372036854775807) }}", "{{ 1.5|round(3, 'floor') }}",
        "{{ 's'|indent(-5) }}",
        "{{ 'İıſß'|lower|upper|title|capitalize }}",
        "{% for i in range(9223372036854775806, 9223372036854775807) %}{{ i }}{% endfor %}",
    ])
    func `extreme numbers do not trap`(source: String) {
        #expect(failure(source) == nil)
    }

    @Test(arguments: [
        "{{ ''.__class__.__mro__ }}", "{{ ''.__class__() }}", "{{ l.__len__() }}",
        "{{ namespace.__init__.__globals__ }}", "{{ range.__self__.x }}",
        "{{ ''['__class__'].x }}", "{{ '{0.__class__}'.format(1) }}",
        "{{ self.__init__ }}", "{{ [].append(1) }}", "{{ {}.update({}) }}", "{{ lipsum(10) }}",
        "{% set loop = 1 %}{% for x in l %}{{ loop.__class__.x }}{% endfor %}",
        "{{ raise_exception.__globals__.x }}",
        "{{ open('/etc/passwd') }}",
        "{{ request.application }}", "{{ dict.mro().x }}", "{% import 'os' as os %}",
        "{% include '/etc/passwd' %}", "{{ 's'.encode() }}",
    ])
    func `nothing beyond the data can be reached`(source: String) {
        #expect(failure(source) != nil)
    }

    @Test(arguments: [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
    ])
    func `the usual bounds hold, too`(source: String) {
        #expect(isLimit(failure(source)))
    }

    @Test func `a long source is refused`() {
        #expect(isLimit(failure(String(repeating: "x", count: 2 << 20))))
    }

    @Test func `every prefix of a template is read or refused`() throws {
        let source = """
            {% macro m(a, b=[1, {'x': (2, 3)}]) -%}{{ a|map('upper')|join(', ') if a is not none else \
            "z\\u00e9"[1:] ~ b[0] * -1.5e3 }}{%- endmacro %}{# c #}{% raw %}{{{% endraw %}\
            {% for k, v in {'q': 1}.items() if v in [1] recursive %}{% set ns.x = loop.cycle(*a, **b) %}\
            {% call(x) m(1) %}{% break %}{% endcall %}{% else %}{% endfor %}{% filter trim %}{% endfilter %}
            """
        let scalars = Array(source.unicodeScalars)
        for length in 0...scalars.count {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[..<length])
            do {
                _ = try Template(source: String(view)).render(TemplateContext([:]))
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test func `scrambled templates are read or refused`() {
        let pieces = [
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "(", ")", "[", "]", "{", "}", "'", "\"",
            "if ", "for ", "in ", "set ", "x", "=", ".", ",", "|", ":", "~", "*", "**", "1", "1e9",
            " endif ", " endfor ", " else ", "\n", "macro m()", "endmacro", "is ", "not ", "\\",
            "é",
            "raw", "endraw", "upper", "range(3)", "loop", "call m()", "endcall", "namespace()",
        ]
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        for _ in 0..<20_000 {
            var source = ""
            for _ in 0..<next(24) { source += pieces[next(pieces.count)] }
            _ = failure(source)
        }
    }

    @Test(arguments: [
        ("{{ {}|xmlattr }}", "filter \"xmlattr\""), ("{{ l|batch(2) }}", "filter \"batch\""),
        ("{% if true %}{{ l|groupby('a') }}{% endif %}", "filter \"groupby\""),
        ("{{ l|map('wordcount')|list }}", "filter \"wordcount\""),
        ("{{ s is escaped }}", "test \"escaped\""),
        ("{{ [s]|select('escaped')|list }}", "test \"escaped\""),
        ("{{ cycler(1, 2) }}", "function \"cycler\""), ("{{ joiner() }}", "function \"joiner\""),
        ("{{ s.zfill(3) }}", "method \"zfill\" of strings"),
        ("{{ '%s' % s }}", "% formatting of strings"), ("{{ s % 1 }}", "% formatting of strings"),
        ("{{ '{:>3}'.format(s) }}", "conversions and widths in format strings"),
        ("{{ n ** 2 }}", "operator **"), ("{% print n %}", "statement \"print\""),
        ("{% autoescape true %}{% endautoescape %}", "statement \"autoescape\""),
        ("{% block a %}{{ n }}{% endblock a %}", "statement \"block\""),
        ("{% include 'a' ignore missing %}", "statement \"include\""),
        ("{{ l[0, 1:n] }}", "slices in tuple subscripts"),
    ])
    func `what no chat template uses is an error that names it`(
        source: String, missing: String
    ) throws {
        let error = try #require(failure(source))
        #expect(error.description.hasSuffix("this server's templates have no \(missing)"))
    }

    @Test(arguments: [
        "{{ n|xmlattr }}", "{{ '%d' % n }}", "{{ n is escaped }}", "{{ n ** 2|abs ** -n }}",
        "{{ n[0, 1:2:3] }}", "{{ cycler(1) }}", "{% print n, '%}' %}", "{% include 'a' %}",
        "{% from 'a' import b as c %}", "{% autoescape true %}{{ n }}{% endautoescape %}",
        "{% block a scoped %}{% if n %}{{ n }}{% endif %}{% endblock a %}",
    ])
    func `what is left out does no harm where it is not reached`(source: String) throws {
        let template = try Template(source: "{% if n %}\(source)b{% else %}c{% endif %}")
        #expect(try template.render(TemplateContext(["n": 0])).text == "c")
        #expect {
            try template.render(TemplateContext(["n": 1]))
        } throws: { error in
            guard case .unsupported? = error as? TemplateError else { return false }
            return true
        }
    }

    @Test func `functions that are left out are defined`() {
        for name in ["cycler", "joiner", "lipsum"] {
            #expect(failure("{% if \(name) is not defined %}{{ 1 / 0 }}{% endif %}") == nil)
        }
    }

    @Test func `errors tell line and column`() {
        #expect(
            failure("a\n  {{ missing.x }}")
                == .evaluation("'missing' is undefined", at: .init(line: 2, column: 13)))
        guard case .syntax(_, let position) = failure("a\nb {{ 1 + }}") else {
            Issue.record("not a syntax error")
            return
        }
        #expect(position == TemplatePosition(line: 2, column: 10))
    }
}
