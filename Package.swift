// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Cross-module optimisation is what makes `public` code fast across targets in release: without
/// it a generic called from another target runs about ten times slower.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    // A section for each function, so that the linker can leave out those that nobody calls.
    .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
    // Regular expressions of the standard library are not used; its conformances keep them alive.
    .unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"]),
]

/// Dynamic exclusivity checks cost an append to a log about 500 of 900 ns beside its write, where
/// all that they would watch is under the log's lock, and a query of many small steps 5 % of its
/// time, whose operators belong to one thread. Of a captured change they are an eighth, by
/// instructions; a capture's machines belong to one thread too. Debug builds and tests keep them.
let uncheckedTargets: Set<String> = [
    "LogStorage", "Formats", "Aggregation", "Query", "PostgresProtocol", "ChangeDataCapture",
]
let uncheckedExclusivity: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// What runs once a statement or a command is made small instead of fast.
let smallTargets: Set<String> = ["SQL", "ArgumentParsing"]
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// The Swift runtime and, where its archive is installed, libstdc++ are linked statically in
/// release, so that the binary runs on any machine with the same C library and starts in about 2 ms.
let hasStaticLibrary =
    FileManager.default.subpaths(atPath: "/usr/lib/gcc")?
    .contains { $0.hasSuffix("/libstdc++.a") } ?? false
/// Relocations packed by ELF's RELR are a megabyte smaller; glibc loads them from 2.36 on.
let packsRelocations: Bool = {
    #if canImport(Glibc)
        // _CS_GNU_LIBC_VERSION: "glibc 2.36"
        var name = [CChar](repeating: 0, count: 64)
        let count = confstr(2, &name, name.count)
        let parts = name.prefix(max(0, count - 1)).map { UInt8(bitPattern: $0) }
            .split { $0 < 0x30 || $0 > 0x39 }
            .compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        return parts.count >= 2 && (parts[0], parts[1]) >= (2, 36)
    #else
        return false
    #endif
}()
let linkStatically: [LinkerSetting] = [
    .unsafeFlags(
        // Nobody looks symbols up by name: exporting them would keep all that is public. Functions
        // that are the same are one (Swift compares none by its address): 1.4 MB.
        [
            "-static-stdlib", "-use-ld=lld", "-Xlinker", "-s", "-Xlinker", "--icf=all",
            "-Xlinker", "--no-export-dynamic", "-Xlinker", "--gc-sections",
            "-Xlinker", "--no-eh-frame-hdr", "-Xlinker", "-T", "-Xlinker",
            "\(Context.packageDirectory)/Sources/CSystem/static/sections.ld",
        ]
            + (packsRelocations ? ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] : [])
            + (hasStaticLibrary
                ? ["-L\(Context.packageDirectory)/Sources/CSystem/static"] : []),
        .when(platforms: [.linux], configuration: .release))
]

func core(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: dependencies,
        swiftSettings: settings + (smallTargets.contains(name) ? small : [])
            + (uncheckedTargets.contains(name) ? uncheckedExclusivity : []))
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)",
        swiftSettings: [
            .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
            .enableExperimentalFeature("Lifetimes"),
        ])
}

