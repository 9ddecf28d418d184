import Platform

/// `rtd serve`.
enum ServeCommand {
    static func run(_ options: ServeOptions) -> Int32 {
        StandardError.write(line: "rtd: serve: not built yet")
        return 2
    }
}
