// SPDX-License-Identifier: Apache-2.0

/// Why a token opens nothing.
package enum TokenRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is no token.
    case malformed

    /// It is signed in a way that is not taken.
    case algorithm

    /// It is signed by nobody who is known.
    case signature

    /// It is another issuer's.
    case issuer

    /// It is for somebody else.
    case audience

    /// Its time has passed.
    case expired

    /// Its time has not come.
    case early

    /// It lacks a claim.
    case missing(String)

    /// It is sound, but nothing says what its owner may do.
    case tenant

    /// One sentence, without anything of the token.
    package var description: String {
        switch self {
        case .malformed: "The token is not a signed JWT."
        case .algorithm: "The token is signed in a way that is not accepted."
        case .signature: "The token's signature is not by a known key of the issuer."
        case .issuer: "The token is not from the issuer that is accepted."
        case .audience: "The token is not for this audience."
        case .expired: "The token has expired."
        case .early: "The token is not valid yet."
        case .missing(let claim): "The token lacks the claim \(claim)."
        case .tenant: "No tenant of this server matches the claims of the token."
        }
    }
}
