import CSystem

/// What the C library does with memory that was freed.
public enum FreedMemory {
    private static let keptBytes: CInt = 16 << 20
    private static let ownMappingBytes: CInt = 4 << 20

    /// Keeps up to 16 MiB of it for what is allocated next, in all threads. glibc alone gives the
    /// columns and blocks of a batch back to the kernel, and the next batch finds every page of
    /// them new: three to four times as many page faults in a query over a pipe or a topic. Large
    /// memory is still given back at once.
    public static func keep() { rtd_keep_freed_memory(keptBytes, ownMappingBytes) }
}
