import ArgumentParsing
import Platform

/// The files of `-F`.
enum PropertyFiles {
    private static let bytesMax = 1 << 20

    /// The file that `$RTD_CONFIG` names comes first, so that what is typed wins.
    static func readForClient(_ paths: [String]) throws(UsageError) -> [(
        name: String, text: String
    )] {
        guard let path = ProcessEnvironment.value("RTD_CONFIG"), !path.isEmpty else {
            return try read(paths)
        }
        return try read([path] + paths)
    }

    /// Refuses a file that holds a secret which other users can read.
    static func read(_ paths: [String]) throws(UsageError) -> [(name: String, text: String)] {
        var files: [(name: String, text: String)] = []
        for path in paths {
            do throws(SystemError) {
                let bytes = try StandardInput.readAll(path: path, limit: bytesMax)
                files.append((path, String(decoding: bytes, as: UTF8.self)))
            } catch {
                throw UsageError(error.description)
            }
            guard POSIXFileSystem().isOpenToOthers(path) else { continue }
            let assignments = try PropertyAssignment.list(inFile: files[files.count - 1].text, path)
            let secret = assignments.first {
                SecurityProperties.secrets.contains($0.assignment.name)
            }
            if let secret {
                throw UsageError(
                    "\(path) holds \(secret.assignment.name), and other users can read it"
                        + " (chmod 600 \(path))")
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
