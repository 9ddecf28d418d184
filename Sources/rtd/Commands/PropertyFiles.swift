import ArgumentParsing
import Platform

/// The files of `-F`.
enum PropertyFiles {
    private static let bytesMax = 1 << 20

    static func read(_ paths: [String]) throws(UsageError) -> [(name: String, text: String)] {
        var files: [(name: String, text: String)] = []
        for path in paths {
            do throws(SystemError) {
                let bytes = try POSIXFileSystem().readAll(path, limit: bytesMax)
                files.append((path, String(decoding: bytes, as: UTF8.self)))
            } catch {
                throw UsageError(error.description)
            }
        }
        return files
    }
}

extension Duration {
    /// Whole nanoseconds, at most Int64.max.
    var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return .max }
        let (sum, overflows) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows ? .max : sum
    }
}
