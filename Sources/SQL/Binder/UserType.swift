import Aggregation
import Formats

/// What CREATE TYPE or CREATE DOMAIN has made.
public enum UserType: Sendable {
    case enumeration(Enumeration)
    case composite([Field])
    case domain(Domain)

    public var type: DataType {
        switch self {
        case .enumeration(let enumeration): .enumeration(enumeration)
        case .composite(let fields): .record(fields)
        case .domain(let domain): domain.type
        }
    }
}

/// CREATE DOMAIN: values of another type that keep to conditions, which are looked at where a
/// value is cast to the domain or stored in a column of it.
public final class Domain: Sendable {
    public let name: String
    public let type: DataType
    public let isNotNull: Bool
    public let defaultValue: SyntaxExpression?
    /// By name; over one column.
    public let checks: [(name: String, condition: Expression)]

    public init(
        _ name: String, _ type: DataType, isNotNull: Bool, defaultValue: SyntaxExpression?,
        checks: [(name: String, condition: Expression)]
    ) {
        self.name = name
        self.type = type
        self.isNotNull = isNotNull
        self.defaultValue = defaultValue
        self.checks = checks
    }

    public func check(
        _ column: Column, count: Int, _ settings: SessionSettings
    ) throws(SQLError) {
        if isNotNull {
            for row in 0..<count where column.isNull(row) {
                throw SQLError("domain \(name) does not allow null values", .notNullViolation)
            }
        }
        guard !checks.isEmpty, count > 0 else { return }
        let evaluator = try Evaluator(checks.map(\.condition), settings: settings)
        let results = try evaluator.evaluateAll(Batch([column], count: count))
        for row in 0..<count {
            for (check, result) in zip(checks, results) where result.value(row) == .boolean(false) {
                throw SQLError(
                    "value for domain \(name) violates check constraint \"\(check.name)\"",
                    .checkViolation)
            }
        }
    }

    /// The value, checked.
    func checked(_ value: Expression) -> Expression {
        let function = ScalarFunction("\(name)", [type], value.type, isStrict: false) {
            arguments, context throws(SQLError) in
            try self.check(arguments[0], count: context.count, context.session)
            return arguments[0]
        }
        return .call(function, [value], value.type)
    }
}

extension TypeName {
    /// The type that the name means, of the session's too; a domain is the type that it is over.
    public func resolved(in catalog: any Catalog) throws(SQLError) -> DataType {
        guard let own = userType(in: catalog) else { return try resolved() }
        if case .domain = own, arrayDepth > 0 {
            throw SQLError(
                "arrays of domains are not supported", .featureNotSupported, at: place)
        }
        var type = own.type
        for _ in 0..<arrayDepth { type = .array(type) }
        return type
    }

    public func domain(in catalog: any Catalog) -> Domain? {
        if case .domain(let domain)? = userType(in: catalog), arrayDepth == 0 { return domain }
        return nil
    }

    private func userType(in catalog: any Catalog) -> UserType? {
        guard members.isEmpty, modifiers.isEmpty, (try? resolved()) == nil else { return nil }
        return catalog.userType(name)
    }
}

extension Binder {
    /// CHECK of a domain, whose value is VALUE.
    public func check(
        _ condition: SyntaxExpression, ofDomainOver type: DataType
    ) throws(SQLError) -> Expression {
        try check(condition, "", [Field("value", type)]).condition
    }
}
