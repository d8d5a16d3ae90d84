// SPDX-License-Identifier: Apache-2.0

/// A place in a text, as the recognizer that made it packs it.
///
/// Two equal states of a recognizer have the same future, unless the recognizer says that they are
/// guarded, in which case it depends on the text before them, too.
package struct RecognizerState: Hashable, Sendable {
    /// The packed place.
    package let rawValue: UInt64

    /// A state of that value.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The state of a text that cannot be completed.
    package static let dead = RecognizerState(rawValue: .max)

    /// Whether the text cannot be completed.
    package var isDead: Bool { rawValue == .max }
}

/// The bytes of a text so far, for recognizers that look back when a value closes.
///
/// It notes that it was read: a mask that was made without that holds for every text of the state.
package final class RecognizedText {
    private var storage: [UInt8]

    /// How many bytes there are.
    package private(set) var count: Int

    /// Whether a recognizer has looked at ``bytes`` since this was last set to false.
    package var wasRead = false

    /// The items of arrays of the text, as far as recognizers have read them.
    var items = ItemNotes()

    /// A text that begins with these bytes.
    package init(_ bytes: [UInt8] = []) {
        storage = bytes
        count = bytes.count
    }

    /// The bytes, all of which the recognizer has accepted.
    package var bytes: ArraySlice<UInt8> {
        wasRead = true
        return storage[..<count]
    }

    /// Adds a byte.
    package func append(_ byte: UInt8) {
        if count < storage.count {
            storage[count] = byte
        } else {
            storage.append(byte)
        }
        count += 1
    }

    /// Takes back all but the first bytes.
    ///
    /// - Precondition: there are so many.
    package func truncate(to newCount: Int) {
        precondition(newCount <= count, "\(count) bytes cannot become \(newCount)")
        count = newCount
        if items.end > newCount { items.truncate(to: newCount) }
    }
}

/// What a scanner has in common with others.
package struct ScannerLikeness: Hashable, Sendable {
    /// The ``Recognizer/identity(of:)`` of scanners that read the same bytes and come to one exit.
    package var identity: UInt64

    /// The exit that the scanner comes to where these come to theirs.
    package var exit: Int32

    /// For how many bytes more it reads as they do.
    package var reach: Int

    /// A likeness to the scanners of an identity.
    package init(identity: UInt64, exit: Int32, reach: Int = .max) {
        self.identity = identity
        self.exit = exit
        self.reach = reach
    }
}

