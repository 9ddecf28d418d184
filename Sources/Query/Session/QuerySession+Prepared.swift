import Aggregation
import Formats
import SQL

/// What PREPARE has kept.
struct PreparedStatement {
    var statement: Statement
    /// Of the parameters that were given one.
    var types: [DataType]
    var parameterCount: Int
}

// PREPARE, EXECUTE, DEALLOCATE.
extension QuerySession {
    func prepare(_ syntax: PrepareSyntax) throws(SQLError) -> Outcome {
        let name = syntax.name.text
        guard preparedStatements[name] == nil else {
            throw SQLError(
                "prepared statement \"\(name)\" already exists", .duplicatePreparedStatement,
                at: syntax.name.place)
        }
        var types: [DataType] = []
        for type in syntax.types { types.append(try type.resolved()) }
        preparedStatements[name] = PreparedStatement(
            statement: syntax.statement, types: types,
            parameterCount: max(types.count, syntax.parameterMax))
        return Outcome(tag: "PREPARE")
    }

    func execute(
        _ syntax: ExecuteSyntax, _ output: any ResultOutput
    ) throws(SQLError) -> Outcome {
        let name = syntax.name.text
        guard let prepared = preparedStatements[name] else { throw missingStatement(syntax.name) }
        guard prepared.parameterCount == syntax.arguments.count else {
            throw SQLError(
                "wrong number of parameters for prepared statement \"\(name)\"", .syntaxError,
                at: syntax.name.place,
                detail: "Expected \(prepared.parameterCount) parameters but got "
                    + "\(syntax.arguments.count).")
        }
        let binder = Binder(
            catalog: catalog, settings: settings.settings, parameters: parameters)
        var arguments: [Expression] = []
        for (index, argument) in syntax.arguments.enumerated() {
            let type = index < prepared.types.count ? prepared.types[index] : nil
            arguments.append(try binder.argument(argument, as: type, number: index + 1))
        }
        let outer = self.arguments
        self.arguments = arguments
        defer { self.arguments = outer }
        try checkTransaction(prepared.statement)
        do throws(SQLError) {
            return try dispatch(prepared.statement, output)
        } catch {
            // Its place is in the text of PREPARE.
            var error = error
            error.place = syntax.name.place
            throw error
        }
    }

    func deallocate(_ name: Name?) throws(SQLError) -> Outcome {
        guard let name else {
            preparedStatements = [:]
            return Outcome(tag: "DEALLOCATE ALL")
        }
        guard preparedStatements.removeValue(forKey: name.text) != nil else {
            throw missingStatement(name)
        }
        return Outcome(tag: "DEALLOCATE")
    }

    private func missingStatement(_ name: Name) -> SQLError {
        SQLError(
            "prepared statement \"\(name.text)\" does not exist", .invalidStatementName,
            at: name.place
        ).suggesting(preparedStatements.keys.sorted(), for: name.text)
    }
}
