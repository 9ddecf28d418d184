import Testing

/// The arrows between the targets, as the design draws them. SwiftPM lets transitive imports and
/// system modules through, so each `import` is read here.
enum Arrows {
    static let allowed: [String: Set<String>] = [
        "CSystem": [],
        "Bytes": ["CSystem"],
        "Records": ["Bytes"],
        "Formats": ["Bytes"],
        "Platform": ["Bytes", "CSystem"],
        "LogStorage": ["Records", "Platform", "Bytes"],
        "Streaming": ["LogStorage", "Records", "Platform", "Bytes"],
        "Aggregation": ["Formats", "Bytes"],
        "SQL": ["Aggregation", "Formats", "Bytes"],
        "Query": ["SQL", "Aggregation", "Formats", "Records", "Platform", "Bytes"],
        "KafkaProtocol": ["Records", "Bytes"],
        "PostgresProtocol": ["Bytes"],
        "HTTPProtocol": ["Bytes"],
        "KafkaClient": ["KafkaProtocol", "Records", "Platform", "Bytes"],
        "ChangeDataCapture": ["PostgresProtocol", "Formats", "Records", "Platform", "Bytes"],
        "Service": [
            "CSystem", "Bytes", "Records", "Formats", "Platform", "LogStorage", "Streaming",
            "Aggregation", "SQL", "Query", "KafkaProtocol", "PostgresProtocol", "HTTPProtocol",
            "KafkaClient", "ChangeDataCapture",
        ],
        "ArgumentParsing": [],
    ]
    /// Part of the language, not of the system.
    static let standardLibrary: Set<String> = ["Swift", "Synchronization", "_Concurrency"]
    static let libc: Set<String> = ["Glibc", "Darwin", "Musl", "Android", "Bionic", "SwiftGlibc"]

    /// The module that a line of Swift imports.
    static func module(importedBy line: String) -> String? {
        // Most lines begin with none of these, which is cheaper to see than the pattern.
        let head = line.utf8.drop { $0 == UInt8(ascii: " ") }
        guard let first = head.first, "i@pf".utf8.contains(first) else { return nil }
        let pattern =
            /\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+).*/
        guard line.contains("import"), let match = line.wholeMatch(of: pattern) else {
            return nil
        }
        return String(match.1)
    }

    /// What `target` must not import; the executable imports what it names, but no libc.
    static func forbids(_ module: String, in target: String) -> Bool {
        if standardLibrary.contains(module) { return false }
        if libc.contains(module) { return target != "Platform" }
        if target == "rtd" { return allowed[module] == nil }
        return allowed[target]?.contains(module) != true
    }
}

@Suite struct ImportTests {
    @Test func `every import follows the arrows of the design`() throws {
        for file in try SourceTree.files(below: "Sources") where file.isSwift {
            for (index, line) in file.lines.enumerated() {
                guard let module = Arrows.module(importedBy: line) else { continue }
                #expect(
                    !Arrows.forbids(module, in: file.target),
                    "\(file.place(index)): \(file.target) must not import \(module)")
            }
        }
    }

    @Test func `every folder of Sources is a target of the design`() throws {
        for folder in try SourceTree.names(in: "Sources") where folder != "rtd" {
            #expect(Arrows.allowed[folder] != nil, "Sources/\(folder) is not in the design's table")
        }
    }

    @Test(arguments: [
        ("import Bytes", "Bytes"), ("    import Glibc", "Glibc"),
        ("@testable import Records", "Records"), ("public import Platform", "Platform"),
        ("@_spi(Tests) import Service", "Service"), ("import struct Foundation.Data", "Foundation"),
    ])
    func `an import is recognised in each spelling`(line: String, module: String) {
        #expect(Arrows.module(importedBy: line) == module)
    }

    @Test(arguments: ["// import Foundation", "let important = 1", "/// import x"])
    func `other lines import nothing`(line: String) {
        #expect(Arrows.module(importedBy: line) == nil)
    }
}