/// Says of each byte whether a text can still be completed after it.
///
/// States are made on demand and stay valid until ``forgetStates()``. A recognizer is not safe to
/// use from two threads at once. Nothing that it is asked may trap, and each call takes bounded
/// time and memory.
///
/// A recognizer may be part of another one, which reads what stands around its text. Then the
/// ``RecognizedText`` holds all bytes from the beginning of the answer: where a value begins is its
/// `count` when its first byte comes, never 0. States of a recognizer that may be
/// embedded stay below 2^48 where they can, so that the outer one packs them into its own.
///
/// A long lexeme, such as a string, is read by a *scanner*, whose moves do not depend on what
/// stands around the lexeme. Masks over a vocabulary are kept by scanner, which is what makes them
/// fast: most tokens stay within the string that they are in.
package protocol Recognizer: AnyObject {
    /// The state of the empty text.
    var start: RecognizerState { get }

    /// The state after one more byte; dead where no text goes on so.
    ///
    /// - Parameters:
    ///   - state: of the text so far; not dead.
    ///   - byte: what follows.
    ///   - text: the bytes so far, without this one; only guarded states look at it.
    /// - Returns: the next state, or dead.
    func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState

    /// Whether the text may end here.
    func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool

    /// A recognizer of the same texts for a last look at whole ones, which validates each JSON value
    /// by an exact validator where the value ends; nil where this one holds no such values.
    ///
    /// It shares states with this one: nobody uses both at once.
    var checking: (any Recognizer)? { get }

    /// Whether what may follow depends on the text before the state.
    func isGuarded(_ state: RecognizerState) -> Bool

    // MARK: Control tokens

    /// The control tokens, which have no bytes, that may follow here.
    func controls(at state: RecognizerState, after text: RecognizedText) -> [Int32]

    /// The state after a control token; dead where it may not stand.
    func advance(
        _ state: RecognizerState, byControl token: Int32, after text: RecognizedText
    ) -> RecognizerState

    // MARK: Scanners

    /// The scanner that reads the lexeme which the state is within, or -1 where that is no long one.
    ///
    /// What follows a state that has a scanner is exactly what its scanner makes of the bytes: those
    /// within the lexeme, and after each exit that it comes to, what follows ``leave(_:by:after:)``.
    /// There may be both, where a lexeme may end before a byte that could also go on with it.
    func scanner(of state: RecognizerState) -> Int32

    /// A scanner that reads the next so many bytes, and leaves within them, as the state's own does.
    ///
    /// Such as one that need not count, where the lexeme's longest length is out of reach; the more
    /// states have one scanner, the fewer masks are made.
    func scanner(of state: RecognizerState, within byteCount: Int) -> Int32

    /// A state that the next so many bytes lead from as they do from this one, such as that of the
    /// scanner ``scanner(of:within:)``.
    func state(_ state: RecognizerState, within byteCount: Int) -> RecognizerState

    /// A number that scanners of any recognizers have in common which read alike, exits and all, such
    /// as that of a string without rules; nil where a scanner is the recognizer's own.
    func identity(of scanner: Int32) -> UInt64?

    /// Another scanner that a scanner reads like, but for the exit; nil where it reads like no other.
    ///
    /// Most tokens that may come in a key, or in a string with a rule, are those that may come in any
    /// string: a mask of these needs only to be mended where the two differ.
    func likeness(of scanner: Int32) -> ScannerLikeness?

    /// What a scanner makes of a byte: a scanner of 0 or more within the same lexeme; -1 where the
    /// lexeme cannot go on so; `-2 - exit` where the byte completes the lexeme.
    func scan(_ scanner: Int32, by byte: UInt8) -> Int32

    /// The exit of a lexeme that may end before whatever byte follows, such as a number; -1 for none.
    func exit(of scanner: Int32) -> Int32

    /// The state after the lexeme that a state is within, complete by an exit of its scanner.
    ///
    /// - Parameters:
    ///   - state: any state within the lexeme, such as the one that the scanner was asked of.
    ///   - exit: what the scanner came to since.
    ///   - text: all bytes to the end of the lexeme, the one that completed it among them.
    /// - Returns: the next state, or dead.
    func leave(
        _ state: RecognizerState, by exit: Int32, after text: RecognizedText
    ) -> RecognizerState

    // MARK: Memory

    /// Whether states could not be made because of their memory since they were last forgotten, so
    /// that what follows is refused although it may be right.
    var isExhausted: Bool { get }

    /// About how many bytes the states and scanners take.
    var byteCount: Int { get }

    /// Gives up all states and scanners but what ``start`` needs; who has others reads the text
    /// again.
    func forgetStates()
}

extension Recognizer {
    package var checking: (any Recognizer)? { nil }

    package var isExhausted: Bool { false }

    package func isGuarded(_ state: RecognizerState) -> Bool { false }

    package func controls(at state: RecognizerState, after text: RecognizedText) -> [Int32] { [] }

    package func advance(
        _ state: RecognizerState, byControl token: Int32, after text: RecognizedText
    ) -> RecognizerState { .dead }

    package func scanner(of state: RecognizerState) -> Int32 { -1 }

    package func scanner(of state: RecognizerState, within byteCount: Int) -> Int32 {
        scanner(of: state)
    }

    package func state(_ state: RecognizerState, within byteCount: Int) -> RecognizerState {
        state
    }

    package func identity(of scanner: Int32) -> UInt64? { nil }

    package func likeness(of scanner: Int32) -> ScannerLikeness? { nil }

    package func scan(_ scanner: Int32, by byte: UInt8) -> Int32 { -1 }

    package func exit(of scanner: Int32) -> Int32 { -1 }

    package func leave(
        _ state: RecognizerState, by exit: Int32, after text: RecognizedText
    ) -> RecognizerState { .dead }
}
