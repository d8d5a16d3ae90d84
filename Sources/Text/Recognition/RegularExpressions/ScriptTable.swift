// SPDX-License-Identifier: Apache-2.0

/// The code points of scripts, which the standard library does not know.
///
/// Made by scripts/goldens/make-script-table.py.
enum ScriptTable {
    /// The ranges of a script in hexadecimal, by its name and its ISO 15924 code.
    static func ranges(of name: String) -> String? {
        switch name {
        case "Latin", "Latn":
            """
            41-5A 61-7A AA BA C0-D6 D8-F6 F8-2B8 2E0-2E4 1D00-1D25 1D2C-1D5C 1D62-1D65 1D6B-1D77 \
            1D79-1DBE 1E00-1EFF 2071 207F 2090-209C 212A-212B 2132 214E 2160-2188 2C60-2C7F \
            A722-A787 A78B-A7DC A7F1-A7FF AB30-AB5A AB5C-AB64 AB66-AB69 FB00-FB06 FF21-FF3A \
            FF41-FF5A 10780-10785 10787-107B0 107B2-107BA 1DF00-1DF1E 1DF25-1DF2A
            """
        case "Greek", "Grek":
            """
            370-373 375-377 37A-37D 37F 384 386 388-38A 38C 38E-3A1 3A3-3E1 3F0-3FF 1D26-1D2A \
            1D5D-1D61 1D66-1D6A 1DBF 1F00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B \
            1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FC4 1FC6-1FD3 1FD6-1FDB 1FDD-1FEF 1FF2-1FF4 1FF6-1FFE \
            2126 AB65 10140-1018E 101A0 1D200-1D245
            """
        case "Cyrillic", "Cyrl":
            """
            400-484 487-52F 1C80-1C8A 1D2B 1D78 2DE0-2DFF A640-A69F FE2E-FE2F 1E030-1E06D 1E08F
            """
        case "Armenian", "Armn":
            """
            531-556 559-58A 58D-58F FB13-FB17
            """
        case "Hebrew", "Hebr":
            """
            591-5C7 5D0-5EA 5EF-5F4 FB1D-FB36 FB38-FB3C FB3E FB40-FB41 FB43-FB44 FB46-FB4F
            """
        case "Arabic", "Arab":
            """
            600-604 606-60B 60D-61A 61C-61E 620-63F 641-64A 656-66F 671-6DC 6DE-6FF 750-77F \
            870-891 897-8E1 8E3-8FF FB50-FD3D FD40-FDCF FDF0-FDFF FE70-FE74 FE76-FEFC \
            10E60-10E7E 10EC2-10EC7 10ED0-10ED8 10EFA-10EFF 1EE00-1EE03 1EE05-1EE1F 1EE21-1EE22 \
            1EE24 1EE27 1EE29-1EE32 1EE34-1EE37 1EE39 1EE3B 1EE42 1EE47 1EE49 1EE4B 1EE4D-1EE4F \
            1EE51-1EE52 1EE54 1EE57 1EE59 1EE5B 1EE5D 1EE5F 1EE61-1EE62 1EE64 1EE67-1EE6A \
            1EE6C-1EE72 1EE74-1EE77 1EE79-1EE7C 1EE7E 1EE80-1EE89 1EE8B-1EE9B 1EEA1-1EEA3 \
            1EEA5-1EEA9 1EEAB-1EEBB 1EEF0-1EEF1
            """
        case "Syriac", "Syrc":
            """
            700-70D 70F-74A 74D-74F 860-86A
            """
        case "Thaana", "Thaa":
            """
            780-7B1
            """
        case "Devanagari", "Deva":
            """
            900-950 955-963 966-97F A8E0-A8FF 11B00-11B09
            """
        case "Bengali", "Beng":
            """
            980-983 985-98C 98F-990 993-9A8 9AA-9B0 9B2 9B6-9B9 9BC-9C4 9C7-9C8 9CB-9CE 9D7 \
            9DC-9DD 9DF-9E3 9E6-9FE
            """
        case "Gurmukhi", "Guru":
            """
            A01-A03 A05-A0A A0F-A10 A13-A28 A2A-A30 A32-A33 A35-A36 A38-A39 A3C A3E-A42 A47-A48 \
            A4B-A4D A51 A59-A5C A5E A66-A76
            """
        case "Gujarati", "Gujr":
            """
            A81-A83 A85-A8D A8F-A91 A93-AA8 AAA-AB0 AB2-AB3 AB5-AB9 ABC-AC5 AC7-AC9 ACB-ACD AD0 \
            AE0-AE3 AE6-AF1 AF9-AFF
            """
        case "Oriya", "Orya":
            """
            B01-B03 B05-B0C B0F-B10 B13-B28 B2A-B30 B32-B33 B35-B39 B3C-B44 B47-B48 B4B-B4D \
            B55-B57 B5C-B5D B5F-B63 B66-B77
            """
        case "Tamil", "Taml":
            """
            B82-B83 B85-B8A B8E-B90 B92-B95 B99-B9A B9C B9E-B9F BA3-BA4 BA8-BAA BAE-BB9 BBE-BC2 \
            BC6-BC8 BCA-BCD BD0 BD7 BE6-BFA 11FC0-11FF1 11FFF
            """
        case "Telugu", "Telu":
            """
            C00-C0C C0E-C10 C12-C28 C2A-C39 C3C-C44 C46-C48 C4A-C4D C55-C56 C58-C5A C5C-C5D \
            C60-C63 C66-C6F C77-C7F
            """
        case "Kannada", "Knda":
            """
            C80-C8C C8E-C90 C92-CA8 CAA-CB3 CB5-CB9 CBC-CC4 CC6-CC8 CCA-CCD CD5-CD6 CDC-CDE \
            CE0-CE3 CE6-CEF CF1-CF3
            """
        case "Malayalam", "Mlym":
            """
            D00-D0C D0E-D10 D12-D44 D46-D48 D4A-D4F D54-D63 D66-D7F
            """
        case "Sinhala", "Sinh":
            """
            D81-D83 D85-D96 D9A-DB1 DB3-DBB DBD DC0-DC6 DCA DCF-DD4 DD6 DD8-DDF DE6-DEF DF2-DF4 \
            111E1-111F4
            """
        case "Thai":
            """
            E01-E3A E40-E5B
            """
        case "Lao", "Laoo":
            """
            E81-E82 E84 E86-E8A E8C-EA3 EA5 EA7-EBD EC0-EC4 EC6 EC8-ECE ED0-ED9 EDC-EDF
            """
        case "Tibetan", "Tibt":
            """
            F00-F47 F49-F6C F71-F97 F99-FBC FBE-FCC FCE-FD4 FD9-FDA
            """
        case "Myanmar", "Mymr":
            """
            1000-109F A9E0-A9FE AA60-AA7F 116D0-116E3
            """
        case "Georgian", "Geor":
            """
            10A0-10C5 10C7 10CD 10D0-10FA 10FC-10FF 1C90-1CBA 1CBD-1CBF 2D00-2D25 2D27 2D2D
            """
        case "Hangul", "Hang":
            """
            1100-11FF 302E-302F 3131-318E 3200-321E 3260-327E A960-A97C AC00-D7A3 D7B0-D7C6 \
            D7CB-D7FB FFA0-FFBE FFC2-FFC7 FFCA-FFCF FFD2-FFD7 FFDA-FFDC
            """
        case "Ethiopic", "Ethi":
            """
            1200-1248 124A-124D 1250-1256 1258 125A-125D 1260-1288 128A-128D 1290-12B0 12B2-12B5 \
            12B8-12BE 12C0 12C2-12C5 12C8-12D6 12D8-1310 1312-1315 1318-135A 135D-137C 1380-1399 \
            2D80-2D96 2DA0-2DA6 2DA8-2DAE 2DB0-2DB6 2DB8-2DBE 2DC0-2DC6 2DC8-2DCE 2DD0-2DD6 \
            2DD8-2DDE AB01-AB06 AB09-AB0E AB11-AB16 AB20-AB26 AB28-AB2E 1E7E0-1E7E6 1E7E8-1E7EB \
            1E7ED-1E7EE 1E7F0-1E7FE
            """
        case "Cherokee", "Cher":
            """
            13A0-13F5 13F8-13FD AB70-ABBF
            """
        case "Khmer", "Khmr":
            """
            1780-17DD 17E0-17E9 17F0-17F9 19E0-19FF
            """
        case "Mongolian", "Mong":
            """
            1800-1801 1804 1806-1819 1820-1878 1880-18AA 11660-1166C
            """
        case "Hiragana", "Hira":
            """
            3041-3096 309D-309F 1B001-1B11F 1B132 1B150-1B152 1F200
            """
        case "Katakana", "Kana":
            """
            30A1-30FA 30FD-30FF 31F0-31FF 32D0-32FE 3300-3357 FF66-FF6F FF71-FF9D 1AFF0-1AFF3 \
            1AFF5-1AFFB 1AFFD-1AFFE 1B000 1B120-1B122 1B155 1B164-1B167
            """
        case "Bopomofo", "Bopo":
            """
            2EA-2EB 3105-312F 31A0-31BF
            """
        case "Han", "Hani":
            """
            2E80-2E99 2E9B-2EF3 2F00-2FD5 3005 3007 3021-3029 3038-303B 3400-4DBF 4E00-9FFF \
            F900-FA6D FA70-FAD9 16FE2-16FE3 16FF0-16FF6 20000-2A6DF 2A700-2B81D 2B820-2CEAD \
            2CEB0-2EBE0 2EBF0-2EE5D 2F800-2FA1D 30000-3134A 31350-33479
            """
        default: nil
        }
    }

