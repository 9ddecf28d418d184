import Formats

/// Functions over arrays; positions count from 1. An array of arrays is one of two dimensions.
enum ArrayKernels {
    /// `a[i]`: null outside.
    static func get(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let column = arguments[0]
        let (offsets, elements) = unsafe column.arrays
        let positions = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        var rows: [Int32] = []
        rows.reserveCapacity(context.count)
        for row in 0..<context.count {
            let index = row & column.indexMask
            let position = unsafe positions[row & mask]
            let count = unsafe Int64(offsets[index + 1] - offsets[index])
            let isInside = context.isLive(row) && position >= 1 && position <= count
            unsafe rows.append(isInside ? offsets[index] + Int32(position) - 1 : -1)
        }
        if elements.count == 0 {
            return Column.constant(.null, context.type, count: context.count).flat
        }
        return elements.gather(rows, hasMissing: true)
    }

    /// `a[low:high]`; a null bound is open.
    static func slice(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            guard let range = range(arguments[0], row) else {
                builder.appendNull()
                continue
            }
            let low = bound(arguments[1], row) ?? 1
            let high = bound(arguments[2], row) ?? range.count
            let elements = unsafe arguments[0].arrays.elements
            builder.appendArray { target in
                let first = max(low, 1)
                let last = min(high, range.count)
                guard first <= last else { return }
                for position in first...last {
                    target.append(from: elements, range.lowerBound + position - 1)
                }
            }
        }
        return builder.finish()
    }

    private static func bound(_ column: Column, _ row: Int) -> Int? {
        unsafe column.isNull(row) ? nil : Int(column.integers[row & column.indexMask])
    }

    /// Where the elements of a row's array lie; nil: the array is null.
    static func range(_ column: Column, _ row: Int) -> Range<Int>? {
        if column.isNull(row) { return nil }
        let offsets = unsafe column.arrays.offsets
        let index = row & column.indexMask
        return unsafe Int(offsets[index])..<Int(offsets[index + 1])
    }

    static func cardinality(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.integers(context) { row throws(SQLError) in
            Int64(leaves(arguments[0], row))
        }
    }

    /// How many values an array holds, those of the arrays in it counted.
    private static func leaves(_ column: Column, _ row: Int) -> Int {
        guard let range = range(column, row) else { return 0 }
        let elements = unsafe column.arrays.elements
        guard case .array = elements.type else { return range.count }
        return range.reduce(0) { $0 + leaves(elements, $1) }
    }

    /// The lengths of an array's dimensions; none of an empty one.
    static func dimensions(_ column: Column, _ row: Int) -> [Int] {
        guard let range = range(column, row), let first = range.first else { return [] }
        let elements = unsafe column.arrays.elements
        guard case .array = elements.type else { return [range.count] }
        return [range.count] + dimensions(elements, first)
    }

    enum Measure { case length, lower, upper, dimensions }

    /// array_length, array_lower, array_upper of a dimension, and array_ndims; null for an empty
    /// array and for dimensions that it has not.
    static func measure(
        _ measure: Measure, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(.integer, capacity: context.count)
        for row in 0..<context.count {
            let lengths = dimensions(arguments[0], row)
            let dimension = arguments.count > 1 ? bound(arguments[1], row) ?? 0 : 1
            guard lengths.indices.contains(dimension - 1) else {
                builder.appendNull()
                continue
            }
            switch measure {
            case .length, .upper: builder.append(integer: Int64(lengths[dimension - 1]))
            case .lower: builder.append(integer: 1)
            case .dimensions: builder.append(integer: Int64(lengths.count))
            }
        }
        return builder.finish()
    }

    static func dimensionsText(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(.text, capacity: context.count)
        for row in 0..<context.count {
            let lengths = dimensions(arguments[0], row)
            if lengths.isEmpty {
                builder.appendNull()
            } else {
                builder.append(text: lengths.map { "[1:\($0)]" }.joined())
            }
        }
        return builder.finish()
    }

    /// array_append, array_prepend, array_cat and `||`: what is an array is laid out, what is not
    /// is one element. A null array counts as none.
    static func join(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        let areArrays = arguments.map { $0.type.base == context.type.base }
        for row in 0..<context.count {
            let isNull = zip(arguments, areArrays).allSatisfy { $1 && $0.isNull(row) }
            if isNull {
                builder.appendNull()
                continue
            }
            builder.appendArray { target in
                for (argument, isArray) in zip(arguments, areArrays) {
                    if !isArray {
                        target.append(from: argument, row)
                    } else if let range = range(argument, row) {
                        let elements = unsafe argument.arrays.elements
                        for element in range { target.append(from: elements, element) }
                    }
                }
            }
        }
        return builder.finish()
    }

    /// Whether an element and a value are the same; two nulls are.
    static func isSame(
        _ elements: Column, _ element: Int, _ value: Column, _ row: Int
    ) throws(SQLError) -> Bool {
        switch (elements.isNull(element), value.isNull(row)) {
        case (true, true): true
        case (false, false): try ColumnOrder.compare(elements, element, value, row) == 0
        default: false
        }
    }

    /// array_position(array, value[, start])
    static func position(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(.integer, capacity: context.count)
        for row in 0..<context.count {
            var found: Int?
            if let range = range(arguments[0], row) {
                let elements = unsafe arguments[0].arrays.elements
                var start = 1
                if arguments.count > 2 {
                    guard let given = bound(arguments[2], row) else {
                        throw SQLError(
                            "initial position must not be null", .nullValueNotAllowed)
                    }
                    start = max(given, 1)
                }
                for element in range.dropFirst(start - 1)
                where try isSame(elements, element, arguments[1], row) {
                    found = element - range.lowerBound + 1
                    break
                }
            }
            if let found { builder.append(integer: Int64(found)) } else { builder.appendNull() }
        }
        return builder.finish()
    }

    static func positions(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(.array(.integer), capacity: context.count)
        for row in 0..<context.count {
            guard let range = range(arguments[0], row) else {
                builder.appendNull()
                continue
            }
            let elements = unsafe arguments[0].arrays.elements
            var found: [Int] = []
            for element in range where try isSame(elements, element, arguments[1], row) {
                found.append(element - range.lowerBound + 1)
            }
            builder.appendArray { target in
                for position in found { target.append(integer: Int64(position)) }
            }
        }
        return builder.finish()
    }

    /// array_remove(array, value) and array_replace(array, old, new)
    static func replace(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            guard let range = range(arguments[0], row) else {
                builder.appendNull()
                continue
            }
            let elements = unsafe arguments[0].arrays.elements
            var matches = Set<Int>()
            for element in range where try isSame(elements, element, arguments[1], row) {
                matches.insert(element)
            }
            builder.appendArray { target in
                for element in range {
                    if !matches.contains(element) {
                        target.append(from: elements, element)
                    } else if arguments.count > 2 {
                        target.append(from: arguments[2], row)
                    }
                }
            }
        }
        return builder.finish()
    }

    /// `a @> b`: each element of b is one of a. `needsAll` false: `a && b`, one is.
    static func contains(
        needsAll: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.booleans(context) { row throws(SQLError) in
            guard let outer = range(arguments[0], row), let inner = range(arguments[1], row) else {
                return false
            }
            let (a, b) = unsafe (arguments[0].arrays.elements, arguments[1].arrays.elements)
            for wanted in inner {
                var isFound = false
                if !b.isNull(wanted) {
                    for element in outer where !a.isNull(element) {
                        if try ColumnOrder.compare(a, element, b, wanted) == 0 {
                            isFound = true
                            break
                        }
                    }
                }
                if isFound != needsAll { return isFound }
            }
            return needsAll
        }
    }

    /// trim_array(array, n): without the last n.
    static func trim(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            guard context.isLive(row), let range = range(arguments[0], row) else {
                builder.appendNull()
                continue
            }
            let dropped = unsafe Int(arguments[1].integers[row & arguments[1].indexMask])
            guard dropped >= 0 && dropped <= range.count else {
                throw SQLError(
                    "number of elements to trim must be between 0 and \(range.count)",
                    .arraySubscriptError)
            }
            let elements = unsafe arguments[0].arrays.elements
            builder.appendArray { target in
                for element in range.dropLast(dropped) { target.append(from: elements, element) }
            }
        }
        return builder.finish()
    }

    /// nil: work on a value of so many bytes may go on.
    private static func failure(_ context: KernelContext, bytes: Int) -> SQLError? {
        do throws(SQLError) {
            try context.session.services?.reserve(bytes)
            return nil
        } catch {
            return error
        }
    }

    /// What is to be filled with what.
    private struct Filling {
        let value: Column
        let row: Int
        let total: Int
        let context: KernelContext
        var stopped: SQLError?

        mutating func fill(_ builder: ColumnBuilder, _ counts: ArraySlice<Int>) {
            let count = counts.first ?? 0
            builder.appendArray { target in
                for index in 0..<count {
                    if index & 0xFFFF == 0, index > 0 || count > 0xFFFF {
                        stopped = ArrayKernels.failure(context, bytes: total * 8)
                    }
                    if stopped != nil { return }
                    if counts.count > 1 {
                        fill(target, counts.dropFirst())
                    } else {
                        target.append(from: value, row)
                    }
                }
            }
        }
    }

    /// array_fill(value, ARRAY[count, ...])
    static func fill(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let builder = ColumnBuilder(context.type, capacity: context.count)
        for row in 0..<context.count {
            guard let range = range(arguments[1], row) else {
                throw SQLError(
                    "dimension array or low bound array cannot be null", .nullValueNotAllowed)
            }
            let sizes = unsafe arguments[1].arrays.elements
            var counts: [Int] = []
            for index in range {
                if sizes.isNull(index) {
                    throw SQLError("dimension values cannot be null", .nullValueNotAllowed)
                }
                counts.append(unsafe Int(max(sizes.integers[index], 0)))
            }
            guard counts.count <= context.type.arrayDepth else {
                throw SQLError(
                    "the number of dimensions must be written, not computed", .featureNotSupported,
                    hint: "Write ARRAY[...] with the dimensions.")
            }
            if counts.isEmpty || counts.contains(0) { counts = [0] }
            let total = counts.reduce(1) {
                $0.multipliedReportingOverflow(by: $1).overflow ? .max : $0 * $1
            }
            guard total <= Limits.arrayElementsMax else {
                throw SQLError(
                    "array size exceeds the maximum allowed (\(Limits.arrayElementsMax))",
                    .programLimitExceeded)
            }
            var filling = Filling(value: arguments[0], row: row, total: total, context: context)
            filling.fill(builder, counts[...])
            if let stopped = filling.stopped { throw stopped }
        }
        return builder.finish()
    }
}

