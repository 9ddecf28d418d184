import Formats
import Synchronization

/// A compiled expression, with what it was compiled from.
final class CompiledRegex {
    let pattern: StringKey
    let options: RegexOptions
    let expression: RegularExpression

    init(_ pattern: StringKey, _ options: RegexOptions, _ expression: RegularExpression) {
        self.pattern = pattern
        self.options = options
        self.expression = expression
    }

    typealias StringKey = [UInt8]
}

/// Keeps compiled expressions from one batch to the next. Their automata grow while they match, so
/// whoever works with one has taken it out, and others that want the same compile their own.
enum RegexCache {
    /// An address of a retained expression, or 0.
    private final class Slot: Sendable {
        let address = Atomic<UInt>(0)
    }

    private static let slots = (0..<64).map { _ in Slot() }
    /// Places where an expression may be kept.
    private static let ways = 4

    static func take(
        _ pattern: [UInt8], _ options: RegexOptions
    ) throws(SQLError) -> CompiledRegex {
        let first = place(pattern, options)
        for way in 0..<ways {
            let slot = slots[(first + way) % slots.count]
            guard let kept = exchange(slot, nil) else { continue }
            if kept.pattern == pattern, kept.options == options { return kept }
            // Another's: it goes back, unless somebody was quicker.
            _ = exchange(slot, kept)
        }
        let expression = try RegularExpression(
            String(decoding: pattern, as: UTF8.self), options)
        return CompiledRegex(pattern, options, expression)
    }

    static func give(_ regex: CompiledRegex) {
        let first = place(regex.pattern, regex.options)
        var current: CompiledRegex? = regex
        for way in 0..<ways {
            let slot = slots[(first + way) % slots.count]
            current = exchange(slot, current)
            if current == nil { return }
        }
        // The last one that was pushed out is dropped.
    }

    private static func place(_ pattern: [UInt8], _ options: RegexOptions) -> Int {
        var hasher = Hasher()
        hasher.combine(pattern)
        hasher.combine(options)
        return hasher.finalize() & (slots.count - 1)
    }

    /// Puts one in and takes out what was there.
    private static func exchange(_ slot: Slot, _ regex: CompiledRegex?) -> CompiledRegex? {
        let new = regex.map { unsafe UInt(bitPattern: Unmanaged.passRetained($0).toOpaque()) } ?? 0
        let old = slot.address.exchange(new, ordering: .acquiringAndReleasing)
        guard let pointer = unsafe UnsafeRawPointer(bitPattern: old) else { return nil }
        return unsafe Unmanaged<CompiledRegex>.fromOpaque(pointer).takeRetainedValue()
    }
}

/// The expressions of one batch: mostly one, whose pattern is constant.
struct RegexUser: ~Copyable {
    private var current: CompiledRegex?
    private var view = StringView()
    private var hasView = false
    private var options = RegexOptions()

    init() {}

    deinit { if let current { RegexCache.give(current) } }

    /// The expression for a pattern, which lives as long as the batch.
    mutating func expression(
        _ pattern: StringView, _ options: RegexOptions
    ) throws(SQLError) -> RegularExpression {
        if let current, hasView, view == pattern, self.options == options {
            return current.expression
        }
        view = pattern
        hasView = true
        self.options = options
        return try expression(pattern.bytes, options)
    }

    mutating func expression(
        _ pattern: [UInt8], _ options: RegexOptions
    ) throws(SQLError) -> RegularExpression {
        if let current { RegexCache.give(current) }
        current = nil
        let taken = try RegexCache.take(pattern, options)
        current = taken
        return taken.expression
    }
}

/// The letters behind a pattern: `g` and those of `RegexOptions`.
struct RegexFlags {
    var isGlobal = false
    var options = RegexOptions()

    init() {}

    init(_ text: String) throws(SQLError) {
        for letter in text.unicodeScalars {
            if letter == "g" {
                isGlobal = true
            } else if letter == "b" {
                throw SQLError(
                    "basic regular expressions are not supported", .featureNotSupported)
            } else if !options.take(letter) {
                throw SQLError(
                    "invalid regular expression option: \"\(letter)\"", .invalidParameterValue)
            }
        }
    }

    /// For functions where `g` has no meaning.
    func refusingGlobal(_ function: String, hint: String? = nil) throws(SQLError) -> RegexFlags {
        guard isGlobal else { return self }
        throw SQLError(
            "\(function)() does not support the \"global\" option", .invalidParameterValue,
            hint: hint)
    }
}
