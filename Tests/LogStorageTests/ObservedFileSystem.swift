import Platform

/// A simulated disk that tells before each call that changes it: there a test takes the states that
/// a crash would leave.
final class ObservedFileSystem: FileSystem, @unchecked Sendable {
    let disk: SimulatedFileSystem
    /// Called outside of the disk's lock.
    var willChange: (() -> Void)?
    /// Called, likewise, before a file of this path is made or written to.
    var willWrite: ((String) -> Void)?

    init(_ disk: SimulatedFileSystem) { self.disk = disk }

    func open(_ path: String) throws(SystemError) -> any File {
        ObservedFile(try disk.open(path), self)
    }
    func openReadOnly(_ path: String) throws(SystemError) -> any File {
        try disk.openReadOnly(path)
    }
    func create(_ path: String) throws(SystemError) -> any File {
        willChange?()
        willWrite?(path)
        return ObservedFile(try disk.create(path), self)
    }
    func makeDirectory(_ path: String) throws(SystemError) { try disk.makeDirectory(path) }
    func list(_ path: String) throws(SystemError) -> [String] { try disk.list(path) }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func isDirectory(_ path: String) -> Bool { disk.isDirectory(path) }
    func rename(_ source: String, to target: String) throws(SystemError) {
        willChange?()
        try disk.rename(source, to: target)
    }
    func remove(_ path: String) throws(SystemError) {
        willChange?()
        try disk.remove(path)
    }
    func removeDirectory(_ path: String) throws(SystemError) { try disk.removeDirectory(path) }
    func syncDirectory(_ path: String) throws(SystemError) {
        willChange?()
        try disk.syncDirectory(path)
    }
    func space(_ path: String) throws(SystemError) -> (free: Int64, total: Int64) {
        try disk.space(path)
    }
}

private final class ObservedFile: File, @unchecked Sendable {
    private let file: any File
    private let fileSystem: ObservedFileSystem

    init(_ file: any File, _ fileSystem: ObservedFileSystem) {
        self.file = file
        self.fileSystem = fileSystem
    }

    var path: String { file.path }
    var descriptor: CInt? { nil }
    func size() throws(SystemError) -> Int64 { try file.size() }
    func read(at position: Int64, into target: UnsafeMutableRawBufferPointer)
        throws(SystemError) -> Int
    {
        try file.read(at: position, into: target)
    }
    func write(at position: Int64, _ source: UnsafeRawBufferPointer) throws(SystemError) {
        fileSystem.willChange?()
        fileSystem.willWrite?(path)
        try file.write(at: position, source)
    }
    func synchronize() throws(SystemError) {
        fileSystem.willChange?()
        try file.synchronize()
    }
    func truncate(to size: Int64) throws(SystemError) {
        fileSystem.willChange?()
        try file.truncate(to: size)
    }
    func advise(_ advice: FileAdvice, at position: Int64, count: Int64) {}
    func close() {}
}
