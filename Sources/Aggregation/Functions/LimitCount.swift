import Formats

/// LIMIT and OFFSET that are computed when a query runs; no name means this function.
public enum LimitCount {
    /// The number, or the error for a negative one.
    public static func checked(_ count: Expression, isOffset: Bool) -> Expression {
        let name = isOffset ? "OFFSET" : "LIMIT"
        let function = ScalarFunction(name.lowercased(), [.bigint], .bigint) {
            arguments, context throws(SQLError) in
            let source = arguments[0]
            return try TimeKernels.integers(context, .bigint) { (row) throws(SQLError) in
                let value = unsafe source.integers[row & source.indexMask]
                guard value >= 0 else {
                    throw SQLError(
                        "\(name) must not be negative", isOffset ? .invalidOffset : .invalidLimit)
                }
                return value
            }
        }
        return .call(function, [count], .bigint)
    }
}
