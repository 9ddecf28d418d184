/// Memory that a codec works in, allocated once and never cleared.
@safe
struct ScratchBytes: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) {
        unsafe bytes = .allocate(byteCount: count, alignment: 16)
    }

    deinit {
        unsafe bytes.deallocate()
    }

    /// Valid while this scratch is.
    var target: TargetBytes { unsafe TargetBytes(bytes) }
}
