import Foundation
import KafkaProtocol

/// libFuzzer's entry points. The surface to fuzz is named by `RTD_FUZZ_SURFACE`; one build serves
/// all of them. A trap, a slow input or a large allocation is a failure that libFuzzer reports.
enum Surface: String, CaseIterable {
    case requests, responses, batches, codecs, json, csv, sql, regex

    /// From the environment, once: the run function is called some 100,000 times a second.
    static let chosen: Surface = {
        guard let name = getenv("RTD_FUZZ_SURFACE"),
            let surface = Surface(rawValue: String(cString: name))
        else { fatalError("RTD_FUZZ_SURFACE is one of \(Surface.allCases.map(\.rawValue))") }
        return surface
    }()

    func run(_ bytes: RawSpan) {
        switch self {
        case .requests: fuzzRequest(bytes)
        case .responses: fuzzResponse(bytes)
        case .batches: fuzzBatch(bytes)
        case .codecs: fuzzCodec(bytes)
        case .json: fuzzJSON(bytes)
        case .csv: fuzzCSV(bytes)
        case .sql: fuzzSQL(bytes)
        case .regex: fuzzRegex(bytes)
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: start, count: count)
    Surface.chosen.run(bytes.bytes)
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// SwiftPM links an executable with `<module>_main`, which libFuzzer's own `main` is not.
@_cdecl("fuzz_main")
public func fuzzMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count
    var arguments = arguments
    return withUnsafeMutablePointer(to: &arguments) { runFuzzer(&count, $0, fuzzOneInput) }
}
