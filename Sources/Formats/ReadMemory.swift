/// Memory that the kernel copies file, pipe and socket bytes into.
///
/// It begins on a page. Large memory from malloc begins 16 bytes behind one, while the kernel's own
/// pages begin at 0, and copying "a little forward within the page" is what the string moves of
/// AMD's Zen processors are slow at: a read from a pipe took two to three times as long.
enum ReadMemory {
    private static let pageBytes = 4096

    @safe static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        .allocate(byteCount: bytes, alignment: pageBytes)
    }
}
