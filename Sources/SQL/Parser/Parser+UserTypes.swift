import Formats

// CREATE TYPE and CREATE DOMAIN; the position is behind the word.
extension Parser {
    mutating func userType() throws(SQLError) -> Statement {
        let name = try relationName()
        guard try take("AS") else { throw unsupported("CREATE TYPE without AS", token) }
        guard try take("ENUM") else {
            if token.is("RANGE") { throw unsupported("CREATE TYPE AS RANGE", token) }
            try expectSymbol("(")
            var members: [(Name, TypeName)] = []
            while !token.isSymbol(")") {
                if !members.isEmpty { try expectSymbol(",") }
                let member = try columnName()
                members.append((member, try typeName()))
                try checkColumnCount(members.count)
            }
            try expectSymbol(")")
            return .createType(TypeDefinition(name: name, kind: .composite(members)))
        }
        try expectSymbol("(")
        var labels: [(label: String, place: Range<Int>)] = []
        while !token.isSymbol(")") {
            if !labels.isEmpty { try expectSymbol(",") }
            let place = token.place
            labels.append((try string(), place))
            try checkCount(labels.count)
        }
        try expectSymbol(")")
        return .createType(TypeDefinition(name: name, kind: .enumeration(labels)))
    }

    /// name [AS] type [DEFAULT value] [[CONSTRAINT name] NOT NULL | NULL | CHECK (condition)] ...
    mutating func domain() throws(SQLError) -> Statement {
        let name = try relationName()
        _ = try take("AS")
        var domain = DomainSyntax(type: try typeName())
        while !isAtEnd {
            let constraint = try take("CONSTRAINT") ? try columnName() : nil
            if try take("NOT", "NULL") {
                domain.isNotNull = true
            } else if try take("CHECK") {
                try expectSymbol("(")
                domain.checks.append((constraint, try expression()))
                try expectSymbol(")")
            } else if constraint == nil, try take("DEFAULT") {
                domain.defaultValue = try expression()
            } else if constraint == nil, try take("COLLATE") {
                _ = try label()
            } else {
                try expect("NULL")
            }
        }
        return .createType(TypeDefinition(name: name, kind: .domain(domain)))
    }
}
