import Foundation

#if QUERY
    typealias Surface = QuerySurface
#else
    typealias Surface = LogSurface
#endif

/// The surface to fuzz, named by `RTD_FUZZ_SURFACE`; from the environment, once: the run function
/// is called some 100,000 times a second. A trap, a slow input or a large allocation is a failure
/// that libFuzzer reports.
let chosen: Surface = {
    guard let name = getenv("RTD_FUZZ_SURFACE"),
        let surface = Surface(rawValue: String(cString: name))
    else { fatalError("RTD_FUZZ_SURFACE is one of \(Surface.allCases.map(\.rawValue))") }
    return surface
}()

/// libFuzzer's entry points.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: start, count: count)
    chosen.run(bytes.bytes)
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
