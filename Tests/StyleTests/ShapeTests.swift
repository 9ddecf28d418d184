import Testing

/// A declaration with a body and the lines from its first to its closing brace.
struct FunctionShape: Equatable {
    let index: Int
    let lineCount: Int
}

/// Finds function bodies by their indentation, which `swift format` guarantees.
enum FunctionScanner {
    static func functions(in lines: [String]) -> [FunctionShape] {
        lines.indices.compactMap { index in
            guard declares(lines[index]) else { return nil }
            return end(of: index, in: lines).map {
                FunctionShape(index: index, lineCount: $0 - index + 1)
            }
        }
    }

    private static let keywords = ["func ", "init", "subscript", "var "]

    private static func declares(_ line: String) -> Bool {
        guard keywords.contains(where: line.contains) else { return false }
        let pattern =
            /\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:[a-z_]+(?:\([a-z]+\))?\s+)*(?:func\s+[^\s].*|(?:init|deinit|subscript)[\s?(<{].*|var\s.*\{)/
        return line.wholeMatch(of: pattern) != nil
    }

    /// The line of the closing brace; nil when the declaration has no body, or one on its line.
    private static func end(of start: Int, in lines: [String]) -> Int? {
        if lines[start].hasSuffix("}") { return nil }
        let indentation = lines[start].prefix { $0 == " " }.count
        for index in (start + 1)..<max(lines.count, start + 1) {
            let rest = lines[index].drop { $0 == " " }
            let depth = lines[index].count - rest.count
            if rest.isEmpty || depth > indentation { continue }
            if depth == indentation && rest.hasPrefix("}") { return index }
            let continues = [")", "]", "{", "->", "where ", "throws", "async"].contains {
                rest.hasPrefix($0)
            }
            if depth < indentation || !continues { return nil }
        }
        return nil
    }
}

@Suite struct ShapeTests {
    static let fileLinesMax = 600
    static let functionLinesMax = 70
    static let columnsMax = 100

    static func files() throws -> [SourceFile] {
        try SourceTree.files(below: "Sources") + SourceTree.files(below: "Tests")
    }

    @Test func `a file has at most 600 lines`() throws {
        for file in try Self.files() where file.lines.count > Self.fileLinesMax {
            Issue.record("\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test func `a function has at most 70 lines`() throws {
        for file in try Self.files() where file.isSwift {
            for function in FunctionScanner.functions(in: file.lines)
            where function.lineCount > Self.functionLinesMax {
                Issue.record("\(file.place(function.index)): \(function.lineCount) lines")
            }
        }
    }

    @Test func `a line has at most 100 columns`() throws {
        for file in try Self.files() {
            for (index, line) in file.lines.enumerated()
            where line.utf8.count > Self.columnsMax && line.count > Self.columnsMax {
                // Literals of bytes and regular expressions cannot be broken.
                if line.wholeMatch(of: /\s*\/.*\/\s*|.*"[^"]{60,}".*/) != nil { continue }
                Issue.record("\(file.place(index)): \(line.count) columns")
            }
        }
    }

    @Test func `the scanner measures a function from its first line to its brace`() {
        let text = [
            "    func short() { 1 }", "    public mutating func long(", "        a: Int", "    ) {",
            "        if a {", "        }", "    }", "    func requirement()", "    var x: Int {",
            "        1", "    }", "}",
        ]
        #expect(
            FunctionScanner.functions(in: text)
                == [.init(index: 1, lineCount: 6), .init(index: 8, lineCount: 3)])
    }
}
