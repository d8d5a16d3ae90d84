# SPDX-License-Identifier: Apache-2.0
"""Small templates that exercise each feature of the engine, and the context they are rendered in."""

CONTEXT = {
    "name": "Zaragoza",
    "n": 7,
    "zero": 0,
    "neg": -3,
    "pi": 3.14159,
    "big": 1e16,
    "small": 0.00001,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "text": "  Hello,\tWorld!\n",
    "uni": "Ärger straße ǆ ΌΣΟΣ 日本 👩‍👧 ﬁ",
    "html": "<a href=\"x\">Tom & 'Jerry'</a>",
    "nums": [3, 1, 2],
    "mixed": [1, "a", None, True, 2.5, [1, 2], {"k": "v"}],
    "words": ["pear", "Apple", "fig", "apple"],
    "d": {"b": 1, "a": [1, 2], "items": "shadow", "C": None, "é": "ñ"},
    "users": [
        {"name": "Ana", "age": 30, "city": {"name": "Jaca"}},
        {"name": "bea", "age": 25, "city": {"name": "Ainsa"}},
        {"name": "Carl", "age": 30},
    ],
    "messages": [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "U"},
        {"role": "assistant", "content": "A", "tool_calls": [{"function": {"name": "f"}}]},
    ],
    "nested": [[1, [2, [3]]], [4]],
}

