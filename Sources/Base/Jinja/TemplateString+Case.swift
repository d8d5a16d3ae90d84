// SPDX-License-Identifier: Apache-2.0

extension TemplateString {
    var lowercased: TemplateString {
        mapped { scalar, index in lowercase(scalar, at: index) }
    }

    var uppercased: TemplateString {
        mapped { scalar, _ in uppercase(scalar) }
    }

    /// The first character in title case, the others in lower case.
    var capitalized: TemplateString {
        mapped { scalar, index in
            index == 0 ? scalar.properties.titlecaseMapping : lowercase(scalar, at: index)
        }
    }

    /// `str.title`: a word begins after every character that has no case.
    var titlecased: TemplateString {
        mapped { scalar, index in
            index > 0 && isCased(scalars[index - 1])
                ? lowercase(scalar, at: index) : scalar.properties.titlecaseMapping
        }
    }

    /// The `title` filter: a word begins after a hyphen, white space or an opening bracket.
    var titlecasedByFilter: TemplateString {
        func separates(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "-", "(", "{", "[", "<": true
            default: PythonText.isSpace(scalar)
            }
        }
        return mapped { scalar, index in
            index == 0 || separates(scalars[index - 1])
                ? uppercase(scalar) : lowercase(scalar, at: index)
        }
    }

    /// Whether there are cased characters and all of them are upper (or lower) case.
    func isAll(uppercase: Bool) -> Bool {
        var hasCase = false
        for scalar in scalars {
            let properties = scalar.properties
            let isTitle = properties.generalCategory == .titlecaseLetter
            if isTitle || (uppercase ? properties.isLowercase : properties.isUppercase) {
                return false
            }
            if uppercase ? properties.isUppercase : properties.isLowercase { hasCase = true }
        }
        return hasCase
    }

    private func isCased(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return properties.isUppercase || properties.isLowercase
            || properties.generalCategory == .titlecaseLetter
    }

    private func uppercase(_ scalar: Unicode.Scalar) -> String? {
        if scalar.isASCII, !("a"..."z").contains(scalar) { return nil }
        return scalar.properties.uppercaseMapping
    }

    private func lowercase(_ scalar: Unicode.Scalar, at index: Int) -> String? {
        if scalar.isASCII, !("A"..."Z").contains(scalar) { return nil }
        // A capital sigma at the end of a word becomes a final sigma.
        guard scalar == "\u{03A3}" else { return scalar.properties.lowercaseMapping }
        var before = index - 1
        while before >= 0, scalars[before].properties.isCaseIgnorable { before -= 1 }
        var after = index + 1
        while after < count, scalars[after].properties.isCaseIgnorable { after += 1 }
        let isFinal =
            before >= 0 && isCased(scalars[before]) && !(after < count && isCased(scalars[after]))
        return isFinal ? "\u{03C2}" : "\u{03C3}"
    }
}
