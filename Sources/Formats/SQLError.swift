/// What is wrong with a statement or a value, as PostgreSQL words it. The same value feeds what a
/// person reads on stderr and, later, the ErrorResponse of the PostgreSQL wire.
public struct SQLError: Error, Sendable, Equatable {
    /// Lower-case, without full stop.
    public var message: String
    public var state: SQLState
    /// A sentence that says more of the case at hand.
    public var detail: String?
    /// The bytes of the script that are at fault; nil where no place is.
    public var place: Range<Int>?
    /// A sentence that names the way out.
    public var hint: String?
    /// What could stand in the place of `typed`; the nearest of them becomes the hint.
    public var candidates: [String] = []
    public var typed = ""

    public init(
        _ message: String, _ state: SQLState, at place: Range<Int>? = nil, hint: String? = nil,
        detail: String? = nil
    ) {
        self.message = message
        self.state = state
        self.place = place
        self.hint = hint
        self.detail = detail
    }

    /// The same error, with names of which the nearest to `typed` is offered.
    public func suggesting(_ candidates: [String], for typed: String) -> SQLError {
        var copy = self
        copy.candidates = candidates
        copy.typed = typed
        return copy
    }
}
