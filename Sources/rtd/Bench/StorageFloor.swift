import Bytes
import Platform

/// `rtd bench storage --floor`: what the machine does with the same bytes when nothing is around
/// them. One thread sends frames of a batch over loopback; another receives, computes the CRC and
/// appends; a third syncs what was appended meanwhile and acknowledges it.
struct StorageFloor {
    let load: BenchLoad
    let directory: String
    let nanoseconds: Int64

    /// Appends that a round over many partitions makes durable.
    private static let roundFiles = 64

    func run() throws(CommandFailure) -> [FloorFigure] {
        do throws(SystemError) {
            try POSIXFileSystem().makeDirectories(directory)
            var pool = BatchPool(load, timestamp: SystemClock().wallMilliseconds, seed: 1)
            let full = pool[pool.place(atMost: Int.max)]
            let single = pool[pool.place(atMost: 1)]
            return try path(full) + [
                FloorFigure(
                    name: "append and sync of one record", key: "single_syncs_per_second",
                    value: try singleSyncs(single.bytes), unit: "/s"),
                FloorFigure(
                    name: "\(Self.roundFiles) files appended and synced in parallel",
                    key: "round_milliseconds", value: try roundMilliseconds(single.bytes),
                    unit: "ms"),
                FloorFigure(
                    name: "CRC-32C of a batch", key: "crc_bytes_per_second",
                    value: checksumRate(full.bytes), unit: "B/s"),
                FloorFigure(
                    name: "memcpy of a batch", key: "memcpy_bytes_per_second",
                    value: copyRate(full.bytes), unit: "B/s"),
            ]
        } catch {
            throw CommandFailure(error)
        }
    }

    // MARK: The whole path

    private func path(_ batch: ReadyBatch) throws(SystemError) -> [FloorFigure] {
        let file = try POSIXFileSystem().create(directory + "/floor")
        defer { file.close() }
        let (near, far) = try BlockingSocket.loopbackPair()
        let path = FloorPath(file: file, socket: far, frameBytes: batch.bytes.count)
        Thread.start { path.receive() }
        Thread.start { path.synchronize() }
        let frames = load.count.map { max(1, $0 / batch.records) } ?? Int.max
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        var sent = 0
        var acknowledged = 0
        var answer = [UInt8](repeating: 0, count: 8)
        while acknowledged < sent
            || (sent < frames && clock.monotonicNanoseconds - start < nanoseconds)
        {
            let mayGoOn = sent < frames && clock.monotonicNanoseconds - start < nanoseconds
            if mayGoOn && sent - acknowledged < load.inFlightMax {
                try near.send(batch.bytes)
                sent += 1
                continue
            }
            guard try near.receiveAll(into: &answer, 0..<8) else { break }
            var reader = ByteReader(answer.rawSpan)
            acknowledged = Int(reader.int64())
        }
        let seconds = Double(clock.monotonicNanoseconds - start) / 1e9
        near.interrupt()
        let (cpu, syncs, failure) = path.end()
        if let failure { throw failure }
        let bytes = Double(acknowledged * batch.valueBytes)
        func figure(_ name: String, _ key: String, _ value: Double, _ unit: String) -> FloorFigure {
            FloorFigure(name: name, key: key, value: value, unit: unit)
        }
        let records = Double(acknowledged * batch.records)
        return [
            figure("receive, CRC, append, sync", "bytes_per_second", bytes / seconds, "B/s"),
            figure("  the same in records", "records_per_second", records / seconds, "records/s"),
            figure("  its CPU without the sender's", "cpu_seconds_per_gb", cpu / bytes, "s/GB"),
            figure("  its syncs", "syncs_per_second", Double(syncs) / seconds, "/s"),
        ]
    }

    // MARK: The parts

    private func singleSyncs(_ record: [UInt8]) throws(SystemError) -> Double {
        let file = try POSIXFileSystem().create(directory + "/single")
        defer { file.close() }
        var position: Int64 = 0
        return try rate { () throws(SystemError) in
            try file.write(at: position, record)
            try file.synchronize()
            position += Int64(record.count)
            return 1
        }
    }

