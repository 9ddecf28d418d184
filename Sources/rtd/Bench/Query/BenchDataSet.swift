import Formats
import Platform

/// The files that the queries of a benchmark read: made once in a directory, and used again by the
/// next run that names the directory. Blocks the main thread.
struct BenchDataSet {
    enum Kind { case nexmark, web }

    let directory: String
    let kind: Kind
    let events: Int
    let seed: UInt64
    /// Events a second of event time.
    let rate: Int

    var eventsPath: String { directory + "/events.ndjson" }
    var sideInputPath: String { directory + "/side_input.csv" }

    private static let chunkBytes = 1 << 20
    /// No line is longer.
    private static let lineBytesMax = 4_096

    /// Makes what is missing; gives the bytes of the events.
    func prepare() throws(CommandFailure) -> Int64 {
        let files = POSIXFileSystem()
        do throws(SystemError) {
            try files.makeDirectories(directory)
            if !files.exists(eventsPath) { try writeEvents() }
            if kind == .nexmark, !files.exists(sideInputPath) {
                try files.replace(sideInputPath, with: sideInput(), isDurable: false)
            }
            let file = try files.openReadOnly(eventsPath)
            defer { file.close() }
            return try file.size()
        } catch {
            throw CommandFailure(error)
        }
    }

    /// The name is given when the file is whole.
    private func writeEvents() throws(SystemError) {
        let files = POSIXFileSystem()
        let unfinished = eventsPath + ".part"
        if files.exists(unfinished) { try files.remove(unfinished) }
        let file = try files.create(unfinished)
        defer { file.close() }
        var position: Int64 = 0
        var buffer = OutputBuffer(capacity: Self.chunkBytes + Self.lineBytesMax)
        var lines = EventLines(kind: kind, seed: seed, rate: rate)
        for event in 0..<events {
            lines.append(event, to: &buffer)
            guard buffer.count >= Self.chunkBytes || event == events - 1 else { continue }
            try file.write(at: position, buffer.bytes)
            position += Int64(buffer.count)
            buffer.removeAll()
        }
        try files.rename(unfinished, to: eventsPath)
    }

    /// 10,000 keys, each with its value.
    private func sideInput() -> [UInt8] {
        var text = OutputBuffer()
        for key in 0..<10_000 {
            text.append(decimal: Int64(key))
            text.append(",value-")
            var random = EventRandom(seed: seed &+ 1, event: key)
            random.appendLetters(8, to: &text)
            text.append(UInt8(ascii: "\n"))
        }
        return (0..<text.count).map { text.bytes.byte(at: $0) }
    }
}

/// The lines of a data set, one an event.
struct EventLines {
    private var nexmark: NexmarkGenerator?
    private var web: WebEventGenerator

    init(kind: BenchDataSet.Kind, seed: UInt64, rate: Int) {
        nexmark = kind == .nexmark ? NexmarkGenerator(seed: seed, rate: rate) : nil
        web = WebEventGenerator(seed: seed)
    }

    mutating func append(_ event: Int, to target: inout OutputBuffer) {
        if nexmark == nil {
            web.append(event, to: &target)
        } else {
            nexmark?.append(event, to: &target)
        }
    }
}
