import Bytes
import Platform

/// One `rtd query` in a process of its own, so that its CPU time and memory are its own.
struct QueryProcess {
    /// The file that is piped to it, or nil.
    let input: String?
    let script: String

    private static let pipedBytes = 1 << 18
    private static let errorBytesMax = 64 << 10

    struct Outcome {
        let nanoseconds: Int64
        let usage: ProcessUsage
        let rows: Int?
        let failure: String?
    }

    func run() throws(CommandFailure) -> Outcome {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        do throws(SystemError) {
            let process = try ChildProcess.start(
                Processes.executablePath,
                ["query", "-v", "--format", "none", "-c", script],
                input: input == nil ? .null : .pipe, output: .null, errors: .pipe)
            if let input, let end = process.input {
                Self.feed(input, to: end)
                end.close()
            }
            let said = process.errors?.readAll(limit: Self.errorBytesMax) ?? []
            process.errors?.close()
            let ending = process.wait()
            let lines = String(decoding: said, as: UTF8.self).split(separator: "\n").map(
                String.init)
            return Outcome(
                nanoseconds: clock.monotonicNanoseconds - start, usage: ending.usage,
                rows: Self.rows(lines),
                failure: ending.status == 0
                    ? nil : lines.first.map(Self.message) ?? "exit status \(ending.status)")
        } catch {
            throw CommandFailure(error)
        }
    }

    /// A query that ends before its input has is no error here; its status says what happened.
    private static func feed(_ path: String, to end: PipeEnd) {
        guard let file = try? POSIXFileSystem().openReadOnly(path) else { return }
        defer { file.close() }
        var buffer = [UInt8](repeating: 0, count: pipedBytes)
        var position: Int64 = 0
        while let size = try? file.size(), position < size {
            let count = min(Int(size - position), buffer.count)
            if count < buffer.count { buffer.removeLast(buffer.count - count) }
            guard (try? file.read(at: position, into: &buffer)) != nil,
                (try? end.write(buffer.rawSpan)) != nil
            else { return }
            position += Int64(count)
        }
    }

    /// The number behind SELECT in the tag that `-v` shows.
    private static func rows(_ lines: [String]) -> Int? {
        for line in lines.reversed() {
            let words = line.split(separator: " ")
            if words.count == 3, words[1] == "SELECT" { return Int(words[2]) }
        }
        return nil
    }

    private static func message(_ line: String) -> String {
        line.hasPrefix("rtd: ") ? String(line.dropFirst(5)) : line
    }
}
