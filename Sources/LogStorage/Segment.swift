import Platform

/// One segment of a log: a file that holds nothing but batches, and its index.
///
/// All fields are guarded by the lock of the log. The descriptor opens on first use; a slice keeps
/// it open for as long as it is read.
final class Segment: @unchecked Sendable {
    let baseOffset: Int64
    let path: String
    var index: SegmentIndex
    /// Bytes of sound batches; the file may be longer after a failed write.
    var size: Int
    /// One past the last offset.
    var nextOffset: Int64
    /// Bytes of the log before this segment, counted from where the log was opened.
    var logPosition: Int64 = 0
    /// Positions appended or checked by this process; reads of others are checked first.
    var verified: Range<Int>
    /// Holds bytes that no sync has covered.
    var isDirty = false
    /// The names belong to another segment now, so the descriptors stay open.
    private var isPinned = false
    private var file: (any File)?
    private let fileSystem: any FileSystem

    init(
        baseOffset: Int64, path: String, index: SegmentIndex, size: Int, nextOffset: Int64,
        file: (any File)?, fileSystem: any FileSystem
    ) {
        self.baseOffset = baseOffset
        self.path = path
        self.index = index
        self.size = size
        self.nextOffset = nextOffset
        self.verified = size..<size
        self.file = file
        self.fileSystem = fileSystem
    }

    /// Creates both files; they are durable after the directory is synced.
    static func create(
        in directory: String, baseOffset: Int64, clock: any Clock, fileSystem: any FileSystem
    ) throws(SystemError) -> Segment {
        let stem = directory + "/" + name(baseOffset)
        let identity = newIdentity(baseOffset, directory, clock)
        if fileSystem.exists(stem + ".log") { try fileSystem.remove(stem + ".log") }
        let file = try fileSystem.create(stem + ".log")
        let index = try SegmentIndex.create(
            path: stem + ".index", identity: identity, fileSystem: fileSystem)
        return Segment(
            baseOffset: baseOffset, path: stem + ".log", index: index, size: 0,
            nextOffset: baseOffset, file: file, fileSystem: fileSystem)
    }

    /// An identity that no index of this directory had before.
    static func newIdentity(_ baseOffset: Int64, _ directory: String, _ clock: any Clock)
        -> IndexIdentity
    {
        // FNV-1a over the directory and the times: unique enough, and the same for the same seed.
        var id: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ value: UInt64) { id = (id ^ value) &* 0x100_0000_01b3 }
        for byte in directory.utf8 { mix(UInt64(byte)) }
        let now = clock.wallMilliseconds
        mix(UInt64(bitPattern: now))
        mix(UInt64(bitPattern: clock.monotonicNanoseconds))
        mix(UInt64(bitPattern: baseOffset))
        return IndexIdentity(fileID: id, baseOffset: baseOffset, createdMilliseconds: now)
    }

    /// A base offset as files are named: 20 digits.
    static func name(_ baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits
    }

    func openFile() throws(SystemError) -> any File {
        if let file { return file }
        let opened = try fileSystem.open(path)
        file = opened
        return opened
    }

    /// Lets the descriptors go; slices that hold them keep them open.
    func releaseFiles() {
        if isPinned { return }
        file = nil
        index.releaseFile()
    }

    /// Keeps both files open for as long as the segment is used.
    func pin() throws(SystemError) {
        _ = try openFile()
        _ = try index.openFile()
        isPinned = true
    }

    var maxTimestamp: Int64 { index.last?.maxTimestamp ?? -1 }
    var createdMilliseconds: Int64 { index.identity.createdMilliseconds }

    /// Adds `range` to what is verified, if it touches it or is larger.
    func markVerified(_ range: Range<Int>) {
        if range.lowerBound <= verified.upperBound, verified.lowerBound <= range.upperBound {
            verified =
                min(
                    range.lowerBound, verified.lowerBound)..<max(
                    range.upperBound, verified.upperBound)
        } else if range.count > verified.count {
            verified = range
        }
    }
}