    /// The ranges of the property `Extended_Pictographic`.
    static let pictographs =
        """
        A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 23CF 23E9-23F3 \
        23F8-23FA 24C2 25AA-25AB 25B6 25C0 25FB-25FE 2600-2604 260E 2611 2614-2615 2618 261D \
        2620 2622-2623 2626 262A 262E-262F 2638-263A 2640 2642 2648-2653 265F-2660 2663 \
        2665-2666 2668 267B 267E-267F 2692-2697 2699 269B-269C 26A0-26A1 26A7 26AA-26AB \
        26B0-26B1 26BD-26BE 26C4-26C5 26C8 26CE-26CF 26D1 26D3-26D4 26E9-26EA 26F0-26F5 \
        26F7-26FA 26FD 2702 2705 2708-270D 270F 2712 2714 2716 271D 2721 2728 2733-2734 2744 \
        2747 274C 274E 2753-2755 2757 2763-2764 2795-2797 27A1 27B0 27BF 2934-2935 2B05-2B07 \
        2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F004 1F02C-1F02F 1F094-1F09F 1F0AF-1F0B0 \
        1F0C0 1F0CF-1F0D0 1F0F6-1F0FF 1F170-1F171 1F17E-1F17F 1F18E 1F191-1F19A 1F1AE-1F1E5 \
        1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F25F 1F266-1F321 1F324-1F393 \
        1F396-1F397 1F399-1F39B 1F39E-1F3F0 1F3F3-1F3F5 1F3F7-1F3FA 1F400-1F4FD 1F4FF-1F53D \
        1F549-1F54E 1F550-1F567 1F56F-1F570 1F573-1F57A 1F587 1F58A-1F58D 1F590 1F595-1F596 \
        1F5A4-1F5A5 1F5A8 1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 1F5DC-1F5DE 1F5E1 1F5E3 \
        1F5E8 1F5EF 1F5F3 1F5FA-1F64F 1F680-1F6C5 1F6CB-1F6D2 1F6D5-1F6E5 1F6E9 1F6EB-1F6F0 \
        1F6F3-1F6FF 1F7DA-1F7FF 1F80C-1F80F 1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8AF \
        1F8BC-1F8BF 1F8C2-1F8CF 1F8D9-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1F9FF 1FA58-1FA5F \
        1FA6E-1FAFF 1FC00-1FFFD
        """
}
