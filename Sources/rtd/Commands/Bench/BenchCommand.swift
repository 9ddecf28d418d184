import Platform

/// `rtd bench`.
enum BenchCommand {
    static func run(_ options: BenchOptions) -> Int32 {
        StandardError.write(line: "rtd: bench: not built yet")
        return 2
    }
}
