import Formats

/// `a op ANY (array)` and `a op ALL (array)`, three-valued; the operator is the second argument.
enum QuantifiedKernels {
    static func compare(
        isAll: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let (operand, array) = (arguments[0], arguments[2])
        guard context.count > 0, case .text(let symbol) = arguments[1].value(0) else {
            return Column.constant(.null, .boolean, count: context.count)
        }
        var owners: [Int32] = []
        var places: [Int32] = []
        for row in 0..<context.count {
            guard let range = ArrayKernels.range(array, row) else { continue }
            for element in range {
                owners.append(Int32(row))
                places.append(Int32(element))
            }
        }
        let elements = unsafe array.arrays.elements
        let left = operand.isConstant ? operand.repeated(owners.count) : operand.gather(owners)
        let right = elements.gather(places)
        let function = try FunctionRegistry.scalar(symbol, [left.type, right.type])
        let call = Expression.call(
            function,
            [
                cast(.column(0, left.type), function.parameters[0]),
                cast(.column(1, right.type), function.parameters[1]),
            ], function.result)
        let truth = try Evaluator(call, settings: context.session)
            .evaluate(Batch([left, right], count: owners.count))
        return fold(truth, owners, array, isAll, context.count)
    }

    private static func cast(_ expression: Expression, _ type: DataType) -> Expression {
        expression.type == type ? expression : .cast(expression, type, isTry: false)
    }

    private static func fold(
        _ truth: Column, _ owners: [Int32], _ array: Column, _ isAll: Bool, _ count: Int
    ) -> Column {
        var states = [Value](repeating: .boolean(isAll), count: count)
        for row in 0..<count where array.isNull(row) { states[row] = .null }
        for (index, owner) in owners.enumerated() {
            let row = Int(owner)
            if states[row] == .boolean(!isAll) { continue }
            let value = truth.value(index)
            if value == .boolean(!isAll) || value.isNull { states[row] = value }
        }
        return Column.make(.boolean, states)
    }
}

extension FunctionRegistry {
    static func addQuantified(_ list: inout FunctionList) {
        for name in ["[any]", "[all]"] {
            list.add(
                name, any: [.anyCompatible, .type(.text), .anyCompatibleArray], isStrict: false,
                result: { _ in .boolean }
            ) { arguments, context throws(SQLError) in
                try QuantifiedKernels.compare(
                    isAll: name == "[all]", arguments, context)
            }
        }
    }
}
