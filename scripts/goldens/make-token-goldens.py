#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes token ids of the official tokenizers for many strings.

    make-token-goldens.py --mistral-data DIR --gguf SMOLLM2.gguf --out DIR [--count 12000]
    make-token-goldens.py ... --compact Tests/TokenizationTests/Goldens

DIR of --mistral-data is mistral_common/data of the mistral-common wheel. --out receives
strings.json and one <vocabulary>.json of id lists each; set CIERZO_TOKEN_GOLDENS to it to run the
whole comparison. --compact writes the subset that lives in the tree: strings.json, and tokens.json
with the ids of some of them and a 32-bit hash of the ids of all.

References: mistral-common (SentencePiece, tiktoken); for SmolLM2, a Hugging Face tokenizers object
made of the GGUF's vocabulary and merges with SmolLM2's pre-tokenizer (Digits, ByteLevel).
Needs: mistral-common[sentencepiece], tokenizers, gguf.
"""
import argparse
import json
import pathlib
import random

MISTRAL = {
    "mistral-v1": "tokenizer.model.v1",
    "mistral-v2": "mistral_instruct_tokenizer_240216.model.v2",
    "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3",
    "mistral-v7": "mistral_instruct_tokenizer_241114.model.v7",
    "tekken-240718": "tekken_240718.json",
    "tekken-240911": "tekken_240911.json",
}

SENTENCES = """
All human beings are born free and equal in dignity and rights.
Tous les êtres humains naissent libres et égaux en dignité et en droits.
Todos los seres humanos nacen libres e iguales en dignidad y derechos.
Alle Menschen sind frei und gleich an Würde und Rechten geboren; Straßenmaß.
Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti.
Todos os seres humanos nascem livres e iguais em dignidade e em direitos.
Alla människor är födda fria och lika i värde och rättigheter.
Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.
Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.
Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İIıi
Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. ΣΊΣΥΦΟΣ ς
Все люди рождаются свободными и равными в своем достоинстве и правах.
Всички хора се раждат свободни и равни по достойнство и права.
Усі люди народжуються вільними і рівними у своїй гідності та правах.
Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ:
ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა.
כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. שָׁלוֹם
يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. السَّلَامُ عَلَيْكُمْ
تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت با هم برابرند.
سب انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।
সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে।
ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ ਅਤੇ ਹੱਕਾਂ ਦੇ ਪੱਖੋਂ ਜਨਮ ਤੋਂ ਹੀ ਆਜ਼ਾਦ ਹੈ।
પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર છે.
மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.
ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులు.
ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ.
മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി.
සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත.
มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ
ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ, ສິດທິ, ເສລີພາບ
လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း
មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព
འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་
人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心
人人生而自由,在尊嚴和權利上一律平等。
すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。カタカナ ｶﾀｶﾅ
모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 한글
የሰው፡ልጅ፡ሁሉ፡ሲወለድ፡ነጻና፡በክብርና፡በመብትም፡እኩልነት፡ያለው፡ነው።
ᎠᏂᎦᏔᎲᎢ ᎤᏂᏴᏫᏯᎯ ᏣᎳᎩ ꭰꮒ
ᐃᓅᔪᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ
ⵉⵎⴷⴰⵏⴻⵏ ⴰⴽⴽⴻⵏ ⵎⴰ ⵍⵍⴰⵏ
ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ
𐌰𐌻𐌻𐌰𐌹 𐌼𐌰𐌽𐌽𐌰 𐍆𐍂𐌴𐌹𐌷𐌰𐌻𐍃 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 𒀀𒁀 𓀀𓀁
Saluton! Ĉu vi ŝatas ĵaŭdon? Ǆ ǅ ǆ ﬁ ﬂ ﬆ ſ K Å Ω ½ ² Ⅷ ⅷ ① ㊀ ٣ ३ 〇
I'm you're he's we've they'll I'd can't DON'T SHE'S 'tis O'Neill's 'S'T'RE'VE'M'LL'D 'ſ it’s
"""

CODE = [
    "def f(x):\n    return [i**2 for i in range(x) if i % 2 == 0]\n",
    "\tif (a < b && c != d) {\n\t\treturn *p++ >> 3;\n\t}\n",
    "SELECT id, name FROM users WHERE age >= 18 ORDER BY name DESC LIMIT 10;",
    "<div class=\"row\"><a href='https://example.org/?q=1&r=%20#x'>link</a></div>\r\n",
    "{\"key\": [1, 2.5e-10, null, true], \"nested\": {\"a\": \"b\\n\"}}",
    "let x: Result<Vec<u8>, Box<dyn Error>> = foo?.bar()?;\n// comment ////\n/* block */",
    "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 0x7fffffff); return 0; }\n",
    "$ ls -la ~/Documents | grep -v '^d' > /dev/null 2>&1\n",
    "\\begin{equation} \\sum_{i=0}^{\\infty} \\frac{1}{n^2} = \\frac{\\pi^2}{6} \\end{equation}",
    "func camelCaseToSNAKE_CASE(HTTPServer: XMLHttpRequest2, iOSVersion15Beta: Int) -> UInt64",
    "10000000 3.14159 1,234,567.89 0b1010 1e6 12:34:56 2024-05-06 +1 (555) 123-4567 １２３",
    "user@example.com C:\\Windows\\System32 ../../etc/passwd a/b//c///d\n/e\n\n/f/",
    "```python\nprint('hi')\n```\n\n\n* list\n  - item\n\n    code\n\n\n",
    "a=1;b=2;;;;c===d!==e<=>f->g=>h::i...j??k?.l|m||n&&o&p^q~r`s",
]

EMOJI = "😀😃🥲👍🏽👩‍👩‍👧‍👦🏳️‍🌈🇫🇷🇯🇵❤️‍🔥☕✅🦙🚀5️⃣🤷🏿‍♂️㊗️♾️🫠🧑🏻‍💻"

SPECIALS = [
    "<s>", "</s>", "<unk>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "<|im_start|>",
    "<|im_end|>", "<|endoftext|>", "<0x0A>", "<0xE2>", "[control_8]", "<SPECIAL_20>", "[IMG]",
    "<|eot_id|>", "<repo_name>", "▁", "▁▁", "a▁b", "[PREFIX]", "[SUFFIX]", "[MIDDLE]", "[SYSTEM_PROMPT]",
    "[REFERENCE_DOC_3]", "[REF]", "[/REF]", "[REFERENCE_DOC_1]x",
]

SPACES = ["", " ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", "\n \n", " \n", "\n ",
          "\u00a0", "\u3000", "\u2028", "\u2003", "\u0085", "\u200b", "\ufeff", "\u1680", "\u180e", "\v", "\f"]


def random_scalar(random):
    kind = random.random()
    if kind < 0.2:
        return chr(random.randrange(0, 128))
    if kind < 0.4:
        return chr(random.randrange(128, 0x800))
    if kind < 0.7:
        value = random.randrange(0x800, 0x10000)
    elif kind < 0.9:
        value = random.randrange(0x10000, 0x20000)
    else:
        value = random.randrange(0x20000, 0x110000)
    return chr(value) if not 0xD800 <= value < 0xE000 else "\ue000"


def strings(count):
    rng = random.Random(20240718)
    sentences = [line for line in SENTENCES.strip().split("\n")]
    letters = "".join(sentences) + EMOJI
    result = [""] + SPACES + SPECIALS + sentences + CODE + list(EMOJI) + [EMOJI]
    result += [chr(c) for c in range(256)]
    result += [a + "x" + b for a in SPACES for b in ["", " ", "\n"]]
    result += [s + w for s in SPACES for w in ["word", "Word", "1", ".", "\u0301", "'s", "日"]]
    result += ["a" * n for n in (2, 3, 5, 8, 13, 100, 257)] + [" " * n for n in range(2, 40)]
    result += ["\n" * n for n in range(2, 12)] + ["=" * n for n in range(1, 40, 3)]
    result += ["\u0301" * n + "A" for n in range(1, 6)] + ["中A中Ab" * 3, "ABC中DEF", "\u0301ABC", "\u0301Abc"]
    result += ["'ſ", "x'ſt", "it'S 'Tis I'LL I'lL", "１２３４٣٤५६ 1234567", "a\r\nb\r\rc \r\n d\n"]
    words = " ".join(sentences + CODE).split(" ")
    while len(result) < count:
        kind = rng.randrange(9)
        if kind == 0:
            text = "".join(random_scalar(rng) for _ in range(rng.randrange(1, 24)))
        elif kind == 1:
            text = "".join(chr(rng.randrange(0, 128)) for _ in range(rng.randrange(1, 40)))
        elif kind == 2:
            text = "".join(rng.choice(letters) for _ in range(rng.randrange(1, 30)))
        elif kind == 3:
            text = " ".join(rng.choice(words) for _ in range(rng.randrange(1, 14)))
        elif kind == 4:
            text = "".join(rng.choice(words) + rng.choice(SPACES) for _ in range(rng.randrange(1, 10)))
        elif kind == 5:
            source = rng.choice(sentences + CODE)
            start = rng.randrange(len(source))
            text = source[start:start + rng.randrange(1, 60)]
        elif kind == 6:
            text = "".join(rng.choice(SPACES + SPECIALS + list(EMOJI)) for _ in range(rng.randrange(1, 8)))
        elif kind == 7:
            text = "".join(rng.choice("aAbBzZ01 9'sS.,!/\n\r\t é É\u0301ßǅ中ʰ") for _ in range(rng.randrange(1, 20)))
        else:
            text = rng.choice(sentences + CODE)
            text = rng.choice([text.upper(), text.lower(), text.title(), text[::-1], text * 2])
        result.append(text)
    return result[:count]


def smollm2(path):
    from gguf import GGUFReader
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def encoders(arguments):
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    result = {}
    for name, file in MISTRAL.items():
        path = pathlib.Path(arguments.mistral_data) / file
        kind = Tekkenizer.from_file if file.endswith(".json") else SentencePieceTokenizer
        tokenizer = kind(path)
        result[name] = lambda text, tokenizer=tokenizer: tokenizer.encode(text, bos=False, eos=False)
    if arguments.gguf:
        result["smollm2"] = smollm2(arguments.gguf)
    return result


def fingerprint(numbers):
    """The upper half of the 64-bit FNV-1a hash of the numbers, as eight hexadecimal digits."""
    value = 0xCBF29CE484222325
    for number in numbers:
        value = ((value ^ number) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value >> 32:08x}"


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mistral-data", required=True)
    parser.add_argument("--gguf")
    parser.add_argument("--count", type=int, default=12000)
    parser.add_argument("--out")
    parser.add_argument("--compact")
    arguments = parser.parse_args()
    texts = strings(arguments.count)
    if arguments.compact:
        # All that is fixed, then a sample of what is random.
        texts = texts[:750] + texts[750::15][:750]
    ids = {name: [encode(text) for text in texts] for name, encode in encoders(arguments).items()}
    if arguments.out:
        out = pathlib.Path(arguments.out)
        out.mkdir(parents=True, exist_ok=True)
        write(out / "strings.json", texts)
        for name, lists in ids.items():
            write(out / f"{name}.json", lists)
    if arguments.compact:
        out = pathlib.Path(arguments.compact)
        write(out / "strings.json", texts)
        write(out / "tokens.json", {
            "firstString": 560,
            "ids": {name: lists[560:600] for name, lists in ids.items()},
            "hashes": {name: "".join(map(fingerprint, lists)) for name, lists in ids.items()},
        })


if __name__ == "__main__":
    main()
