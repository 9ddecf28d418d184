import Bytes
import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that this one starts, feeds, reads and waits for. Its standard streams are pipes, this
/// process's own, or nothing. Pipe ends may be used by a thread each.
public struct ChildProcess: Sendable {
    public enum Stream: Sendable {
        /// /dev/null
        case null
        /// The stream of this process.
        case inherited
        case pipe
    }

    /// How a process has ended, and what it has used.
    public struct Ending: Sendable {
        /// The exit status, or 128 and the number of the signal that ended it.
        public let status: Int32
        public let usage: ProcessUsage
    }

    public let id: Int32
    /// Nil where the stream is no pipe.
    public let input: PipeEnd?
    public let output: PipeEnd?
    public let errors: PipeEnd?

    public static func start(
        _ executable: String, _ arguments: [String], input: Stream = .null,
        output: Stream = .inherited, errors: Stream = .inherited
    ) throws(SystemError) -> ChildProcess {
        var theirs: [CInt] = []
        var ours: [PipeEnd?] = []
        defer {
            for (number, descriptor) in theirs.enumerated() where descriptor > 2 {
                if ours[number] != nil { closeDescriptor(descriptor) }
            }
        }
        for (number, stream) in [input, output, errors].enumerated() {
            let (their, our) = try ends(of: stream, number)
            theirs.append(their)
            ours.append(our)
        }
        var pointers = unsafe ([executable] + arguments).map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var id: CInt = 0
        let status = unsafe rtd_spawn(executable, pointers, theirs, &id)
        guard status == 0 else {
            for end in ours { end?.close() }
            throw SystemError(code: status, operation: "start", subject: executable)
        }
        return ChildProcess(id: id, input: ours[0], output: ours[1], errors: ours[2])
    }

    private static func ends(of stream: Stream, _ number: Int) throws(SystemError) -> (
        CInt, PipeEnd?
    ) {
        switch stream {
        case .null: return (-1, nil)
        case .inherited: return (CInt(number), nil)
        case .pipe:
            var ends: [CInt] = [-1, -1]
            guard unsafe Self.makePipe(&ends) == 0 else { throw SystemError.last("make a pipe") }
            // Above the standard streams, so that putting one in its place closes no other; and
            // closed by exec.
            let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }
            for end in ends { closeDescriptor(end) }
            let reading = PipeEnd(descriptor: moved[0])
            let writing = PipeEnd(descriptor: moved[1])
            return number == 0 ? (moved[0], writing) : (moved[1], reading)
        }
    }

    private static func makePipe(_ ends: UnsafeMutablePointer<CInt>) -> CInt {
        unsafe pipe(ends)
    }

    /// Waits for its end. Called once.
    public func wait() -> Ending {
        var status: CInt = 0
        var usage = rusage()
        _ = uninterrupted { unsafe Int(wait4(id, &status, 0, &usage)) }
        let signal = status & 0x7f
        return Ending(
            status: signal == 0 ? status >> 8 & 0xff : 128 + signal, usage: ProcessUsage(usage))
    }

    /// Waits until this descriptor or that has something to read, or the time has passed.
    public static func waitReadable(_ ends: [PipeEnd], nanoseconds: Int64) -> Bool {
        let descriptors = ends.map(\.descriptor)
        return unsafe rtd_wait_readable(descriptors, CInt(descriptors.count), nanoseconds) > 0
    }
}

/// One end of a pipe to another process.
public struct PipeEnd: Sendable {
    let descriptor: CInt

    /// Writes all of it; a reader that has left is an error.
    public func write(_ bytes: RawSpan) throws(SystemError) {
        var start = 0
        while start < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: start)
            let written = unsafe rest.withUnsafeBytes { buffer in
                uninterrupted { unsafe Self.write(descriptor, buffer) }
            }
            guard written >= 0 else { throw SystemError.last("write to", "a pipe") }
            start += written
        }
    }

    private static func write(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            unsafe Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            unsafe Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    /// Waits for bytes and fills the front of `target` with them; 0 at the end.
    public func read(into target: inout [UInt8]) -> Int {
        unsafe target.withUnsafeMutableBytes { bytes in
            uninterrupted { unsafe Self.read(descriptor, bytes) }
        }
    }

    private static func read(_ descriptor: CInt, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            unsafe Musl.read(descriptor, bytes.baseAddress, bytes.count)
        #else
            unsafe Darwin.read(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    /// All that comes until the other side closes its end, at most `limit` bytes of it kept.
    public func readAll(limit: Int) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(into: &buffer)
            guard count > 0 else { return all }
            all += buffer[..<min(count, max(0, limit - all.count))]
        }
    }

    public func close() { closeDescriptor(descriptor) }
}