let package = Package(
    name: "rtd",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "rtd", targets: ["rtd"])],
    targets: [
        .target(name: "CSystem", exclude: ["static"]),
        core("Bytes", ["CSystem"]),
        core("Records", ["Bytes"]),
        core("Formats", ["Bytes"]),
        core("Platform", ["Bytes", "CSystem"]),
        core("LogStorage", ["Records", "Platform", "Bytes"]),
        core("Streaming", ["LogStorage", "Records", "Platform", "Bytes"]),
        core("Aggregation", ["Formats", "Bytes", "CSystem"]),
        core("SQL", ["Aggregation", "Formats", "Bytes"]),
        core("Query", ["SQL", "Aggregation", "Formats", "Records", "Platform", "Bytes"]),
        core(
            "ChangeDataCapture", ["PostgresProtocol", "Formats", "Records", "Platform", "Bytes"]),
        core("PostgresProtocol", ["Bytes"]),
        core("HTTPProtocol", []),
        core("KafkaProtocol", ["Records", "Bytes"]),
        core("KafkaClient", ["KafkaProtocol", "Records", "Platform", "Bytes"]),
        core(
            "Service",
            [
                "Streaming", "LogStorage", "KafkaProtocol", "Formats", "Records", "Platform",
                "Bytes",
            ]),
        core("ArgumentParsing", []),
        .executableTarget(
            name: "rtd",
            dependencies: [
                "Service", "KafkaClient", "Streaming", "LogStorage", "KafkaProtocol", "Records",
                "Platform", "Bytes", "ArgumentParsing", "Formats", "SQL", "Query", "Aggregation",
                "ChangeDataCapture", "HTTPProtocol",
            ],
            swiftSettings: settings, linkerSettings: linkStatically),
        tests("StyleTests", []),
        tests("BytesTests", ["Bytes"]),
        tests("PlatformTests", ["Platform"]),
        tests("LogStorageTests", ["LogStorage", "Records", "Platform", "Bytes"]),
        tests("ArgumentParsingTests", ["ArgumentParsing"]),
        tests("CommandTests", ["rtd", "ArgumentParsing", "KafkaClient", "KafkaProtocol"]),
        tests(
            "KafkaClientTests", ["KafkaClient", "KafkaProtocol", "Records", "Platform", "Bytes"]),
        tests("KafkaProtocolTests", ["KafkaProtocol", "Records", "Bytes"]),
        tests("FormatsTests", ["Formats", "Bytes"]),
        tests("AggregationTests", ["Aggregation", "Formats", "Bytes"]),
        tests("SQLTests", ["SQL", "Aggregation", "Formats"]),
        tests("QueryTests", ["Query", "SQL", "Aggregation", "Formats", "Platform", "Bytes"]),
        tests("StreamingTests", ["Streaming", "LogStorage", "Records", "Platform", "Bytes"]),
        tests(
            "ServiceTests",
            ["Service", "Streaming", "KafkaClient", "KafkaProtocol", "Records", "Platform"]),
        tests("PostgresProtocolTests", ["PostgresProtocol", "Bytes"]),
        tests("HTTPProtocolTests", ["HTTPProtocol"]),
        tests(
            "ChangeDataCaptureTests",
            ["ChangeDataCapture", "PostgresProtocol", "Formats", "Platform", "Bytes"]),
        tests("RecordTextTests", ["rtd", "Formats", "Records", "Bytes"]),
    ]
)

// What the fuzzers run, and the test that runs their inputs once. The fuzzers themselves need flags
// that a developer's build does not have: Tests/Fuzz/run sets RTD_FUZZ to the group that is wanted.
let fuzzSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
]
/// One of the two groups, with the entry points that libFuzzer calls.
func fuzzer(_ group: String, _ dependencies: [Target.Dependency], _ more: [SwiftSetting]) -> Target
{
    .executableTarget(
        name: "fuzz", dependencies: dependencies, path: "Tests/Fuzz", sources: ["Driver", group],
        swiftSettings: fuzzSettings + more + [.unsafeFlags(["-parse-as-library"])])
}
let logFuzzed: [Target.Dependency] = [
    "Service", "Streaming", "LogStorage", "KafkaProtocol", "PostgresProtocol", "HTTPProtocol",
    "Records", "Platform", "Bytes",
]
let queryFuzzed: [Target.Dependency] = [
    "Query", "SQL", "Aggregation", "Formats", "Platform", "Bytes",
]
if let group = Context.environment["RTD_FUZZ"] {
    package.targets.append(
        group == "query"
            ? fuzzer("Query", queryFuzzed, [.define("QUERY")]) : fuzzer("Log", logFuzzed, []))
    package.products.append(.executable(name: "fuzz", targets: ["fuzz"]))
} else {
    package.targets.append(
        .testTarget(
            name: "FuzzTests",
            dependencies: logFuzzed + ["Query", "SQL", "Aggregation", "Formats"],
            path: "Tests/Fuzz",
            exclude: ["corpus", "Driver", "run", "seeds.py", "capture.py"],
            sources: ["Log", "Query", "Replay"], swiftSettings: fuzzSettings))
}
