import Formats

/// Kernels of casts in the shape of other functions' kernels.
enum CastLookup {
    static func kernel(_ from: DataType, _ to: DataType) throws(SQLError) -> ScalarFunction.Kernel {
        guard let cast = Cast.kernel(from: from, to: to) else {
            throw SQLError("cannot cast type \(from) to \(to)", .cannotCoerce)
        }
        return { arguments, context throws(SQLError) in try cast(arguments[0], context) }
    }
}
