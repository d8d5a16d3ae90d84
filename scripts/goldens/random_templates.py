# SPDX-License-Identifier: Apache-2.0
"""Random templates over the context of template_cases, for comparing two engines."""
import random

from template_cases import CONTEXT

STRINGS = [
    "''", "'a'", "' b c '", "'Hello, World'", "'a,b,,c'", "'x\\ny\\r\\nz'", "'é日本'", "'%s-%d'",
    "'{}{}'", "'12'", "'-3.5'", "'ab'", "'Az'", "'\"q\\''", "'<b>&'",
]
NUMBERS = [
    "0", "1", "-1", "2", "3", "7", "-5", "10", "1.5", "-0.5", "2.0", "0.1", "100", "1e3",
    "3.14159", "1e16", "12345.678",
]
NAMES = list(CONTEXT) + ["missing"]
METHODS = """upper() lower() strip() lstrip() rstrip() title() capitalize() split() splitlines()
isdigit() isalpha() isupper() islower() isalnum() isspace() split(',') split(none,1) rsplit(',',1)
rsplit(none,1) strip('ab') replace('a','bb') replace('','.') replace('l','',1) find('l') rfind('l')
count('a') startswith('a') endswith('c') partition(',') rpartition(',') removeprefix('a')
removesuffix('d') join(['p','q']) format(1,'z') splitlines(true) isnumeric() index('a') items()
keys() values() get('a') get('zz',5) copy() items()|list count(1)""".split()
FILTERS = """abs capitalize count default(1) d("x",true) dictsort e escape first float indent
indent(2,true) indent(1,blank=true) int int(5) join join(",") last length list lower items|list
map("string")|list map("upper")|list map("length")|list map("int")|list min max reject("none")|list
replace("a","o") reverse|list round round(1) round(2) round(-1) round(1,"floor") round(0,"ceil")
select|list select("number")|list select("string")|list select("odd")|list sort sort(reverse=true)
string sum title trim unique|list upper tojson tojson(indent=2) tojson(sort_keys=true)
tojson(ensure_ascii=true) map(attribute=0)|list selectattr(0)|list list|tojson trim("a")""".split()
TESTS = """defined undefined none string number mapping sequence iterable boolean integer float odd
even true false lower upper callable""".split()
TESTS += ["divisibleby 3", "eq 1", "in [1, 'a', none]", "sameas none", "gt 1", "lt 'b'"]
OPERATORS = "+ - * / // ~ == != < > <= >= in and or".split() + ["not in"]
BRACES = "{} {0}-{0} {{}}{}".split()
ITEMS = "[0] [-1] [1] ['a'] ['name'] .a .name .0".split()
LOOP = """x loop.index loop.last loop.nextitem loop.revindex loop.cycle(1,2) loop.changed(x)
loop.first loop.length""".split()


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, items):
        return self.random.choice(items)

    def several(self, depth, most):
        return [self.expression(depth - 1) for _ in range(self.random.randint(0, most))]

    def atom(self):
        return self.pick(self.pick([NAMES, STRINGS, NUMBERS, ["true", "false", "none"]]))

    def expression(self, depth):
        if depth <= 0:
            return self.atom()
        kind = self.random.randint(0, 14)
        if kind <= 1:
            return self.atom()
        if kind == 2:
            return "[" + ", ".join(self.several(depth, 4)) + "]"
        if kind == 3:
            pairs = [f"{self.pick(STRINGS + NUMBERS)}: {value}" for value in self.several(depth, 3)]
            return "{" + ", ".join(pairs) + "}"
        if kind == 4:
            return "(" + "".join(value + ", " for value in self.several(depth, 3)) + ")"
        inner = self.expression(depth - 1)
        if kind <= 6:
            return f"{inner} {self.pick(OPERATORS)} {self.expression(depth - 1)}"
        if kind == 7:
            return f"({inner} {self.pick(OPERATORS)} {self.expression(depth - 1)})"
        if kind <= 9:
            return f"({inner})|{self.pick(FILTERS)}"
        if kind == 10:
            return f"({inner}).{self.pick(METHODS)}"
        if kind == 11:
            return f"({inner}) is {self.pick(['', 'not '])}{self.pick(TESTS)}"
        if kind == 12:
            return f"({inner}){self.pick(ITEMS)}"
        if kind == 13:
            return f"({inner} if {self.expression(depth - 1)} else {self.expression(depth - 1)})"
        if self.random.randint(0, 1) == 0:
            return self.pick(["not ", "-", "+"]) + inner
        return f"'{self.pick(BRACES)}'.format({inner})"

    def template(self):
        if self.random.random() < 0.15:
            head = f"{self.pick(['x', 'x, y'])} in {self.expression(2)}{self.pick([' if x', ''])}"
            body = "[{{ " + self.pick(LOOP) + " }}]"
            return "{% for " + head + " %}" + body + "{% else %}E{% endfor %}"
        return "{{ " + self.expression(self.random.randint(1, 4)) + " }}"


def is_address(text):
    """Whether the rendering shows something that no two engines show alike."""
    return any(mark in text for mark in (" at 0x", "generator", "iterator", "built-in", "object>"))


def random_cases(seed, count, render):
    """That many random templates with their renderings; a quarter of the errors are kept."""
    generator = Generator(seed)
    cases = []
    while len(cases) < count:
        source = generator.template()
        # Repetitions of large numbers would take Python for ever.
        if len(source) > 160 or "1e16 *" in source or "big *" in source:
            continue
        text = render(source)
        if text is None and generator.random.random() < 0.75:
            continue
        if text is None or (len(text) < 400 and not is_address(text)):
            cases.append([source, text])
    return cases
