import Foundation
import Platform
import Testing

/// The fuzzers' inputs that are kept, run once each: what clients have sent, what has failed, and
/// what reaches most.
@Suite struct ReplayTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "corpus")

    /// The files of a surface's folder, and what its pack holds, each behind four bytes of size.
    private func inputs(_ surface: String) throws -> [[UInt8]] {
        let folder = Self.corpus.appending(path: surface)
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        var inputs = try (names ?? []).sorted().map { name in
            [UInt8](try Data(contentsOf: folder.appending(path: name)))
        }
        let pack = Self.corpus.appending(path: surface + ".inputs")
        var rest = (try? Data(contentsOf: pack))?[...] ?? Data()[...]
        while rest.count >= 4 {
            let size = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            inputs.append([UInt8](rest.dropFirst(4).prefix(size)))
            rest = rest.dropFirst(4 + size)
        }
        return inputs
    }

    /// Calls `body` with each input of a surface; gives how many there are.
    private func replay(
        _ surface: String, _ body: @escaping @Sendable (RawSpan) -> Void
    ) throws -> Int32 {
        let inputs = try inputs(surface)
        // What nests deeply needs more stack than tests have, and a debug build more than that.
        return Platform.Thread.deep(stackBytes: 512 << 20) {
            for bytes in inputs {
                let whole = bytes.span.bytes
                body(whole)
                // The end is where decoders have been wrong.
                if bytes.count > 1 { body(whole.extracting(droppingLast: 1)) }
            }
            return Int32(inputs.count)
        }
    }

    @Test(arguments: LogSurface.allCases)
    func `inputs of the fuzzers of the log break nothing`(surface: LogSurface) throws {
        #expect(try replay(surface.rawValue) { surface.run($0) } > 0)
    }

    @Test(arguments: QuerySurface.allCases)
    func `inputs of the fuzzers of queries break nothing`(surface: QuerySurface) throws {
        #expect(try replay(surface.rawValue) { surface.run($0) } > 0)
    }
}
