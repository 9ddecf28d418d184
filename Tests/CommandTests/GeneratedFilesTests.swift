import Foundation
import Testing

@testable import rtd

@Suite struct GeneratedFilesTests {
    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func `every committed man page and completion is what the tables say`() throws {
        let updates = ProcessInfo.processInfo.environment["RTD_UPDATE"] == "1"
        for file in try GenerateCommand.files() {
            let path = Self.repository.appendingPathComponent(file.path)
            if updates { try Data(file.text.utf8).write(to: path) }
            let committed = (try? Data(contentsOf: path)) ?? Data()
            #expect(
                committed == Data(file.text.utf8),
                "\(file.path) is stale: RTD_UPDATE=1 swift test --filter GeneratedFiles")
        }
    }

    @Test func `nothing else lies beside the generated files`() throws {
        let expected = Set(try GenerateCommand.files().map(\.path))
        for folder in ["man", "completions"] {
            let found = try FileManager.default.contentsOfDirectory(
                atPath: Self.repository.appendingPathComponent(folder).path)
            #expect(Set(found.map { "\(folder)/\($0)" }).isSubset(of: expected))
        }
    }
}