    private func roundMilliseconds(_ record: [UInt8]) throws(SystemError) -> Double {
        var files: [any File] = []
        for number in 0..<Self.roundFiles {
            files.append(try POSIXFileSystem().create("\(directory)/round-\(number)"))
        }
        defer { for file in files { file.close() } }
        let workers = WorkerThreads(threadsMax: 32)
        var position: Int64 = 0
        let rounds = try rate { () throws(SystemError) in
            for file in files { try file.write(at: position, record) }
            let round = Countdown(files.count)
            for file in files {
                workers.submit {
                    try? file.synchronize()
                    round.finishOne()
                }
            }
            round.wait()
            position += Int64(record.count)
            return 1
        }
        return 1_000 / rounds
    }

    private func checksumRate(_ bytes: [UInt8]) -> Double {
        var sum: UInt32 = 0
        return rate { () throws(Never) in
            sum = CRC32C.checksum(bytes, continuing: sum)
            return bytes.count
        }
    }

    private func copyRate(_ bytes: [UInt8]) -> Double {
        var target = bytes
        return rate { () throws(Never) in
            target.replaceSubrange(0..<bytes.count, with: bytes)
            return bytes.count
        }
    }

    /// What `step` gives in a second; runs it for a part of the whole time.
    private func rate<E: Error>(_ step: () throws(E) -> Int) throws(E) -> Double {
        let clock = SystemClock()
        let start = clock.monotonicNanoseconds
        var done = 0
        var elapsed: Int64 = 0
        repeat {
            done += try step()
            elapsed = clock.monotonicNanoseconds - start
        } while elapsed < nanoseconds / 4
        return Double(done) / (Double(elapsed) / 1e9)
    }
}

/// The receiving and the syncing thread of a floor, and what they share.
private final class FloorPath: @unchecked Sendable {
    private let file: any File
    private let socket: BlockingSocket
    private let frameBytes: Int
    private let lock = Lock()
    private let changed = Condition()
    private let running = Countdown(2)
    /// Frames appended so far.
    private var appended = 0
    private var hasEnded = false
    private var failure: SystemError?
    private var cpuNanoseconds: Int64 = 0
    private var syncs = 0

    init(file: any File, socket: BlockingSocket, frameBytes: Int) {
        self.file = file
        self.socket = socket
        self.frameBytes = frameBytes
    }

    func receive() {
        var buffer = [UInt8](repeating: 0, count: frameBytes)
        var sum: UInt32 = 0
        var position: Int64 = 0
        do throws(SystemError) {
            while try socket.receiveAll(into: &buffer, 0..<frameBytes) {
                sum = CRC32C.checksum(buffer, continuing: sum)
                try file.write(at: position, buffer)
                position += Int64(frameBytes)
                lock.withLock {
                    appended += 1
                    changed.signal()
                }
            }
        } catch {
            fail(error)
        }
        lock.withLock {
            hasEnded = true
            cpuNanoseconds += ProcessUsage.threadNanoseconds
            changed.signal()
        }
        running.finishOne()
    }

    func synchronize() {
        var synced = 0
        do throws(SystemError) {
            while true {
                let reached = lock.withLock {
                    while appended == synced && !hasEnded { lock.wait(changed) }
                    return appended
                }
                guard reached > synced else { break }
                try file.synchronize()
                synced = reached
                lock.withLock { syncs += 1 }
                var writer = ByteWriter()
                writer.int64(Int64(synced))
                try socket.send(writer.bytes)
            }
        } catch {
            fail(error)
        }
        lock.withLock { cpuNanoseconds += ProcessUsage.threadNanoseconds }
        running.finishOne()
    }

    private func fail(_ error: SystemError) {
        lock.withLock { if failure == nil { failure = error } }
        socket.interrupt()
    }

    /// Waits for both threads: CPU nanoseconds, syncs, and what has gone wrong.
    func end() -> (cpu: Double, syncs: Int, failure: SystemError?) {
        running.wait()
        return lock.withLock { (Double(cpuNanoseconds), syncs, failure) }
    }
}

/// Waits until a number of threads have done their part.
final class Countdown: @unchecked Sendable {
    private let lock = Lock()
    private let changed = Condition()
    private var left: Int

    init(_ count: Int) { left = count }

    func finishOne() {
        lock.withLock {
            left -= 1
            changed.signal()
        }
    }

    func wait() {
        lock.withLock { while left > 0 { lock.wait(changed) } }
    }
}
