import Foundation
import Testing

/// One source file as the style tests read it: its path below the repository and its lines.
struct SourceFile: Sendable, CustomTestStringConvertible {
    let path: String
    let lines: [String]

    var name: String { String(path.split(separator: "/").last ?? "") }
    var isSwift: Bool { path.hasSuffix(".swift") }
    /// `Bytes` for `Sources/Bytes/Compression/LZ4.swift`.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }
    var testDescription: String { path }

    func place(_ index: Int) -> String { "\(path):\(index + 1)" }
}

/// The checkout that these tests were built from.
enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Every Swift and C file below `folder`, in the order of their paths.
    static func files(below folder: String) throws -> [SourceFile] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: path(folder))
        return try paths.sorted().filter { $0.wholeMatch(of: /.*\.(swift|c|h)/) != nil }.map {
            let text = try String(contentsOfFile: path("\(folder)/\($0)"), encoding: .utf8)
            return SourceFile(path: "\(folder)/\($0)", lines: lines(of: text))
        }
    }

    static func text(_ name: String) throws -> String {
        try String(contentsOfFile: path(name), encoding: .utf8)
    }

    /// Names in `folder`, without the hidden ones.
    static func names(in folder: String) throws -> Set<String> {
        let names = try FileManager.default.contentsOfDirectory(atPath: path(folder))
        return Set(names.filter { !$0.hasPrefix(".") })
    }

    static func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path(name))
    }

    private static func path(_ name: String) -> String {
        name.isEmpty ? root.path : root.appending(path: name).path
    }

    /// The lines of a text; the line break at its end begins none.
    private static func lines(of text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}
