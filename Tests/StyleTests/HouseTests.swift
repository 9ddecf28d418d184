import Testing

@Suite struct HouseTests {
    @Test func `the top level holds what the design names and nothing else`() throws {
        let names: Set = ["Package.swift", "README.md", "Sources", "Tests", "completions", "man"]
        #expect(try SourceTree.names(in: "") == names)
        for hidden in [".ci/run", ".gitignore", ".swift-format"] {
            #expect(SourceTree.exists(hidden), "\(hidden) is missing")
        }
    }

    @Test func `the map of files names every target's folder`() throws {
        let map = try SourceTree.text("Sources/rtd/rtd.docc/FileMap.md")
        for folder in try SourceTree.names(in: "Sources").sorted() {
            #expect(map.contains("`\(folder)`"), "FileMap.md says nothing about Sources/\(folder)")
        }
    }

    @Test func `the package depends on no other package`() throws {
        #expect(try !SourceTree.text("Package.swift").contains(".package("))
    }

    @Test func `a file is named after what it holds`() throws {
        let vague = /.*(Util|Utils|Utilities|Helper|Helpers|Common|Manager|Misc|New|Stub)\.\w+/
        for file in try ShapeTests.files() where file.name.wholeMatch(of: vague) != nil {
            Issue.record("\(file.path): name the one thing that it holds")
        }
    }

    @Test func `no source has a trap for an operating error or a note of work left undone`() throws
    {
        let words = ["try!", "as!", "fatalError(", "TODO", "FIXME", "XXX"]
        let banned = /.*(\btry!|\bas!|\bfatalError\(|\bTODO\b|\bFIXME\b|\bXXX\b).*/
        for file in try SourceTree.files(below: "Sources") {
            for (index, line) in file.lines.enumerated() {
                guard words.contains(where: line.contains) else { continue }
                guard let match = line.wholeMatch(of: banned) else { continue }
                Issue.record("\(file.place(index)): \(match.1)")
            }
        }
    }
}
