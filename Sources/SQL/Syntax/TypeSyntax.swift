/// CREATE TYPE name AS ENUM (...) | AS (...), CREATE DOMAIN name AS type ...
public struct TypeDefinition: Sendable {
    public enum Kind: Sendable {
        case enumeration([(label: String, place: Range<Int>)])
        case composite([(Name, TypeName)])
        case domain(DomainSyntax)
    }

    public var name: Name
    public var kind: Kind
}

public struct DomainSyntax: Sendable {
    public var type: TypeName
    public var isNotNull = false
    public var defaultValue: SyntaxExpression?
    public var checks: [(name: Name?, condition: SyntaxExpression)] = []
}
