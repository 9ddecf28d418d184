import Formats

/// Kernels of casts, until the table of casts is there.
enum CastLookup {
    static func kernel(_ from: DataType, _ to: DataType) throws(SQLError) -> ScalarFunction.Kernel {
        if from.layout == to.layout {
            return { arguments, _ throws(SQLError) in arguments[0].retyped(to) }
        }
        if from.layout == .integer, to.layout == .double {
            return { arguments, context throws(SQLError) in
                let target = Buffer<Double>(capacity: context.count)
                let x = unsafe arguments[0].integers
                for row in 0..<context.count {
                    unsafe target.base[row] = unsafe Double(x[row & arguments[0].indexMask])
                }
                return Column(to, count: context.count, .double(target))
            }
        }
        throw SQLError("cannot cast type \(from) to \(to)", .cannotCoerce)
    }
}
