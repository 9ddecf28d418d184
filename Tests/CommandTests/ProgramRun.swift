import Foundation

/// One run of the built `rtd`, or of a shell line that calls it.
struct ProgramRun {
    var status: Int32
    var output: String
    var messages: String

    /// The directory that holds the built program: the one of the test bundle.
    static let binaries: URL = {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let running = bundle ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return running.resolvingSymlinksInPath().deletingLastPathComponent()
    }()

    /// Runs bash with `rtd` first on the path, in `directory`, which is also where its data goes.
    static func shell(
        _ line: String, in directory: URL, environment: [String: String] = [:]
    ) throws -> ProgramRun {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["bash", "-o", "pipefail", "-c", line]
        process.currentDirectoryURL = directory
        let inherited = ProcessInfo.processInfo.environment
        process.environment = inherited.merging([
            "PATH": "\(binaries.path):\(inherited["PATH"] ?? "/usr/bin:/bin")",
            "RTD_DATA": directory.appendingPathComponent("data").path,
        ]) { $1 }.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: a server started on demand may outlive the line.
        let output = directory.appendingPathComponent(UUID().uuidString)
        let messages = directory.appendingPathComponent(UUID().uuidString)
        for file in [output, messages] {
            guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
                throw CocoaError(.fileWriteUnknown)
            }
        }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: messages)
        try process.run()
        process.waitUntilExit()
        return ProgramRun(
            status: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            messages: String(decoding: try Data(contentsOf: messages), as: UTF8.self))
    }

    /// Gives `body` a new directory, and stops the server that `body` may have left there.
    static func inNewDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("rtd-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer {
            _ = try? shell("rtd serve --stop", in: directory)
            try? FileManager.default.removeItem(at: directory)
        }
        return try body(directory)
    }
}
