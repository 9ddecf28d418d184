import Formats

/// `||` of two strings.
enum ConcatKernels {
    static func join(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let left = StringRows(arguments[0])
        let right = StringRows(arguments[1])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let (a, b) = unsafe (left[row], right[row])
            let total = a.count &+ b.count
            if total > Limits.unheededBytes { try context.reserve(total) }
            let target = unsafe writer.reserve(a.count &+ b.count)
            if let base = a.baseAddress {
                unsafe UnsafeMutableRawPointer(target).copyMemory(from: base, byteCount: a.count)
            }
            if let base = b.baseAddress {
                unsafe UnsafeMutableRawPointer(target + a.count)
                    .copyMemory(from: base, byteCount: b.count)
            }
            writer.advance(a.count &+ b.count)
        }
    }
}
