// SPDX-License-Identifier: Apache-2.0

/// The terminals that `%import common` knows.
enum LarkTerminals {
    /// The pattern of a terminal; nil where there is none of that name.
    static func pattern(of name: String) -> String? { patterns[name] }

    private static let decimal = "(?:[0-9]+\\.[0-9]*|\\.[0-9]+)"
    private static let exponent = "[eE][+-]?[0-9]+"
    private static let float = "(?:[0-9]+\(exponent)|\(decimal)(?:\(exponent))?)"
    private static let number = "(?:\(float)|[0-9]+)"

    private static let patterns = [
        "DIGIT": "[0-9]",
        "HEXDIGIT": "[0-9a-fA-F]",
        "INT": "[0-9]+",
        "SIGNED_INT": "[+-]?[0-9]+",
        "DECIMAL": decimal,
        "_EXP": exponent,
        "FLOAT": float,
        "SIGNED_FLOAT": "[+-]?\(float)",
        "NUMBER": number,
        "SIGNED_NUMBER": "[+-]?\(number)",
        "_STRING_INNER": "[^\\n]*",
        "_STRING_ESC_INNER": "(?:[^\\n\\\\]|\\\\[^\\n])*",
        "ESCAPED_STRING": "\"(?:[^\\n\\\\\"]|\\\\[^\\n])*\"",
        "LCASE_LETTER": "[a-z]",
        "UCASE_LETTER": "[A-Z]",
        "LETTER": "[A-Za-z]",
        "WORD": "[A-Za-z]+",
        "CNAME": "[_A-Za-z][_A-Za-z0-9]*",
        "WS_INLINE": "[ \\t]+",
        "WS": "[ \\t\\f\\r\\n]+",
        "CR": "\\r",
        "LF": "\\n",
        "NEWLINE": "(?:\\r?\\n)+",
        "SH_COMMENT": "#[^\\n]*",
        "CPP_COMMENT": "//[^\\n]*",
        "C_COMMENT": "/\\*(?:[^*]|\\*+[^*/])*\\*+/",
        "SQL_COMMENT": "--[^\\n]*",
    ]
}
