import Foundation
import Testing

/// The fuzzers' inputs that are kept, run once each: what clients have sent, and what has failed.
@Suite struct ReplayTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "corpus")

    /// Calls `body` with each input of a surface.
    private func replay(_ surface: String, _ body: (RawSpan) -> Void) throws {
        let folder = Self.corpus.appending(path: surface).path
        guard FileManager.default.fileExists(atPath: folder) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: folder).appending(path: name)))
            body(bytes.span.bytes)
            // The end is where decoders have been wrong.
            if bytes.count > 1 { body(bytes[..<(bytes.count - 1)].span.bytes) }
        }
    }

    @Test(arguments: LogSurface.allCases)
    func `inputs of the log's fuzzers break nothing`(surface: LogSurface) throws {
        try replay(surface.rawValue) { surface.run($0) }
    }

    @Test(arguments: QuerySurface.allCases)
    func `inputs of the fuzzers of queries break nothing`(surface: QuerySurface) throws {
        try replay(surface.rawValue) { surface.run($0) }
    }
}
