import Aggregation

extension Plan {
    /// The same rows of its inputs give the same rows whenever it is run: it has no random() and
    /// does not ask for the time.
    public var isRepeatable: Bool {
        !containsOperation { plan in
            !plan.expressions.allSatisfy { $0.isDeterministic && !$0.readsStatementTime }
        }
    }
}

extension Expression {
    private static let timeFunctions: Set<String> = [
        "now", "transaction_timestamp", "statement_timestamp", "current_timestamp",
        "localtimestamp", "current_date", "localtime", "age",
    ]

    /// now() and what goes by it.
    fileprivate var readsStatementTime: Bool {
        if readsClock { return true }
        return contains {
            if case .call(let function, _, _) = $0 {
                return Self.timeFunctions.contains(function.name)
            }
            return false
        }
    }
}
