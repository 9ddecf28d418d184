@testable import Formats

/// SplitMix64, so that a failing random test can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// What `body` appends to a new buffer.
func written(_ body: (inout OutputBuffer) throws -> Void) rethrows -> [UInt8] {
    var buffer = OutputBuffer(capacity: 64)
    try body(&buffer)
    return buffer.bytes.copiedBytes()
}

extension RawSpan {
    func copiedBytes() -> [UInt8] { withUnsafeBytes { Array($0) } }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}

// `#expect` takes no spans and no buffers, so these take arrays.

func isUTF8(_ bytes: [UInt8]) -> Bool { UTF8Check.isValid(bytes.span.bytes) }

func find(_ target: UInt8, _ bytes: [UInt8]) -> Int? {
    ByteScan.firstIndex(of: target, in: bytes.span.bytes, from: 0)
}

func find(_ pattern: [UInt8], _ bytes: [UInt8], from start: Int = 0) -> Int? {
    ByteScan.firstIndex(of: pattern, in: bytes.span.bytes, from: start)
}

func plainEnd(_ bytes: [UInt8]) -> Int { ByteScan.plainEnd(bytes.span.bytes, from: 0) }

func asciiEnd(_ bytes: [UInt8]) -> Int { ByteScan.asciiEnd(bytes.span.bytes, from: 0) }

/// `bytes` as a JSON string; nil if refused, which leaves the buffer as it was.
func jsonString(_ bytes: [UInt8]) -> [UInt8]? {
    var buffer = OutputBuffer(capacity: 64)
    buffer.append("x")
    let done = buffer.append(jsonString: bytes.span.bytes)
    let output = buffer.bytes.copiedBytes()
    return done ? Array(output.dropFirst()) : output.count == 1 ? nil : output
}

func compactJSON(_ bytes: [UInt8]) -> [UInt8]? {
    var buffer = OutputBuffer(capacity: 64)
    let done = buffer.append(compactJSON: bytes.span.bytes)
    return done ? buffer.bytes.copiedBytes() : nil
}

func encode64(_ bytes: [UInt8], padded: Bool = true) -> [UInt8] {
    written { Base64.encode(bytes.span.bytes, into: &$0, padded: padded) }
}

func decode64(_ bytes: [UInt8]) throws -> [UInt8] {
    try written { try Base64.decode(bytes.span.bytes, into: &$0) }
}

func decimal(_ value: Int64, width: Int? = nil) -> String {
    written { buffer in
        if let width {
            buffer.append(decimal: value, width: width)
        } else {
            buffer.append(decimal: value)
        }
    }.text
}

func strftime(_ format: StrftimeFormat, _ milliseconds: Int64) -> String {
    written { format.append(milliseconds: milliseconds, to: &$0) }.text
}