EXPRESSIONS = """
1
-1
- 1
+5
1_000
0x1F + 0o17 + 0b101
00
1.5
1.0
1e3
1E-3
1.5e+10
1_0.2_5
'a' "b"
'it\\'s'
"\\n\\t\\x41\\u00e9\\U0001F600\\101\\q"
true
True
false
none
None
name
missing
missing is defined
name.missing
missing.x
missing['x']
missing()
nothing.x
nothing.x.y
name.x is defined
d.b
d['b']
d.items
d['items']
d.items()
d.items() | list
d.keys() | list
d.values() | list
d.get('b')
d.get('zzz')
d.get('zzz', 'dflt')
d.C
d.é
d.zzz
d['zzz']
d.zzz.y
d[1]
nums[0]
nums[-1]
nums[5]
nums['0']
nums.0
nums[1:]
nums[:1]
nums[::-1]
nums[-2:]
nums[::2]
nums[5:]
nums[1:-1]
name[0]
name[-1]
name[2:5]
name[::-1]
name[::3]
name[10:2]
name[99]
name['upper']()
uni[0:6]
uni | length
range(5)[1:3] | list
range(3)
range(3) | list
range(1, 10, 3) | list
range(5, 0, -2) | list
range(0)|list
range(3)[1]
range(3)[-1]
range('x')
(1, 2)
(1,)
()
1, 2
[1, 'a', none, true, 1.5]
[]
{}
{'a': 1, "b": [1, 2], 3: none, 1.5: 'x', true: 0}
{'a': 1,}
{[1]: 2}
[1, 2,]
[[1, 2], (3, 4), {'x': 'y'}]
['it\\'s', "q\\"q", 'both \\' and "', 'tab\\t', 'nul\\x00', 'é', '\\u200b', '\\U0001F600']
1 + 2
1 + 2.0
7 - 10
3 * 4
7 / 2
6 / 3
7 // 2
-7 // 2
7 // -2
-7 % 3
7 % -3
7.5 % 2
-7.5 // 2
10 % 4 * 2
1 + 2 * 3 - 4 / 2
(1 + 2) * 3
1 / 0
1 // 0
1 % 0
'a' + 'b'
'a' * 3
3 * 'ab'
'a' * -1
[1] + [2]
[0] * 3
(1,) + (2,)
'a' + 1
1 + 'a'
[1] + (2,)
none + 1
missing + 1
1 ~ 2
'a' ~ 1 ~ none ~ 1.5 ~ missing ~ [1]
1 + 1 ~ 2 + 2
'a' ~ 'b' * 2
1 == 1
1 == 1.0
1 == true
'a' == 'a'
'a' == 1
'a' != 'b'
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2
'a' < 'b'
'B' < 'a'
[1, 2] < [1, 3]
[1, 2] == [1, 2]
[1] == (1,)
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
none == none
none < 1
'a' < 1
missing == missing
missing == none
missing < 1
1 in [1, 2]
1.0 in [1, 2]
'a' in 'cat'
'' in 'cat'
'x' not in 'cat'
1 in 'cat'
'b' in d
'zz' in d
1 in missing
'a' in missing
1 in 5
none in [none]
'a' in ('a', 'b')
2 in range(3)
'name' in users[0]
'b' in d.keys()
not true
not missing
not not 1
not 1 == 2
not 'a' in 'b'
true and false
1 and 2
0 and 2
0 or 'x'
'' or none or 'last'
none and none.x
1 or none.x
true or false and false
not true or true
'y' if yes else 'n'
'y' if no else 'n'
'y' if no
('y' if no) is defined
'a' if no else 'b' if no else 'c'
'a' if yes if no else 'b'
1 if n > 5 and n < 10 else 2
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
n is not divisibleby 7
n is number
pi is number
pi is float
n is float
n is integer
yes is integer
yes is number
yes is boolean
yes is true
no is false
1 is true
nothing is none
name is string
nums is sequence
nums is iterable
name is iterable
d is sequence
d is iterable
n is iterable
d is mapping
nums is mapping
range(3) is iterable
range(3) is sequence
range is callable
name is callable
missing is callable
name is defined
name is undefined
missing is undefined
missing is none
missing is string
missing is iterable
missing is sequence
n is eq 7
n is equalto(7)
n == 7 is true
n is sameas 7
none is sameas none
1 is in [1, 2]
'a' is in 'abc'
n is gt 3
n is lt 3
n is ge 7
n is le 6
n is ne 6
n is greaterthan 3
n is lessthan(3)
'ABC' is upper
'abc' is lower
'Abc' is lower
'1' is lower
'trim' is filter
'nope' is filter
'odd' is test
missing is odd
'a' is odd
n is nonsense
name | nonsense
name|upper
name|lower
uni|upper
uni|lower
uni|title
uni|capitalize
name|title
"hello world-foo (bar) it's"|title
"hello WORLD it's"|capitalize
''|capitalize
n|upper
text|trim
text|trim|length
'xxabcxx'|trim('x')
missing|trim
nothing|trim
n|string
pi|string
nothing|string
nums|string
name|length
nums|count
d|length
n|length
missing|length
missing|default
missing|default('x')
missing|d('x')
nothing|default('x')
nothing|default('x', true)
''|default('x', boolean=true)
0|default(5, true)
d.zzz|default('deep')
missing.x|default('x')
nums|first
nums|last
[]|first
[]|last
'abc'|first
'abc'|last
{}|first
d|first
d|last
nums|join
nums|join(', ')
users|join(', ', attribute='name')
users|join(attribute='age', d='-')
[1, none, missing, 'a']|join('|')
'abc'|join('-')
missing|join
nums|sort
nums|sort(reverse=true)
words|sort
words|sort(case_sensitive=true)
users|sort(attribute='age')|map(attribute='name')|list
users|sort(attribute='age,name', reverse=true)|map(attribute='name')|list
users|sort(attribute='age', reverse=true)|map(attribute='name')|join
mixed|sort
[true, 0, 2]|sort
words|unique|list
words|unique(case_sensitive=true)|list
[1, 1.0, true, 2]|unique|list
users|unique(attribute='age')|map(attribute='name')|list
nums|min
nums|max
words|min
words|max(case_sensitive=true)
users|max(attribute='age')
[]|min
nums|sum
users|sum(attribute='age')
[1.5, 2]|sum
[[1], [2]]|sum(start=[])
nums|sum(start=10)
[]|sum
nums|reverse|list
name|reverse
nums|list
name|list
d|list
missing|list
n|list
users|map(attribute='name')|list
users|map(attribute='city.name')|list
users|map(attribute='city.name', default='?')|list
users|map(attribute='zzz')|list
nested|map(attribute=0)|list
nested|map(attribute='0')|list
words|map('upper')|list
words|map('replace', 'p', 'q')|join(' ')
words|map('length')|sum
words|map('nonsense')|list
words|map|list
nums|select('odd')|list
nums|select('gt', 1)|list
nums|select|list
mixed|select('string')|list
mixed|reject('none')|list
nums|reject('odd')|list
users|selectattr('age', 'equalto', 30)|map(attribute='name')|list
users|selectattr('city')|map(attribute='name')|list
users|selectattr('city', 'defined')|map(attribute='name')|list
users|rejectattr('city', 'defined')|map(attribute='name')|list
users|rejectattr('age', 'lt', 30)|list|length
messages|selectattr('role', 'equalto', 'user')|list
messages|selectattr('role', 'in', ['user', 'system'])|map(attribute='role')|join(',')
messages|rejectattr('role', 'eq', 'system')|list|count
nums|select('nonsense')|list
missing|select|list
d|dictsort
d|dictsort(true)
d|dictsort(false, 'value')
{'b': 2, 'a': 3, 'C': 1}|dictsort(by='value', reverse=true)
{'b': 2, 'a': 3, 'C': 1}|dictsort
d|items|list
missing|items|list
nums|items|list
{'x': 1}|items
name|replace('a', 'o')
name|replace('a', 'o', 1)
'aaa'|replace('aa', 'b')
'abc'|replace('', '-')
n|replace(7, 8)
42.55|round
42.55|round(1)
42.5|round
43.5|round
2.675|round(2)
-2.5|round
1234.5|round(-2)
42|round
42|round(1)
42.55|round(1, 'floor')
42.51|round(1, 'ceil')
42.55|round|int
1.0|round(2)
0.5|round
1e20|round
'3'|int
'3.9'|int
'x'|int
'x'|int(9)
'0x1f'|int(0, 16)
'101'|int(base=2)
'0b11'|int(0, 0)
3.99|int
-3.99|int
none|int
true|int
[]|int(5)
' 12 '|int
'1_000'|int
'+5'|int
'1e3'|int
''|int
missing|int
'3.5'|float
'x'|float
'x'|float(1.5)
3|float
'1e3'|float
'inf'|float
'nan'|float
none|float
neg|abs
-2.5|abs
'a'|abs
1.0
1.5e300
1e15
1e16
123456789012345678.0
0.1 + 0.2
1e-4
1e-5
0.00012345
1.0e-7
100.0
1e22
1.7976931348623157e308
5e-324
-0.0
big
small
[1.0, 2.5, 1e100]
1e400
-1e400
nums|tojson
d|tojson
mixed|tojson
d|tojson(indent=2)
nested|tojson(indent=4)
[]|tojson(indent=2)
{}|tojson(indent=2)
{'a': [], 'b': {}}|tojson(indent=1)
{'b': 1, 'a': 2}|tojson(sort_keys=true)
d|tojson(ensure_ascii=true)
uni|tojson
uni|tojson(ensure_ascii=true)
{'a': 1, 'b': [1, 2]}|tojson(separators=(',', ':'))
{'a': 1}|tojson(indent='\\t')
html|tojson
'\\x00\\x1f\\x7f\\n\\r\\t\\b\\f\\\\"/'|tojson
1.0|tojson
1e16|tojson
('inf'|float)|tojson
(1, 2)|tojson
{1: 2, none: 3, true: 4, 1.5: 5}|tojson
missing|tojson
range(3)|tojson
d.items()|tojson
nums|map('string')|tojson
none|tojson
'a'|tojson|length
'line1\\nline2\\n\\nline4'|indent
'line1\\nline2\\n\\nline4'|indent(2)
'line1\\nline2\\n\\nline4'|indent(2, true)
'line1\\nline2\\n\\nline4'|indent(2, first=true, blank=true)
'a\\nb'|indent('> ')
'a\\n'|indent
''|indent
missing|indent
html|escape
html|e
html|safe
html|e|e
(html|safe) + '<'
'<' + (html|safe)
(html|safe) ~ '<'
'<b>'|e|upper
name|attr('upper')
text.strip()
text.lstrip()
text.rstrip()
'xxabcxx'.strip('x')
'abcba'.lstrip('ab')
'a,b,c'.split(',')
'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1)
'a,b,c'.rsplit(',', maxsplit=1)
' a  b c '.split()
' a  b c '.split(none, 1)
' a  b c '.rsplit(none, 1)
'abc'.split('')
'abc'.split('x')
''.split()
''.split(',')
'aaaa'.rsplit('aa')
'aaa'.rsplit('aa')
'aaa'.split('aa')
'a\\nb\\r\\nc\\n'.splitlines()
'a\\nb\\r\\nc\\n'.splitlines(true)
name.upper()
name.lower()
'hello world'.title()
"they're bill's".title()
'hELLO'.capitalize()
'ΌΣΟΣ ΑΣ'.lower()
'straße'.upper()
name.startswith('Z')
name.startswith('x')
name.startswith(('a', 'Z'))
name.endswith('za')
name.startswith('a', 1)
name.find('g')
name.find('q')
name.rfind('a')
name.index('q')
name.count('a')
'aaaa'.count('aa')
'abc'.count('')
'abc'.find('')
'abc'.rfind('')
name.replace('a', 'o')
name.replace('a', 'o', 2)
'-'.join(['a', 'b'])
'-'.join([1])
'-'.join('abc')
'{} {}'.format(1, 'a')
'{0} {1} {0}'.format('a', 'b')
'{x}-{y}'.format(x=1, y=none)
'{{}}|{}'.format(1)
'{'.format(1)
'}'.format(1)
'{}'.format()
'{x}'.format()
'{}'.format(1.0)
'{}{}'.format(true, none)
'a-b-c'.partition('-')
'a-b-c'.rpartition('-')
'abc'.partition('-')
'abc'.rpartition('-')
'abc'.removeprefix('ab')
'abc'.removesuffix('bc')
'abc'.removeprefix('x')
'abc'.isalpha()
'123'.isdigit()
'12a'.isdigit()
'a1'.isalnum()
''.isalpha()
' '.isspace()
'abc'.islower()
'ABC'.isupper()
'½'.isnumeric()
'abc'.__class__
'abc'.__class__.__mro__
''.__class__ is defined
[].append(1)
nums.append(4)
d.pop('b')
d.update({'x': 1})
d.pop is defined
nums.index(2)
nums.count(1)
nums.copy()
d.copy()
name.nonsense()
name.nonsense is defined
n.bit
'a'.upper
dict(a=1, b='x')
dict([('a', 1)], c=2)
dict({'a': 1}, b=2)
namespace(a=1).a
namespace(a=1).b
namespace(_x=1)
joiner()
raise_exception('boom')
strftime_now('%Y-%m-%d %H:%M:%S')
strftime_now('%d %b %Y|%B %A %a %j %y %I %p %%')
lipsum
self
loop
caller()
messages[0].role
messages[0]['role']
messages[0]["content"]
messages|length
messages[-1].tool_calls[0].function.name
messages[-1].tool_calls is defined
messages[0].tool_calls is defined
messages[0].tool_calls
messages[1:]|map(attribute='content')|join
(messages|first).role
messages|map(attribute='tool_calls')|list|length
(1).x
1.x
nums.0.0
1 if
(1
1)
[1
{1}
a b
1 +
'a
name|
name is
name.
{{}}
x = 1
name['a' 'b']
nums[]
nums[1,2]
nums[1:2:3:4]
f(x for x in y)
lambda x: x
1 is not none
name is not string
not name is string
name is string and n is number
name is string == true
1 is odd is even
[1,2,3] | map('string') | join(',') | upper
'a' if name is string else 'b'
name|default('x')|upper ~ '!'
-n|abs
(-n)|abs
n|abs - 3
2 * n|string
'a' in name|lower
not name|length > 3
n ~ 1 | int
[n, name][0]
{'a': {'b': [1, 2, {'c': 'deep'}]}}.a.b[2].c
{'a': 1}['a']
(1, 2)[0]
'abc'[1]
'abc'[1:][0]
range(3)|list|last
range(1000000)
'x'.join(['a']*3)
dict(**{'a': 1})
dict(*[[('a', 1)]])
range(*[1, 4])|list
range(stop=3)
nums|sort(revers=true)
nums|join(',', none, 3)
d.get()
'a'.upper(1)
yes + 1
yes * 3
true == 1
'1' == 1
true|string
(true, false)|min
nothing == none
nothing is undefined
""" .split("\n")

