import Foundation
import Platform
import Records
import Testing

@testable import Service

@Suite struct DirectoryTests {
    @Test func `what a server says of itself is read as it was written`() {
        let record = ServerRecord(
            kind: .onDemand, processID: 4_242, host: "h\"\\\u{1}", version: "0.1.0",
            kafka: ["127.0.0.1:9092", "[::1]:9092"], directory: "/tmp/ö \n",
            runDirectory: "/run/\"1\"")
        #expect(ServerRecord(line: record.line) == record)
        #expect(!record.line.contains("\n"))
    }

    @Test func `a line that is none of ours is no record`() throws {
        let record = ServerRecord(
            kind: .serve, processID: 1, host: "h", version: "v", kafka: [], directory: "/d",
            runDirectory: "/r")
        for count in 0..<record.line.count {
            #expect(ServerRecord(line: String(record.line.prefix(count))) == nil)
        }
        let older = record.line.replacingOccurrences(of: ",\"run\":\"/r\"", with: "")
        #expect(try #require(ServerRecord(line: older)).runDirectory == nil)
        let newer = record.line.dropLast() + ",\"more\":1}"
        #expect(ServerRecord(line: String(newer)) == record)
        #expect(ServerRecord(line: "{}") == nil)
    }

    @Test(
        arguments: [
            (["RTD_DATA": "/a/"], nil, "/a"), (["RTD_DATA": "/a"], "/b", "/b"),
            (["XDG_DATA_HOME": "/x"], nil, "/x/rtd"), (["HOME": "/h"], nil, "/h/.local/share/rtd"),
            (["XDG_DATA_HOME": "relative", "HOME": "/h"], nil, "/h/.local/share/rtd"),
        ] as [([String: String], String?, String)])
    func `the directory is found where the environment says`(
        environment: [String: String], asked: String?, path: String
    ) throws {
        #expect(try DataDirectory.locate(asked) { environment[$0] }.path == path)
    }

    @Test func `versions are compared by their numbers`() {
        #expect(Takeover.isOlder("0.9.1", than: "0.10.0"))
        #expect(!Takeover.isOlder("0.1.0", than: "0.1.0"))
        #expect(!Takeover.isOlder("1.0.0", than: "0.9.9"))
    }

    @Test func `without HOME no place is guessed`() {
        #expect(throws: ServiceError.self) { try DataDirectory.locate(nil) { _ in nil } }
    }

    @Test func `a socket's path is short enough however long the runtime directory is`() {
        let long = "/" + String(repeating: "x", count: 100)
        let run = RunDirectory(of: DataDirectory(path: "/d")) { _ in long }
        #expect(run.kafkaSocket.utf8.count <= SocketAddress.unixPathBytesMax)
        #expect(run.path.hasPrefix("/tmp/rtd-"))
    }

    @Test func `two directories have two run directories`() {
        let one = RunDirectory(of: DataDirectory(path: "/d1")) { _ in nil }
        let two = RunDirectory(of: DataDirectory(path: "/d2")) { _ in nil }
        #expect(one.path != two.path)
    }

    @Test func `a directory of a newer format is refused`() throws {
        let path = NSTemporaryDirectory() + "rtd-format-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = DataDirectory(path: path)
        try directory.prepare()
        let made = try directory.openFormat(random: SystemRandom())
        #expect(try directory.openFormat(random: SystemRandom()) == made)
        let newer = DataDirectory.Format(version: 99, clusterID: made.clusterID, nodeID: 1)
        try POSIXFileSystem().replace(directory.formatPath, with: Array(newer.text.utf8))
        #expect(throws: ServiceError.self) {
            try directory.openFormat(random: SystemRandom())
        }
    }

    @Test func `what a killed server has left in the lock is not taken for the next one's word`()
        throws
    {
        let path = NSTemporaryDirectory() + "rtd-lock-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let directory = DataDirectory(path: path)
        try directory.prepare()
        let dead = ServerRecord(
            kind: .serve, processID: 1, host: Processes.hostName, version: "v", kafka: [],
            directory: path, runDirectory: "/nowhere")
        try POSIXFileSystem().replace(directory.lockPath, with: Array((dead.line + "\n").utf8))
        #expect(ServerRecord.holder(of: directory) == nil)
        let lock = try #require(try Takeover.take(directory))
        withExtendedLifetime(lock) {
            #expect(FileLock.isHeld(directory.lockPath))
            #expect(ServerRecord.holder(of: directory) == nil)
        }
    }

    @Test func `a directory that others can write is refused`() throws {
        let path = NSTemporaryDirectory() + "rtd-open-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o777])
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
        #expect(throws: ServiceError.self) { try DataDirectory(path: path).prepare() }
    }
}
