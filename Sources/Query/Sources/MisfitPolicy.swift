import Formats

/// The columns of an input, as far as they are known: a later value may ask for a wider type.
public protocol WideningColumns: AnyObject {
    var current: [Field] { get }
    /// From the next opening on, the field of the misfit takes it.
    func widen(_ misfit: Misfit)
    /// Undoes it.
    func restore(_ fields: [Field])
    /// Rows with values that do not fit the field are left out.
    func isKept(_ field: Int) -> Bool
}

/// Fields whose values are of several kinds, and the narrower types that they could have had: the
/// types for --on-error skip where the query does not go with the wider ones.
public struct ClashedTypes: Sendable {
    private var narrower: [Int: DataType]
    public private(set) var kept: Set<Int> = []

    public init(_ majorities: [Int: DataType] = [:]) { narrower = majorities }

    /// A field takes another kind of values too.
    public mutating func note(_ misfit: Misfit, from type: DataType) {
        guard narrower[misfit.field] == nil, !misfit.addsMembers,
            !(type.isNumber && misfit.type.isNumber)
        else { return }
        narrower[misfit.field] = type
    }

    /// Gives the fields the narrower types; false if there are none.
    public mutating func narrow(_ fields: inout [Field]) -> Bool {
        guard !narrower.isEmpty else { return false }
        for (index, type) in narrower where fields.indices.contains(index) {
            fields[index].type = type
            kept.insert(index)
        }
        narrower = [:]
        return true
    }
}

/// The end of a run whose input is to be read again, because a value did not fit the type that the
/// sample gave its column. Nothing was printed yet.
public enum InputRestart {
    private static let message = "the input is read again, with a wider type"

    static let error = SQLError(message, .internalError)

    /// True: bind the statement again (its relations know the wider type) and run it anew.
    public static func isAsked(by error: SQLError) -> Bool {
        error.state == .internalError && error.message == message
    }
}

/// A value that does not fit, found after rows have left: its source waits to be told whether the
/// query goes on over the wider type.
public struct PendingMisfit: Sendable {
    public let misfit: Misfit
    /// The columns without it.
    let before: [Field]
}

/// What to do about values that do not fit.
///
/// As long as no row has left the input is read again with the wider type. Later the query is bound
/// again and goes on from there, where it can (`QueryExecution.goOn`); else values stay in the
/// column's type, and one that cannot be written in it is an error.
public struct MisfitPolicy {
    private let columns: any WideningColumns
    private let place: (Misfit) -> String
    private let isStrict: Bool
    private let canRestart: Bool
    private let context: SourceContext

    public init(
        _ columns: any WideningColumns, isStrict: Bool, canRestart: Bool,
        context: SourceContext, place: @escaping (Misfit) -> String
    ) {
        self.columns = columns
        self.place = place
        self.isStrict = isStrict
        self.canRestart = canRestart
        self.context = context
    }

    private func text(_ misfit: Misfit) -> String {
        let value = "\(place(misfit)), column \"\(misfit.path)\": \(misfit.excerpt)"
        if misfit.addsMembers { return "\(value) has a member that no row before has had" }
        return "\(value) is no \(misfit.expected)"
    }

    /// What the column is read as; an object's members are too many to be told.
    private func type(_ misfit: Misfit) -> String {
        misfit.addsMembers ? "an object with it" : "\(misfit.type)"
    }

    /// nil: the reader shall go on in the column's type.
    public func decide(_ misfit: Misfit) throws(SQLError) -> PendingMisfit? {
        if context.onError == .skip, isStrict || columns.isKept(misfit.field) {
            context.note("\(text(misfit)); rows with such values are left out")
            return nil
        }
        if isStrict {
            throw SQLError(
                text(misfit), .invalidTextRepresentation,
                hint: "Without --strict the column is widened.")
        }
        let before = columns.current
        if canRestart && context.mayRestart() {
            columns.widen(misfit)
            guard columns.current != before else {
                // Read again, it would be found again.
                context.note("\(text(misfit)); the column stays \(misfit.expected)")
                return nil
            }
            context.note("\(text(misfit)); the column is read as \(type(misfit))")
            throw InputRestart.error
        }
        guard context.mayGoOn else {
            noteStaying(misfit)
            return nil
        }
        columns.widen(misfit)
        return PendingMisfit(misfit: misfit, before: before)
    }

    /// What became of it.
    public func settle(_ pending: PendingMisfit, isWidened: Bool) {
        if isWidened {
            context.note(
                "\(text(pending.misfit)); from here on the column is read as "
                    + type(pending.misfit))
        } else {
            columns.restore(pending.before)
            noteStaying(pending.misfit)
        }
    }

    private func noteStaying(_ misfit: Misfit) {
        let end =
            misfit.addsMembers
            ? "such members are left out" : "the column stays \(misfit.expected)"
        context.note("\(text(misfit)); rows have left, so \(end)")
    }
}