BLOCKS = [
    "a{% if yes %}b{% endif %}c",
    "a{% if no %}b{% else %}x{% endif %}c",
    "{% if no %}1{% elif yes %}2{% else %}3{% endif %}",
    "{% if no %}1{% elif no %}2{% endif %}|",
    "{% for x in nums %}{{ x }},{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in nums if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
    "{% for x in nums if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }};{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for (a, b) in [[1, 2], [3, 4]] %}{{ a }}{{ b }} {% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}",
    "{% for a, b in [[1]] %}{{ a }}{% endfor %}",
    "{% for a, b in [1] %}{{ a }}{% endfor %}",
    "{% for c in 'añ日' %}[{{ c }}]{% endfor %}",
    "{% for x in n %}{% endfor %}",
    "{% for x in missing %}x{% else %}e{% endfor %}",
    "{% for x in nothing %}x{% endfor %}",
    "{% for x in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}"
    "{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for x in nums %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in nums %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
    "{% for x in nums %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in nums %}{{ loop.nonsense }}|{% endfor %}",
    "{% for x in nums %}{% for y in nums %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
    "{% for x in nums %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in nums %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in nums %}{% for y in nums %}{% if y == 1 %}{% break %}{% endif %}{{ y }}{% endfor %};{% endfor %}",
    "{% break %}",
    "{% for x in nums %}{% set z = x %}{% endfor %}{{ z is defined }}",
    "{% set z = 1 %}{% for x in nums %}{{ z }}{% set z = x %}{{ z }} {% endfor %}{{ z }}",
    "{% set ns = namespace(v=0) %}{% for x in nums %}{% set ns.v = ns.v + x %}{% endfor %}{{ ns.v }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}",
    "{% set ns = namespace(a=[]) %}{% set ns.a = ns.a + [1] %}{{ ns.a }}",
    "{% set d.x = 1 %}",
    "{% set missing.x = 1 %}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = [1, 2] %}{{ a }}{{ b }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set ns = namespace() %}{% set ns.a, x = 1, 2 %}{{ ns.a }}{{ x }}",
    "{% set a %}x{{ n }}y{% endset %}[{{ a }}]",
    "{% set a | upper | replace('X', 'z') %}x{{ name }}{% endset %}[{{ a }}]",
    "{% set a = name if yes else 'x' %}{{ a }}",
    "{% set x = 1 %}{% if yes %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% if no %}{% set x = 2 %}{% endif %}{{ x is defined }}",
    "{% set true = 1 %}",
    "{% set 1 = 1 %}",
    "{% set x %}",
    "{% macro m() %}x{% endmacro %}{{ m() }}",
    "{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(c=4, a=5) }}|{{ m() }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a) %}{{ a }}{{ varargs|length }}{% endmacro %}{{ m(1, 2, 3) }}",
    "{% macro m(a, b) %}{{ a is defined }}{{ b is defined }}{% endmacro %}{{ m(1) }}",
    "{% macro m(b=1, a) %}{% endmacro %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}body{{ n }}{% endcall %}",
    "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}-{{ b }}{% endcall %}",
    "{% macro m(x) %}[{{ x }}{{ caller() }}]{% endmacro %}{% call m('q') %}b{% endcall %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}b{% endcall %}",
    "{% macro fact(i) %}{% if i <= 1 %}1{% else %}{{ i * (fact(i - 1)|int) }}{% endif %}{% endmacro %}{{ fact(5) }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }}",
    "{% macro m() %}{% set g = 5 %}{{ g }}{% endmacro %}{{ m() }}{{ g is defined }}",
    "{% for i in nums %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m.name }}{{ m.arguments }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ nums|map('string')|map('upper')|join }}",
    "{% macro m() %} a {% endmacro %}{{ m()|trim }}|{{ m() ~ m() }}",
    "{% for x in nested recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for x in nums %}{{ loop(x) }}{% endfor %}",
    "{% filter upper %}a{{ name }}b{% endfilter %}",
    "{% filter replace('a', 'o') | upper %}a{{ name }}{% endfilter %}",
    "{% filter nonsense %}x{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}",
    "{% with a = n %}{% with n = 1, b = n %}{{ a }}{{ b }}{{ n }}{% endwith %}{% endwith %}",
    "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}|",
    "a {%- raw -%}  {{ x }}  {%- endraw -%} b",
    "a\n  {% raw %}\n  x\n  {% endraw %}\nb",
    "a{# comment {{ x }} {% if %} #}b",
    "a {#- c -#} b",
    "a\n  {# c #}\nb",
    "a\n{#-#}\nb",
    "{##}x",
    "{% generation %}gen {{ n }}{% endgeneration %}!",
    "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    "{% if yes: %}a{% endif %}",
    "  {% if yes %}\n  a\n  {% endif %}\nb",
    "  {%+ if yes %}\n  a\n  {%+ endif %}\nb",
    "  {%- if yes -%}\n  a\n  {%- endif -%}\nb",
    "x {% if yes +%}\n  a\n  {% endif +%}\nb",
    "x  {{ n }}  y",
    "x  {{- n -}}  y",
    "x  {{+ n }}  y",
    "x\n  {{ n }}\n  y",
    "x\n  {{- n }}\n  y",
    "{% for x in nums %}\n{{ x }}\n{% endfor %}\n",
    "{% for x in nums -%}\n  {{ x }}\n{%- endfor %}\n",
    "\n\n{% if yes %}\n\nx\n\n{% endif %}\n\n",
    "a\r\nb\rc\r\n",
    "trailing\n",
    "trailing\n\n",
    "\t{% if yes %}\tx{% endif %}",
    "é{% if yes %}\u00a0{% endif %}",
    "\u00a0{% if yes %}x{% endif %}",
    "{{ 'a\nb' }}",
    "{{ '\r\n' |tojson}}",
    "{% if yes %}",
    "{% endif %}",
    "{% if yes %}{% endfor %}",
    "{% for %}{% endfor %}",
    "{% for x in %}{% endfor %}",
    "{% nonsense %}",
    "{{ name",
    "{% if yes",
    "{# open",
    "{% raw %}open",
    "{{ 'a' }}{{",
    "{",
    "{{ '{{' }}{{ '%}' }}{{ '}}' }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}",
    "}} %} #} {",
    "{% if name is defined and name %}{{ name }}{% endif %}",
    "{% if 'x'|nonsense %}{% endif %}",
    "{% if no %}{{ 'x'|nonsense }}{% endif %}ok",
    "{% if yes %}{{ 'x'|nonsense }}{% endif %}ok",
    "{% if no %}{% for x in nums %}{{ x|nonsense }}{% endfor %}{% endif %}ok",
    "{{ name if yes else name|nonsense }}",
    "{{ name|nonsense if no else name }}",
    "{% if no %}{{ n is nonsense }}{% endif %}ok",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% do nums.append(1) %}",
    "{% set x = nums.append(1) %}",
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '\n' }}{% endfor %}",
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}D{% endif %}{{ m.role }}{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages|length }}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}{% endfor %}",
    "{% set it = nums|map('string') %}{{ it|first }}{{ it|list }}{{ it|list }}",
    "{% set x = ['a', 'b'] %}{% set x = x + ['c'] %}{{ x|join }}",
    "{% set loop = 1 %}{{ loop }}",
    "{% for loop in nums %}{{ loop }}{% endfor %}",
    "{% for x in nums %}{% else %}{{ loop is defined }}{% endfor %}",
    "{% for x in range(3) %}{{ x }}{% endfor %}{{ range(3)|length }}",
    "{% for a in nums %}{% for b in nums %}{% if loop.last and not loop.first %}{{ a * b }} {% endif %}{% endfor %}{% endfor %}",
    "{% set content %}\n  {{ name }}\n{% endset %}{{ content|trim|length }}",
    "{{ messages | selectattr('role', 'equalto', 'tool') | list | length == 0 }}",
    "{{ messages[0].content.split('S')|length }}{{ messages[0]['content'] | trim }}",
    "{%- set ns = namespace(found=false) -%}\n{%- for m in messages -%}\n{%- if m.role == 'user' -%}{%- set ns.found = true -%}{%- endif -%}\n{%- endfor -%}\n{{ ns.found }}",
    "{%- for m in messages[::-1] %}{{ loop.index0 }}{{ m.role }} {% endfor %}",
    "{% set x = {'a': 1} %}{% set y = dict(x, b=2) %}{{ y }}{{ x }}",
    "{% macro t(v) -%}\n{%- if v is mapping -%}{ {%- for k, w in v.items() %}{{ k }}:{{ t(w) }}{% if not loop.last %},{% endif %}{% endfor -%} }\n{%- elif v is iterable and v is not string -%}[{% for w in v %}{{ t(w) }}{% endfor %}]\n{%- else -%}{{ v }}{%- endif -%}\n{%- endmacro %}{{ t(d) }}{{ t(mixed) }}",
    "{% autoescape true %}{{ html }}{% endautoescape %}",
    "{% block b %}x{% endblock %}",
    "{{ [1, 2, 3]|select('nonsense') }}",
    "{{ namespace(a=1) }}",
    "{{ nums|random }}",
    "{{ name|pprint }}",
    "{{ a.b.c }}",
    "{{ (nums, words) }}",
    "{{ [name, html] }}",
    "{{ [html|safe] }}",
    "{{ {'k': missing} }}",
    "{{ [missing] }}",
    "{{ [missing]|tojson }}",
    "{{ 1e1000 }}",
    "{% if nums == [3, 1, 2] and d.b == 1 %}eq{% endif %}",
    "{{ messages }}",
    "{{ users|tojson(indent=2) }}",
]

# Renderings that are not a value of the template's: an address, a random choice, another engine's.
SKIPPED = {
    "{{ d.items }}", "{{ 'a'.upper }}", "{{ {'x': 1}|items }}", "{{ joiner() }}", "{{ lipsum }}",
    "{{ self }}", "{{ name|attr('upper') }}", "{{ nums|random }}", "{{ name|pprint }}",
    "{{ [1, 2, 3]|select('nonsense') }}", "{{ range(5)[1:3] }}", "{{ name['a' 'b'] }}",
    "{% autoescape true %}{{ html }}{% endautoescape %}", "{% block b %}x{% endblock %}",
}

CASES = [
    case
    for case in ["{{ " + e + " }}" for e in EXPRESSIONS if e.strip()] + BLOCKS
    if case not in SKIPPED
]
