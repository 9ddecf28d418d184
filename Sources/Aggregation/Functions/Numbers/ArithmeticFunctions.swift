import Formats

extension FunctionRegistry {
    static let integerTypes: [DataType] = [.smallint, .integer, .bigint]

    /// `+ - * / %`, signs and bit operations over numbers.
    static func addArithmetic(_ list: inout FunctionList) {
        addIntegerArithmetic(&list)
        addDoubleArithmetic(&list)
        addNumericArithmetic(&list)
    }

    private static func addIntegerArithmetic(_ list: inout FunctionList) {
        for (index, a) in integerTypes.enumerated() {
            for (other, b) in integerTypes.enumerated() {
                let wider = integerTypes[max(index, other)]
                list.add("+", [a, b], wider, IntegerKernels.add)
                list.add("-", [a, b], wider, IntegerKernels.subtract)
                list.add("*", [a, b], wider, IntegerKernels.multiply)
                list.add("/", [a, b], wider, IntegerKernels.divide)
            }
            list.add("%", [a, a], a, IntegerKernels.remainder)
            list.add("&", [a, a], a, IntegerKernels.and)
            list.add("|", [a, a], a, IntegerKernels.or)
            list.add("#", [a, a], a, IntegerKernels.exclusiveOr)
            list.add("<<", [a, .integer], a, IntegerKernels.shiftLeft)
            list.add(">>", [a, .integer], a, IntegerKernels.shiftRight)
            list.add("+", [a], a, IntegerKernels.same)
            list.add("-", [a], a, IntegerKernels.negate)
            list.add("@", [a], a, IntegerKernels.absolute)
            list.add("~", [a], a, IntegerKernels.complement)
        }
    }

    private static func addDoubleArithmetic(_ list: inout FunctionList) {
        for a in [DataType.real, .double] {
            for b in [DataType.real, .double] {
                let wider = a == b ? a : .double
                list.add("+", [a, b], wider, DoubleKernels.add)
                list.add("-", [a, b], wider, DoubleKernels.subtract)
                list.add("*", [a, b], wider, DoubleKernels.multiply)
                list.add("/", [a, b], wider, DoubleKernels.divide)
            }
            list.add("+", [a], a, IntegerKernels.same)
            list.add("-", [a], a, DoubleKernels.negate)
            list.add("@", [a], a, DoubleKernels.absolute)
        }
    }
}