extension DataType {
    fileprivate var arrayDepth: Int {
        if case .array(let element) = self { return element.arrayDepth + 1 }
        return 0
    }
}

extension FunctionRegistry {
    /// array_fill of several dimensions.
    public static func filledArray(of element: DataType, dimensions: Int) -> ScalarFunction {
        var type = element
        for _ in 0..<dimensions { type = .array(type) }
        return ScalarFunction(
            "array_fill", [element, .array(.integer)], type, isStrict: false,
            kernel: ArrayKernels.fill)
    }

    /// `a[i] = value`, as the whole array that it gives.
    public static func assignedElement(
        of array: DataType, _ element: DataType
    ) -> ScalarFunction {
        ScalarFunction(
            "[]=", [array, .integer, element], array, isStrict: false,
            kernel: ArrayKernels.assign)
    }
}

// Elements that are set.
extension ArrayKernels {
    /// `UPDATE ... SET a[i] = value`: the array with the element in its place, and nulls between it
    /// and the end where it stands behind.
    static func assign(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
            guard case .integer(let position) = arguments[1].value(row) else {
                throw SQLError(
                    "array subscript in assignment must not be null", .nullValueNotAllowed)
            }
            var elements: [Value] = []
            if case .array(let list) = arguments[0].value(row) { elements = list }
            guard position >= 1, position == 1 || !elements.isEmpty else {
                throw SQLError(
                    "arrays whose subscripts do not begin at 1 are not supported",
                    .featureNotSupported)
            }
            guard position <= Limits.arrayElementsMax else {
                throw SQLError(
                    "array size exceeds the maximum allowed (\(Limits.arrayElementsMax))",
                    .programLimitExceeded)
            }
            while elements.count < Int(position) { elements.append(.null) }
            elements[Int(position) - 1] = arguments[2].value(row)
            builder.append(.array(elements))
        }
    }
}
